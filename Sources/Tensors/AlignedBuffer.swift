internal import Foundation

/// Flat memory for `count` scalars, aligned to 64 bytes (a cache line and the widest vector register), owned by
/// exactly one value and freed with it.
///
/// All arithmetic goes through the views it hands out; a view must not outlive its buffer.
public struct AlignedBuffer<Scalar: BitwiseCopyable>: ~Copyable {
    /// The alignment in bytes.
    public static var alignment: Int { 64 }

    private let allocation: UnsafeMutableRawPointer
    private let base: UnsafeMutablePointer<Scalar>

    /// The number of scalars.
    public let count: Int

    /// Allocates memory for `count` scalars whose bytes are all zero. Large memory is taken from the system page by page,
    /// at the first use of each.
    public init(zeroed count: Int) {
        self.init(count: count) { calloc(1, $0) }
    }

    /// Allocates memory for `count` scalars of any contents, to be written before they are read.
    init(uninitialized count: Int) {
        self.init(count: count) { malloc($0) }
    }

    private init(count: Int, _ allocate: (_ byteCount: Int) -> UnsafeMutableRawPointer?) {
        precondition(count >= 0, "a buffer cannot hold \(count) scalars")
        let byteCount = max(1, count) * MemoryLayout<Scalar>.stride + Self.alignment
        guard let allocation = allocate(byteCount) else {
            preconditionFailure("no memory for \(byteCount) bytes")
        }
        self.allocation = allocation
        base = allocation.alignedUp(toMultipleOf: Self.alignment).bindMemory(
            to: Scalar.self, capacity: max(1, count))
        self.count = count
    }

    /// Allocates memory for `count` scalars and fills it.
    ///
    /// - Parameters:
    ///   - value: What every scalar becomes.
    ///   - count: How many scalars there are; may be 0.
    public init(repeating value: Scalar, count: Int) {
        self.init(zeroed: count)
        vector.fill(value)
    }

    deinit {
        free(allocation)
    }

    /// The whole buffer as a vector.
    public var vector: Vector<Scalar> { Vector(base: base, count: count) }

    /// The buffer's first `rows` · `columns` scalars as a row-major matrix.
    public func matrix(rows: Int, columns: Int) -> Matrix<Scalar> {
        vector[0..<rows * columns].matrix(rows: rows, columns: columns)
    }
}
