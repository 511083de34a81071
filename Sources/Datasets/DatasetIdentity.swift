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
