public import Foundation

/// A tensor as it lies in a safetensors file: name, element type, shape and row-major little-endian bytes.
public struct NamedTensor: Sendable, Equatable {
    /// The name, such as `layers.0.weight`.
    public let name: String
    /// The type of its elements.
    public let elementType: TensorElementType
    /// The dimensions, outermost first; none for a scalar.
    public let shape: [Int]
    /// The elements: size of an element × product of `shape` bytes, little-endian.
    public let bytes: Data

    /// Makes a tensor of `bytes`.
    ///
    /// - Throws: `SafetensorsError` if the shape and the number of bytes do not belong together.
    public init(
        name: String, elementType: TensorElementType, shape: [Int], bytes: Data
    ) throws(SafetensorsError) {
        guard let expected = elementType.byteCount(of: shape) else {
            throw SafetensorsError("tensor \(name): the shape \(shape) is negative or too large")
        }
        guard bytes.count == expected else {
            throw SafetensorsError(
                "tensor \(name): expected \(expected) bytes for \(elementType.rawValue) \(shape),"
                    + " found \(bytes.count)")
        }
        self.init(uncheckedName: name, elementType: elementType, shape: shape, bytes: bytes)
    }

    /// Makes an `F32` tensor with a copy of `floats`.
    ///
    /// - Throws: `SafetensorsError` if `shape` does not have as many elements as `floats`.
    public init(name: String, shape: [Int], floats: UnsafeBufferPointer<Float>) throws(SafetensorsError) {
        try self.init(
            name: name, elementType: .float32, shape: shape, bytes: LittleEndian.bytes(of: floats))
    }

    /// Makes an `F32` tensor with a copy of `floats`.
    ///
    /// - Throws: `SafetensorsError` if `shape` does not have as many elements as `floats`.
    public init(name: String, shape: [Int], floats: [Float]) throws(SafetensorsError) {
        let bytes = floats.withUnsafeBufferPointer { LittleEndian.bytes(of: $0) }
        try self.init(name: name, elementType: .float32, shape: shape, bytes: bytes)
    }

    /// Makes an `F32` tensor of `floats` where they are.
    ///
    /// - Parameters:
    ///   - floats: Must not change as long as anybody looks at the tensor.
    ///   - owner: Holds their memory; it lives as long as the tensor.
    /// - Throws: `SafetensorsError` if `shape` does not have as many elements as `floats`.
    public init(
        name: String, shape: [Int], floats: UnsafeBufferPointer<Float>, of owner: AnyObject
    ) throws(SafetensorsError) {
        try self.init(
            name: name, elementType: .float32, shape: shape, bytes: LittleEndian.bytes(of: floats, owner))
    }

    /// Makes an `I64` tensor of one dimension.
    public init(name: String, integers: [Int64]) {
        let bytes = integers.withUnsafeBufferPointer { LittleEndian.bytes(of: $0) }
        self.init(uncheckedName: name, elementType: .int64, shape: [integers.count], bytes: bytes)
    }

    /// Makes an `I64` scalar: no dimensions, one element.
    public init(name: String, scalar: Int64) {
        let bytes = withUnsafePointer(to: scalar) {
            LittleEndian.bytes(of: UnsafeBufferPointer(start: $0, count: 1))
        }
        self.init(uncheckedName: name, elementType: .int64, shape: [], bytes: bytes)
    }

    private init(uncheckedName name: String, elementType: TensorElementType, shape: [Int], bytes: Data) {
        self.name = name
        self.elementType = elementType
        self.shape = shape
        self.bytes = bytes
    }

    /// The same tensor under another name.
    func renamed(_ name: String) -> NamedTensor {
        NamedTensor(uncheckedName: name, elementType: elementType, shape: shape, bytes: bytes)
    }

    /// How many elements the tensor has.
    public var elementCount: Int { bytes.count / elementType.size }

    /// Copies the elements of an `F32` tensor to `destination`.
    ///
    /// - Throws: `SafetensorsError` if the tensor is not `F32` or does not have `destination.count` elements.
    public func copyFloats(to destination: UnsafeMutableBufferPointer<Float>) throws(SafetensorsError) {
        try check(.float32, count: destination.count)
        LittleEndian.copy(bytes, to: destination)
    }

    /// The elements of an `F32` tensor.
    ///
    /// - Throws: `SafetensorsError` if the tensor is not `F32`.
    public func floats() throws(SafetensorsError) -> [Float] {
        try check(.float32, count: elementCount)
        return [Float](unsafeUninitializedCapacity: elementCount) { buffer, count in
            count = elementCount
            LittleEndian.copy(bytes, to: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// The elements of an `I64` tensor.
    ///
    /// - Throws: `SafetensorsError` if the tensor is not `I64`.
    public func integers() throws(SafetensorsError) -> [Int64] {
        try check(.int64, count: elementCount)
        return [Int64](unsafeUninitializedCapacity: elementCount) { buffer, count in
            count = elementCount
            LittleEndian.copy(bytes, to: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// The one element of an `I64` tensor.
    ///
    /// - Throws: `SafetensorsError` if the tensor is not `I64` or does not have one element.
    public func integer() throws(SafetensorsError) -> Int64 {
        try check(.int64, count: 1)
        return try integers()[0]
    }

    private func check(_ expected: TensorElementType, count: Int) throws(SafetensorsError) {
        guard elementType == expected && elementCount == count else {
            throw SafetensorsError(
                "tensor \(name): expected \(count) elements of type \(expected.rawValue),"
                    + " found \(elementCount) of type \(elementType.rawValue)")
        }
    }
}

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

/// Elements in memory to and from little-endian bytes; on a little-endian machine both are plain copies.
enum LittleEndian {
    static func bytes<Element: BitwiseCopyable>(of elements: UnsafeBufferPointer<Element>) -> Data {
        swappedIfNeeded(Data(buffer: elements), elementSize: MemoryLayout<Element>.size)
    }

    /// The same without a copy on a little-endian machine.
    static func bytes(of elements: UnsafeBufferPointer<Float>, _ owner: AnyObject) -> Data {
        guard let start = elements.baseAddress, !elements.isEmpty else { return Data() }
        let shared = Data(
            bytesNoCopy: UnsafeMutableRawPointer(mutating: start),
            count: elements.count * MemoryLayout<Float>.size,
            deallocator: .custom { _, _ in withExtendedLifetime(owner) {} })
        return swappedIfNeeded(shared, elementSize: MemoryLayout<Float>.size)
    }

    /// Copies all of `bytes`, which must be as large as `destination`.
    static func copy<Element: BitwiseCopyable>(
        _ bytes: Data, to destination: UnsafeMutableBufferPointer<Element>
    ) {
        let bytes = swappedIfNeeded(bytes, elementSize: MemoryLayout<Element>.size)
        _ = bytes.copyBytes(to: UnsafeMutableRawBufferPointer(destination))
    }

    private static func swappedIfNeeded(_ bytes: Data, elementSize: Int) -> Data {
        #if _endian(little)
        return bytes
        #else
        var swapped = Data(capacity: bytes.count)
        var rest = bytes[...]
        while !rest.isEmpty {
            swapped.append(contentsOf: rest.prefix(elementSize).reversed())
            rest = rest.dropFirst(elementSize)
        }
        return swapped
        #endif
    }
}
