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
