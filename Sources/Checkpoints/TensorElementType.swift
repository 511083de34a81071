/// The element types of the safetensors format whose size is a whole number of bytes.
///
/// The raw values are the format's names. All elements are little-endian.
public enum TensorElementType: String, Sendable, CaseIterable, Codable {
    /// A byte that is 0 or 1.
    case bool = "BOOL"
    /// Unsigned, 1 byte.
    case uint8 = "U8"
    /// Signed, 1 byte.
    case int8 = "I8"
    /// 8-bit floating point, 5 exponent and 2 mantissa bits.
    case float8e5m2 = "F8_E5M2"
    /// 8-bit floating point, 4 exponent and 3 mantissa bits.
    case float8e4m3 = "F8_E4M3"
    /// 8-bit power of two.
    case float8e8m0 = "F8_E8M0"
    /// Signed, 2 bytes.
    case int16 = "I16"
    /// Unsigned, 2 bytes.
    case uint16 = "U16"
    /// IEEE 754 half precision.
    case float16 = "F16"
    /// bfloat16: the upper half of a `Float`.
    case bfloat16 = "BF16"
    /// Signed, 4 bytes.
    case int32 = "I32"
    /// Unsigned, 4 bytes.
    case uint32 = "U32"
    /// IEEE 754 single precision, Swift's `Float`.
    case float32 = "F32"
    /// IEEE 754 double precision, Swift's `Double`.
    case float64 = "F64"
    /// Signed, 8 bytes.
    case int64 = "I64"
    /// Unsigned, 8 bytes.
    case uint64 = "U64"
    /// Two `F32`: real and imaginary part.
    case complex64 = "C64"

    /// Bytes of one element.
    public var size: Int {
        switch self {
        case .bool, .uint8, .int8, .float8e5m2, .float8e4m3, .float8e8m0: 1
        case .int16, .uint16, .float16, .bfloat16: 2
        case .int32, .uint32, .float32: 4
        case .float64, .int64, .uint64, .complex64: 8
        }
    }

    /// Bytes of a tensor of `shape` (none: a scalar, one element); nil if a dimension is negative or the product
    /// does not fit in an `Int`.
    public func byteCount(of shape: [Int]) -> Int? {
        var count = size
        for dimension in shape {
            guard dimension >= 0 else { return nil }
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            if overflow { return nil }
            count = product
        }
        return count
    }
}
