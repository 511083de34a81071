package import Foundation

/// An event of a TensorBoard file, with the fields that dp-train writes.
///
/// Encoded as `Event` of tensorflow/core/util/event.proto, with `Summary` of tensorflow/core/framework/summary.proto.
package struct TensorBoardEvent: Sendable {
    /// What an event says.
    package enum Contents: Sendable {
        /// The version of the file's format: its first event.
        case fileVersion(String)
        /// Values at the event's step.
        case scalars([Scalar])
        /// Numbers, counted, and the name of their chart.
        case histogram(tag: String, Histogram)
        /// A picture as a PNG file, and its name.
        case image(tag: String, width: Int, height: Int, channels: Int, png: Data)
        /// A run goes on: what older files hold of this step and later ones is void.
        case sessionStart
    }

    /// A value and the name of its chart.
    package struct Scalar: Sendable {
        let tag: String
        let value: Float

        /// A scalar; TensorBoard groups tags by what stands before their "/".
        package init(tag: String, value: Float) {
            self.tag = tag
            self.value = value
        }
    }

    /// Field numbers of event.proto's `Event` and `SessionLog`; summary.proto's `Summary`, `Summary.Value` and
    /// `Summary.Image`; histogram.proto's `HistogramProto`.
    private enum Field {
        enum Event {
            static let wallTime: UInt64 = 1
            static let step: UInt64 = 2
            static let fileVersion: UInt64 = 3
            static let summary: UInt64 = 5
            static let sessionLog: UInt64 = 7
        }

        enum SessionLog {
            static let status: UInt64 = 1
        }

        enum Summary {
            static let value: UInt64 = 1
        }

        enum Value {
            static let tag: UInt64 = 1
            static let simpleValue: UInt64 = 2
            static let image: UInt64 = 4
            static let histogram: UInt64 = 5
        }

        enum Image {
            static let height: UInt64 = 1
            static let width: UInt64 = 2
            /// 1 is grey, 3 RGB.
            static let colorspace: UInt64 = 3
            static let encodedImage: UInt64 = 4
        }

        enum Histogram {
            static let minimum: UInt64 = 1
            static let maximum: UInt64 = 2
            static let number: UInt64 = 3
            static let bucketLimit: UInt64 = 6
            static let bucket: UInt64 = 7
        }
    }

    /// `SessionLog.SessionStatus.START` of event.proto.
    private static let sessionStatusStart: Int64 = 1

    private let wallTime: Double
    private let step: Int64
    private let contents: Contents

    /// An event.
    ///
    /// - Parameters:
    ///   - contents: What it says.
    ///   - step: The number of steps taken.
    ///   - wallTime: Seconds since 1970.
    package init(_ contents: Contents, step: Int, wallTime: Double) {
        self.contents = contents
        self.step = Int64(step)
        self.wallTime = wallTime
    }

    /// The event as a protobuf message.
    package var encoded: Data {
        var event = ProtobufWriter()
        event.write(wallTime, field: Field.Event.wallTime)
        // As protobuf's own writers do: zero is what a reader takes a missing field for.
        if step != 0 { event.write(step, field: Field.Event.step) }
        switch contents {
        case .fileVersion(let version):
            event.write(version, field: Field.Event.fileVersion)
        case .scalars(let scalars):
            event.write(field: Field.Event.summary) { summary in
                for scalar in scalars {
                    summary.write(field: Field.Summary.value) { value in
                        value.write(scalar.tag, field: Field.Value.tag)
                        // Zero too: it is one of several kinds of value, and TensorBoard passes over one without.
                        value.write(scalar.value, field: Field.Value.simpleValue)
                    }
                }
            }
        case .histogram(let tag, let histogram):
            Self.write(tag, to: &event) { value in
                value.write(field: Field.Value.histogram) { Self.write(histogram, to: &$0) }
            }
        case .image(let tag, let width, let height, let channels, let png):
            Self.write(tag, to: &event) { value in
                value.write(field: Field.Value.image) { image in
                    image.write(Int64(height), field: Field.Image.height)
                    image.write(Int64(width), field: Field.Image.width)
                    image.write(Int64(channels), field: Field.Image.colorspace)
                    image.write(png, field: Field.Image.encodedImage)
                }
            }
        case .sessionStart:
            event.write(field: Field.Event.sessionLog) { log in
                log.write(Self.sessionStatusStart, field: Field.SessionLog.status)
            }
        }
        return event.bytes
    }

    /// Writes a summary of one value.
    private static func write(
        _ tag: String, to event: inout ProtobufWriter, value body: (inout ProtobufWriter) -> Void
    ) {
        event.write(field: Field.Event.summary) { summary in
            summary.write(field: Field.Summary.value) { value in
                value.write(tag, field: Field.Value.tag)
                body(&value)
            }
        }
    }

    /// Writes a histogram, whose buckets are known by their upper ends.
    private static func write(_ histogram: Histogram, to message: inout ProtobufWriter) {
        message.write(histogram.minimum, field: Field.Histogram.minimum)
        message.write(histogram.maximum, field: Field.Histogram.maximum)
        message.write(Double(histogram.total), field: Field.Histogram.number)
        let (width, count) = (histogram.maximum - histogram.minimum, Double(histogram.counts.count))
        let limits = histogram.counts.indices.map { bin in
            bin == histogram.counts.count - 1
                ? histogram.maximum : histogram.minimum + width * Double(bin + 1) / count
        }
        message.write(limits, field: Field.Histogram.bucketLimit)
        message.write(histogram.counts.map(Double.init), field: Field.Histogram.bucket)
    }
}

/// The framing of TensorFlow's record files.
enum TFRecord {
    /// Returns `payload` as a record: its length (8 bytes), the length's masked CRC-32C (4 bytes), the payload, and the
    /// payload's masked CRC-32C (4 bytes), all little-endian.
    static func framed(_ payload: Data) -> Data {
        var record = bytes(UInt64(payload.count))
        record.append(bytes(CRC32C.masked(record)))
        record.append(payload)
        record.append(bytes(CRC32C.masked(payload)))
        return record
    }

    private static func bytes<Integer: FixedWidthInteger>(_ value: Integer) -> Data {
        withUnsafeBytes(of: value.littleEndian) { Data($0) }
    }
}

/// The checksum of TFRecord files: CRC-32C (Castagnoli, polynomial 0x1EDC6F41, reflected), masked.
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0x82f6_3b78 : 0) }
    }

    static func checksum(_ bytes: Data) -> UInt32 {
        ~bytes.reduce(~0) { crc, byte in crc >> 8 ^ table[Int((crc ^ UInt32(byte)) & 0xff)] }
    }

    /// Rotated right by 15 bits plus a constant, so that a checksum of data that holds checksums stays useful.
    static func masked(_ bytes: Data) -> UInt32 {
        let crc = checksum(bytes)
        return (crc >> 15 | crc << 17) &+ 0xa282_ead8
    }
}

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

    /// Writes packed repeated `double`s.
    mutating func write(_ values: [Double], field: UInt64) {
        let bytes = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init) }
        writeLengthDelimited(Data(bytes), field: field)
    }

    /// Writes `bytes`.
    mutating func write(_ value: Data, field: UInt64) { writeLengthDelimited(value, field: field) }

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
