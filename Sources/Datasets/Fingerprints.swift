internal import Digests

/// Fingerprints of single records, made to be added up.
///
/// The fingerprint of a record is the first 8 bytes, little endian, of the SHA-256 of: the split's raw value
/// (UTF-8), the record's index (8 bytes, little endian), its label (1 byte), its pixels.
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
    ///   - pixels: Its bytes.
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

/// What tells data sets apart at the price of a few records: to compare what several processes have opened.
public struct DatasetIdentity: Codable, Hashable, Sendable {
    /// What the set is.
    public let name: String
    /// The number of its training records.
    public let trainingCount: Int
    /// The number of its test records.
    public let testCount: Int
    /// A fingerprint of some records of each split; of an archive, its checksum and size.
    public let content: UInt64

    private static let samples = 8

    /// Looks at a data set.
    ///
    /// - Throws: ``DatasetError`` where the records cannot be read.
    public init(of dataset: any ImageDataset) throws {
        name = dataset.name
        trainingCount = dataset.count(of: .training)
        testCount = dataset.count(of: .test)
        if let archive = dataset as? ArchiveDataset {
            let file = try DataFile(path: archive.location)
            var bytes: [UInt8] = []
            // gzip's checksum, and the size unpacked.
            let count = min(8, file.size)
            try file.read(at: file.size - count, count: count, into: &bytes)
            content = bytes.reduce(0) { $0 << 8 | UInt64($1) }
            return
        }
        var sum: UInt64 = 0
        for split in DatasetSplit.allCases {
            let count = dataset.count(of: split)
            let samples = min(Self.samples, count)
            // Pickles may have to be read up to the last record asked for.
            let width = dataset is PythonDirectory ? 1 : count / max(1, samples)
            let records = (0..<samples).map { $0 * width + width - 1 }
            sum &+= try dataset.read(split, records: records).fingerprint
        }
        content = sum
    }
}
