import Foundation
import Testing

/// The fields of a protobuf message, read by the definition of the wire format, without the code under test.
struct ProtobufFields {
    enum Value: Equatable {
        case varint(UInt64)
        case fixed64(UInt64)
        case bytes(Data)
        case fixed32(UInt32)
    }

    /// In the order of the message.
    private(set) var all: [(number: Int, value: Value)] = []
    private var rest: Data

    /// Throws where the message is cut off or holds a wire type that protobuf does not have today.
    init(_ message: Data) throws {
        rest = message
        while !rest.isEmpty {
            let key = try varint()
            let value: Value =
                switch key & 7 {
                case 0: .varint(try varint())
                case 1: .fixed64(try fixed(8))
                case 2: .bytes(try take(Int(try varint())))
                case 5: .fixed32(UInt32(try fixed(4)))
                default: throw CocoaError(.fileReadCorruptFile)
                }
            all.append((Int(key >> 3), value))
        }
    }

    /// The only field with this number, `nil` where there is none.
    func only(_ number: Int) throws -> Value? {
        let values = all.filter { $0.number == number }
        try #require(values.count <= 1)
        return values.first?.value
    }

    private mutating func take(_ count: Int) throws -> Data {
        let bytes = rest.prefix(count)
        try #require(bytes.count == count)
        rest = rest.dropFirst(count)
        return Data(bytes)
    }

    private mutating func fixed(_ size: Int) throws -> UInt64 {
        try take(size).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func varint() throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 70, by: 7) {
            let byte = try fixed(1)
            value |= (byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw CocoaError(.fileReadCorruptFile)
    }
}

extension ProtobufFields.Value {
    /// Of an `int64` or an enumeration.
    func int() throws -> Int {
        guard case .varint(let bits) = self else { throw CocoaError(.fileReadCorruptFile) }
        return Int(truncatingIfNeeded: bits)
    }

    func double() throws -> Double {
        guard case .fixed64(let bits) = self else { throw CocoaError(.fileReadCorruptFile) }
        return Double(bitPattern: bits)
    }

    func float() throws -> Float {
        guard case .fixed32(let bits) = self else { throw CocoaError(.fileReadCorruptFile) }
        return Float(bitPattern: bits)
    }

    func string() throws -> String {
        guard case .bytes(let bytes) = self else { throw CocoaError(.fileReadCorruptFile) }
        return try #require(String(data: bytes, encoding: .utf8))
    }

    func data() throws -> Data {
        guard case .bytes(let bytes) = self else { throw CocoaError(.fileReadCorruptFile) }
        return bytes
    }

    /// Of packed `double`s.
    func doubles() throws -> [Double] {
        let bytes = try data()
        try #require(bytes.count % 8 == 0)
        return stride(from: 0, to: bytes.count, by: 8).map { start in
            let bits = bytes.dropFirst(start).prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return Double(bitPattern: bits)
        }
    }

    func message() throws -> ProtobufFields {
        guard case .bytes(let bytes) = self else { throw CocoaError(.fileReadCorruptFile) }
        return try ProtobufFields(bytes)
    }
}
