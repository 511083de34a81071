internal import Digests

/// Fingerprints of single records, made to be added up.
///
/// The fingerprint of a record is the first 8 bytes, little endian, of the SHA-256 of: the split's raw value
/// (UTF-8), the record's index (8 bytes, little endian), its label (1 byte), its pixels (3,072 bytes).
public struct RecordFingerprint: Sendable {
    private let prefix: Digest

    /// Prepares the fingerprints of the records of a split.
    public init(split: DatasetSplit) {
        var digest = Digest.sha256()
        digest.update(Array(split.rawValue.utf8))
        prefix = digest
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
        var digest = prefix
        withUnsafeBytes(of: UInt64(record).littleEndian) { digest.update($0) }
        withUnsafeBytes(of: label) { digest.update($0) }
        digest.update(pixels)
        return digest.bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    }
}
