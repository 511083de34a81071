internal import CKernels

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
