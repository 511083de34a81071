internal import Foundation

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
