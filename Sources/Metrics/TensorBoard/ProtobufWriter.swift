internal import Foundation

/// A protobuf message as bytes, written field by field.
///
/// The wire format is that of https://protobuf.dev/programming-guides/encoding/: a field is a key, which holds its number
/// and wire type, followed by its value; numbers of fixed size are little-endian. Every field given is written, also one
/// that holds zero.
struct ProtobufWriter {
    private enum WireType: UInt64 {
        case varint = 0
        case fixed64 = 1
        case lengthDelimited = 2
        case fixed32 = 5
    }

    /// The message so far.
    private(set) var bytes = Data()

    /// Writes an `int64` or an enumeration's number.
    mutating func write(_ value: Int64, field: UInt64) {
        writeKey(field, .varint)
        // Negative numbers are the varint of their two's complement, not "zigzag", which is for sint64.
        writeVarint(UInt64(bitPattern: value))
    }

    /// Writes a `double`.
    mutating func write(_ value: Double, field: UInt64) {
        writeKey(field, .fixed64)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Writes a `float`.
    mutating func write(_ value: Float, field: UInt64) {
        writeKey(field, .fixed32)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Writes a `string`.
    mutating func write(_ value: String, field: UInt64) {
        writeLengthDelimited(Data(value.utf8), field: field)
    }

    /// Writes the message that `body` writes, as a field of this one.
    mutating func write(field: UInt64, message body: (inout ProtobufWriter) -> Void) {
        var message = ProtobufWriter()
        body(&message)
        writeLengthDelimited(message.bytes, field: field)
    }

    private mutating func writeLengthDelimited(_ value: Data, field: UInt64) {
        writeKey(field, .lengthDelimited)
        writeVarint(UInt64(value.count))
        bytes.append(value)
    }

    private mutating func writeKey(_ field: UInt64, _ type: WireType) {
        writeVarint(field << 3 | type.rawValue)
    }

    /// Writes groups of 7 bits, the lowest first; the high bit of a byte says that another one follows.
    private mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
