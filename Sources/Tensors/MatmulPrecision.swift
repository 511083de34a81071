internal import CProducts

/// How exact matrix products of a Float network are, in the words of PyTorch's `set_float32_matmul_precision`.
///
/// Pixels are whole numbers of one byte. Where the CPU has units for products of bytes, the other factor of the first
/// layer's products is rounded to whole multiples of a unit, of so many bytes, and the product is exact in integers. All
/// other products are Float's.
public enum MatmulPrecision: String, Codable, Sendable, CaseIterable {
    /// Float products throughout.
    case highest
    /// Multiples of three bytes, 2⁻²³ of the largest number in a row: at least as exact as a Float product.
    case high
    /// Multiples of two bytes, 2⁻¹⁵ of the largest number in a row; a bfloat16 has 2⁻⁸ of each.
    case medium

    /// The most exact one that is not slower than another one on this CPU: `high` where it has, and uses, a unit for
    /// products of bytes. Any CPU computes all of them, to the same bits.
    public static var fastestExact: MatmulPrecision { DigitUnit.used == nil ? .highest : .high }

    /// The bytes of a number in a product with pixels; nil for Float products.
    public var digits: Int? {
        switch self {
        case .highest: nil
        case .high: 3
        case .medium: 2
        }
    }
}
