internal import CKernels

/// A view of consecutive scalars that somebody else owns, usually an ``AlignedBuffer``.
///
/// Copying a vector copies the view, not the numbers. It must not outlive the memory's owner.
public struct Vector<Scalar: BitwiseCopyable>: @unchecked Sendable {
    /// The first scalar.
    public let base: UnsafeMutablePointer<Scalar>

    /// The number of scalars.
    public let count: Int

    /// Views `count` scalars from `base` on.
    public init(base: UnsafeMutablePointer<Scalar>, count: Int) {
        self.base = base
        self.count = count
    }

    /// The scalars as a buffer pointer, for collectives and files.
    public var buffer: UnsafeMutableBufferPointer<Scalar> {
        UnsafeMutableBufferPointer(start: base, count: count)
    }

    /// The scalar at `index`, in `0..<count`.
    public subscript(index: Int) -> Scalar {
        get {
            precondition(index >= 0 && index < count, "index \(index) lies outside 0..<\(count)")
            return base[index]
        }
        nonmutating set {
            precondition(index >= 0 && index < count, "index \(index) lies outside 0..<\(count)")
            base[index] = newValue
        }
    }

    /// The part of the vector in `range`.
    public subscript(range: Range<Int>) -> Vector {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) lies outside 0..<\(count)")
        return Vector(base: base + range.lowerBound, count: range.count)
    }

    /// The vector as a row-major matrix of `rows` · `columns` = `count` scalars.
    public func matrix(rows: Int, columns: Int) -> Matrix<Scalar> {
        precondition(rows * columns == count, "\(count) scalars are no [\(rows), \(columns)] matrix")
        return Matrix(base: base, rows: rows, columns: columns)
    }

    /// The memory as bytes.
    public var bytes: Vector<UInt8> {
        let count = count * MemoryLayout<Scalar>.stride
        return Vector<UInt8>(
            base: UnsafeMutableRawPointer(base).bindMemory(to: UInt8.self, capacity: count), count: count)
    }

    /// Sets every scalar to `value`.
    public func fill(_ value: Scalar) {
        buffer.update(repeating: value)
    }

    /// Copies `other`, which has as many scalars, into this vector's memory.
    public func copy(from other: Vector) {
        precondition(other.count == count, "\(other.count) scalars do not fit into \(count)")
        base.update(from: other.base, count: count)
    }

    /// The scalars as an array of their own.
    public var array: [Scalar] {
        // Inlined where nobody reads the array, Swift 6.3.1 frees it before it copies the scalars into it.
        @inline(never) get { Array(buffer) }
    }
}

extension Vector where Scalar: TensorScalar {
    /// Adds `other`, of the same count, scalar by scalar.
    public func add(_ other: Vector) {
        precondition(other.count == count, "a sum of \(count) and \(other.count) scalars")
        dp_add(Scalar.kernels, count, other.base, base)
    }

    /// Multiplies every scalar by `factor`.
    public func scale(by factor: Scalar) {
        dp_scale(Scalar.kernels, count, Double(factor), base)
    }
}

/// A quick digest of numbers, to compare copies of them: that of a whole is the combination of those of its parts.
public struct VectorDigest: Sendable, Equatable {
    /// A sum over the bits of all numbers and their places, modulo 2⁶⁴.
    public var sum: UInt64 = 0
    /// Whether no number is infinite or NaN.
    public var isFinite = true

    /// The digest of nothing.
    public init() {}

    /// Adds the digest of another part.
    public mutating func combine(_ other: VectorDigest) {
        sum &+= other.sum
        isFinite = isFinite && other.isFinite
    }
}

extension Vector where Scalar == Float {
    /// The digest of these numbers, as part of a whole.
    ///
    /// - Parameter first: Where the first one stands in the whole; an even number, as numbers are taken in pairs.
    public func digest(at first: Int = 0) -> VectorDigest {
        precondition(first % 2 == 0, "a part that begins at \(first)")
        let found = dp_digest_f32(first, count, base)
        var digest = VectorDigest()
        digest.sum = found.sum
        digest.isFinite = found.has_non_finite == 0
        return digest
    }
}
