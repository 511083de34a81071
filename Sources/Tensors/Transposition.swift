/// How a factor enters a matrix product.
public enum Transposition: Sendable {
    /// As it stands.
    case none
    /// With rows and columns exchanged.
    case transposed
}
