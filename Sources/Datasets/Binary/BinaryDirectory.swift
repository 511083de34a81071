/// The binary version of CIFAR-10, unpacked: `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`.
///
/// Each file is a row of records of 3,073 bytes, the label and then the image. Any whole number of records of
/// at least one is taken; the official files have 10,000 each.
public struct BinaryDirectory: FileDataset {
    /// "CIFAR-10, binary version".
    public var name: String { "CIFAR-10, binary version" }
    /// The folder that holds the files.
    public let location: String
    private let training: [DatasetFile]
    private let test: [DatasetFile]

    /// Looks at the sizes of the files; reads none of them.
    ///
    /// - Parameter path: The folder that holds the files, or the one that holds `cifar-10-batches-bin`.
    /// - Throws: ``DatasetError`` where a file is missing, empty, or ends within a record.
    public init(path: String) throws {
        let folder = Self.folder(at: path) ?? path
        location = folder
        training = try CIFAR10.batchNames(of: .training).map { try Self.examine($0, in: folder) }
        test = try CIFAR10.batchNames(of: .test).map { try Self.examine($0, in: folder) }
    }

    /// Returns the folder at or below `path` that holds any of the files, or nil.
    static func folder(at path: String) -> String? {
        [path, FileSystem.join(path, CIFAR10.binaryFolder)].first { folder in
            DatasetSplit.allCases.contains { split in
                CIFAR10.batchNames(of: split).contains {
                    FileSystem.isFile(FileSystem.join(folder, $0 + ".bin"))
                }
            }
        }
    }

    private static func examine(_ name: String, in folder: String) throws -> DatasetFile {
        let path = FileSystem.join(folder, name + ".bin")
        let size = try DataFile(path: path).size
        return DatasetFile(
            path: path, byteCount: size,
            recordCount: try BinaryFormat.recordCount(bytes: size, location: path))
    }

    /// The files of a split, in the order of their records.
    public func files(of split: DatasetSplit) -> [DatasetFile] {
        switch split {
        case .training: training
        case .test: test
        }
    }

    /// Reads just the records asked for, neighbours at one go.
    ///
    /// - Throws: ``DatasetError`` where the indices are not ascending, distinct and in range, where a file
    ///   has changed its size since it was opened, or where a label is not 0 to 9.
    public func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords {
        let files = files(of: split)
        var collector = try RecordCollector(
            split, records: records, count: count(of: split), location: location)
        var buffer: [UInt8] = []
        for part in RecordPlan(records: records, counts: files.map(\.recordCount)).parts {
            let file = try DataFile(path: files[part.file].path)
            try file.checkSize(files[part.file].byteCount)
            for run in part.runs(of: records, limit: BinaryFormat.recordsAtOnce) {
                let first = records[run.lowerBound] - part.firstRecord
                try file.read(
                    at: first * CIFAR10.recordBytes, count: run.count * CIFAR10.recordBytes, into: &buffer)
                for (row, position) in run.enumerated() {
                    try BinaryFormat.place(
                        buffer[row * CIFAR10.recordBytes..<(row + 1) * CIFAR10.recordBytes], at: position,
                        in: &collector, record: first + row, location: file.location)
                }
            }
        }
        return collector.finish()
    }
}
