/// Flat memory for `count` scalars, aligned to 64 bytes (a cache line and the widest vector register), owned by
/// exactly one value and freed with it.
///
/// All arithmetic goes through the views it hands out; a view must not outlive its buffer.
public struct AlignedBuffer<Scalar: BitwiseCopyable>: ~Copyable {
    /// The alignment in bytes.
    public static var alignment: Int { 64 }

    private let base: UnsafeMutablePointer<Scalar>

    /// The number of scalars.
    public let count: Int

    /// Allocates memory for `count` scalars and fills it.
    ///
    /// - Parameters:
    ///   - value: What every scalar becomes.
    ///   - count: How many scalars there are; may be 0.
    public init(repeating value: Scalar, count: Int) {
        precondition(count >= 0, "a buffer cannot hold \(count) scalars")
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, count) * MemoryLayout<Scalar>.stride, alignment: Self.alignment)
        base = raw.bindMemory(to: Scalar.self, capacity: max(1, count))
        base.initialize(repeating: value, count: count)
        self.count = count
    }

    deinit {
        UnsafeMutableRawPointer(base).deallocate()
    }

    /// The whole buffer as a vector.
    public var vector: Vector<Scalar> { Vector(base: base, count: count) }

    /// The buffer's first `rows` · `columns` scalars as a row-major matrix.
    public func matrix(rows: Int, columns: Int) -> Matrix<Scalar> {
        vector[0..<rows * columns].matrix(rows: rows, columns: columns)
    }
}
