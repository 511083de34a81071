internal import Foundation

extension NamedTensor {
    /// The Euclidean norm of the elements, √(Σ xᵢ²), summed in `Double`; nil for element types other than F32, F64, BF16,
    /// I64, I32 and U8.
    public var l2Norm: Double? {
        switch elementType {
        case .float32: norm { Double(Float(bitPattern: $0)) }
        case .float64: norm { Double(bitPattern: $0) }
        case .bfloat16: norm { (bits: UInt16) in Double(Float(bitPattern: UInt32(bits) << 16)) }
        case .int64: norm { (value: Int64) in Double(value) }
        case .int32: norm { (value: Int32) in Double(value) }
        case .uint8: norm { (value: UInt8) in Double(value) }
        default: nil
        }
    }

    private func norm<Bits: FixedWidthInteger>(_ value: (Bits) -> Double) -> Double {
        let sum = bytes.withUnsafeBytes { buffer in
            stride(from: 0, to: buffer.count, by: MemoryLayout<Bits>.size).reduce(0.0) { sum, offset in
                let element = value(
                    Bits(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: Bits.self)))
                return sum + element * element
            }
        }
        return sum.squareRoot()
    }
}
