internal import Crypto

/// Fingerprints of single records, made to be added up.
///
/// The fingerprint of a record is the first 8 bytes, little endian, of the SHA-256 of: the split's raw value
/// (UTF-8), the record's index (8 bytes, little endian), its label (1 byte), its pixels (3,072 bytes).
public struct RecordFingerprint: Sendable {
    private let prefix: SHA256

    /// Prepares the fingerprints of the records of a split.
    public init(split: DatasetSplit) {
        var hasher = SHA256()
        hasher.update(data: Array(split.rawValue.utf8))
        prefix = hasher
    }

    /// Returns the fingerprint of one record.
    ///
    /// - Parameters:
    ///   - record: Its index in the split.
    ///   - label: Its class.
    ///   - pixels: Its 3,072 bytes.
    public func value(record: Int, label: UInt8, pixels: ArraySlice<UInt8>) -> UInt64 {
        pixels.withUnsafeBytes { value(record: record, label: label, pixels: $0) }
    }

    func value(record: Int, label: UInt8, pixels: UnsafeRawBufferPointer) -> UInt64 {
        var hasher = prefix
        withUnsafeBytes(of: UInt64(record).littleEndian) { hasher.update(bufferPointer: $0) }
        withUnsafeBytes(of: label) { hasher.update(bufferPointer: $0) }
        hasher.update(bufferPointer: pixels)
        return hasher.finalize().withUnsafeBytes { digest in
            UInt64(littleEndian: digest.loadUnaligned(as: UInt64.self))
        }
    }
}
