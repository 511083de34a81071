/// The python version of CIFAR-10, unpacked: the pickles `data_batch_1` to `data_batch_5` and `test_batch`.
///
/// Takes what Python 2 wrote (the official files) as well as what Python 3 writes with any protocol from 2 to
/// 5. Nothing in the files is ever run.
public struct PythonDirectory: FileDataset {
    private struct File {
        let file: DatasetFile
        let batch: PythonBatch
    }

    /// "CIFAR-10, python version".
    public var name: String { "CIFAR-10, python version" }
    /// The folder that holds the files.
    public let location: String
    private let training: [File]
    private let test: [File]

    /// Reads the files but for their pixels.
    ///
    /// - Parameter path: The folder that holds the files, or the one that holds `cifar-10-batches-py`.
    /// - Throws: ``DatasetError`` where a file is missing or damaged, asks for anything else than data, or is
    ///   not a dictionary with "data", bytes [n, 3072], and "labels", n integers from 0 to 9.
    public init(path: String) throws {
        let folder = Self.folder(at: path) ?? path
        location = folder
        training = try CIFAR10.batchNames(of: .training).map { try Self.open($0, in: folder) }
        test = try CIFAR10.batchNames(of: .test).map { try Self.open($0, in: folder) }
    }

    /// Returns the folder at or below `path` that holds any of the files, or nil.
    static func folder(at path: String) -> String? {
        [path, FileSystem.join(path, CIFAR10.pythonFolder)].first { folder in
            DatasetSplit.allCases.contains { split in
                CIFAR10.batchNames(of: split).contains { FileSystem.isFile(FileSystem.join(folder, $0)) }
            }
        }
    }

    private static func open(_ name: String, in folder: String) throws -> File {
        let file = try DataFile(path: FileSystem.join(folder, name))
        let batch = try PythonBatch(file)
        return File(
            file: DatasetFile(path: file.location, byteCount: file.size, recordCount: batch.count),
            batch: batch)
    }

    private func batches(of split: DatasetSplit) -> [File] {
        switch split {
        case .training: training
        case .test: test
        }
    }

    /// The files of a split, in the order of their records.
    public func files(of split: DatasetSplit) -> [DatasetFile] {
        batches(of: split).map(\.file)
    }

    /// Reads just the records asked for, neighbours at one go.
    ///
    /// Where Python 3 has written protocol 2, the pixels are text, and a file is read up to the last record
    /// asked for.
    ///
    /// - Throws: ``DatasetError`` where the indices are not ascending, distinct and in range, or where a file
    ///   was changed since it was opened.
    public func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords {
        let batches = batches(of: split)
        var collector = try RecordCollector(
            split, records: records, count: count(of: split), location: location)
        for part in RecordPlan(records: records, counts: batches.map(\.batch.count)).parts {
            let file = try DataFile(path: batches[part.file].file.path)
            try file.checkSize(batches[part.file].file.byteCount)
            try batches[part.file].batch.read(part, of: records, from: file, into: &collector)
        }
        return collector.finish()
    }
}
