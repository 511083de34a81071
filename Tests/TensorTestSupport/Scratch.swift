public import Tensors

/// Memory for one test: vectors and matrices with given or random contents, freed together with it.
///
/// Not copyable, so that it lives to the end of the scope that holds it.
public struct Scratch: ~Copyable {
    private final class Allocations {
        var pointers: [UnsafeMutableRawPointer] = []
    }

    private let allocations = Allocations()
    private let seed: UInt64

    /// Memory whose random contents follow from `seed`.
    public init(seed: UInt64 = 1) {
        self.seed = seed
    }

    deinit {
        for pointer in allocations.pointers { pointer.deallocate() }
    }

    /// A vector that holds `values`.
    public func vector<Scalar: BitwiseCopyable>(_ values: [Scalar]) -> Vector<Scalar> {
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, values.count) * MemoryLayout<Scalar>.stride, alignment: 64)
        allocations.pointers.append(raw)
        let base = raw.bindMemory(to: Scalar.self, capacity: max(1, values.count))
        base.initialize(from: values, count: values.count)
        return Vector(base: base, count: values.count)
    }

    /// A vector that holds `values` rounded to another precision.
    public func vector<Scalar: TensorScalar>(rounding values: [Double]) -> Vector<Scalar> {
        vector(values.map { Scalar($0) })
    }

    /// Standard normal numbers, from a random stream of their own for every `stream`.
    public func normals<Scalar: TensorScalar>(_ count: Int, stream: Int) -> Vector<Scalar> {
        vector(rounding: Self.normals(count, seed: seed, stream: stream))
    }

    /// A matrix of standard normal numbers.
    public func normals<Scalar: TensorScalar>(_ rows: Int, _ columns: Int, stream: Int) -> Matrix<Scalar> {
        normals(rows * columns, stream: stream).matrix(rows: rows, columns: columns)
    }

    /// A vector that holds NaN, to be overwritten.
    public func unset<Scalar: TensorScalar>(_ count: Int) -> Vector<Scalar> {
        vector([Scalar](repeating: .nan, count: count))
    }

    /// A matrix that holds NaN, to be overwritten.
    public func unset<Scalar: TensorScalar>(_ rows: Int, _ columns: Int) -> Matrix<Scalar> {
        unset(rows * columns).matrix(rows: rows, columns: columns)
    }

    /// Standard normal numbers that Float holds exactly, so that both precisions compute with the same ones.
    public static func normals(_ count: Int, seed: UInt64, stream: Int) -> [Double] {
        var random = RandomStream(seed: seed, purpose: .testing, shard: stream)
        return (0..<count).map { _ in Double(Float(random.normalPair().0)) }
    }
}
