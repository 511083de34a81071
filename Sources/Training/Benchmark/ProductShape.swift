/// A matrix product as a linear module with M inputs and N outputs needs it.
public struct ProductShape: Codable, Sendable, Hashable {
    /// What it is for.
    public enum Use: String, Codable, Sendable {
        /// Y [S, N] = X Wᵀ with X [S, M], W [N, M]: m = S, n = N, k = M. W may be prepared beforehand.
        case forward
        /// ∂L/∂W [N, M] = (∂L/∂Y)ᵀ X with ∂L/∂Y [B, N], X [B, M]: m = N, n = M, k = B.
        case weightGradient = "weight_gradient"
    }

    /// What it is for.
    public let use: Use
    /// The rows of the product.
    public let m: Int
    /// The columns of the product.
    public let n: Int
    /// The products summed in each entry.
    public let k: Int

    /// A shape.
    public init(_ use: Use, m: Int, n: Int, k: Int) {
        (self.use, self.m, self.n, self.k) = (use, m, n, k)
    }

    /// 2 m n k: a multiplication and an addition for each summand.
    public var flops: Double { 2 * Double(m) * Double(n) * Double(k) }
}
