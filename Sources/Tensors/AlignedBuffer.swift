public import Foundation

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

    /// Allocates memory for `count` scalars whose bytes are all zero, where `count` comes from outside of the program. Large
    /// memory is taken from the system page by page, at the first use of each.
    ///
    /// - Throws: ``AllocationError`` where there is not as much.
    public init(allocating count: Int) throws(AllocationError) {
        try self.init(count: count) { calloc(1, $0) }
    }

    /// The same, filled: all pages are taken from the system at once.
    ///
    /// - Parameters:
    ///   - count: How many scalars there are; may be 0.
    ///   - value: What every scalar becomes.
    /// - Throws: ``AllocationError`` where there is not as much memory.
    public init(allocating count: Int, filledWith value: Scalar) throws(AllocationError) {
        try self.init(allocating: count)
        vector.fill(value)
    }

    /// Allocates memory for `count` scalars whose bytes are all zero, which there has to be: for a size that the program
    /// itself decides on.
    public init(zeroed count: Int) {
        self.init(expecting: count) { calloc(1, $0) }
    }

    /// Allocates memory for `count` scalars of any contents, to be written before they are read.
    init(uninitialized count: Int) {
        self.init(expecting: count) { malloc($0) }
    }

    /// Allocates memory for `count` scalars, which there has to be, and fills it.
    ///
    /// - Parameters:
    ///   - value: What every scalar becomes.
    ///   - count: How many scalars there are; may be 0.
    public init(repeating value: Scalar, count: Int) {
        self.init(zeroed: count)
        vector.fill(value)
    }

    private init(expecting count: Int, _ allocate: (_ byteCount: Int) -> UnsafeMutableRawPointer?) {
        do { try self.init(count: count, allocate) } catch { preconditionFailure("\(error)") }
    }

    private init(
        count: Int, _ allocate: (_ byteCount: Int) -> UnsafeMutableRawPointer?
    ) throws(AllocationError) {
        let stride = MemoryLayout<Scalar>.stride
        let (byteCount, overflow) = max(1, count).multipliedReportingOverflow(by: stride)
        guard count >= 0, !overflow, byteCount <= Int.max - Self.alignment,
            let allocation = allocate(byteCount + Self.alignment)
        else { throw AllocationError(count: count, stride: stride) }
        self.allocation = allocation
        base = allocation.alignedUp(toMultipleOf: Self.alignment).bindMemory(
            to: Scalar.self, capacity: max(1, count))
        self.count = count
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

/// Memory that the system does not give.
public struct AllocationError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// The scalars that were to be stored.
    public let count: Int
    /// The bytes of each.
    public let stride: Int

    /// An error of an allocation.
    public init(count: Int, stride: Int) {
        (self.count, self.stride) = (count, stride)
    }

    /// One line that says how much was wanted.
    public var description: String {
        "allocating memory for \(count) numbers of \(stride) bytes: expected \(Double(count) * Double(stride) / 1e9)"
            + " GB, found less"
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}
