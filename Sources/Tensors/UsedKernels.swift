/// What computes a network, for the record: the instruction set of all kernels, and how pixels enter.
public struct UsedKernels: Sendable, CustomStringConvertible {
    /// The bytes of a number in a product with pixels; nil for Float products.
    public let digits: Int?

    /// The kernels in use now.
    public init(digits: Int?) { self.digits = digits }

    /// The kernels, such as `AVX-512 (fused multiply-add, pixels times 3 bytes)`.
    public var description: String { "\(ProductKernels.used.rawValue) (\(rounding))" }

    /// Whether kernels described like this gave the same bits.
    public func giveSameBits(as description: String) -> Bool { description.hasSuffix("(\(rounding))") }

    /// All that decides about the bits.
    private var rounding: String {
        let multiplyAdd = ProductKernels.used.fusesMultiplyAdd ? "fused" : "separate"
        let pixels = digits.map { "pixels times \($0) bytes" } ?? "pixels as numbers"
        return "\(multiplyAdd) multiply-add, \(pixels)"
    }
}
