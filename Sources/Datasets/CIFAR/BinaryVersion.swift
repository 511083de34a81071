internal import DurableFiles

/// The binary version of a set, unpacked; of CIFAR-10, `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`.
///
/// Each file is a row of records, the label and then the image. Any whole number of records of at least one is taken.
public struct BinaryDirectory: FileDataset {
    /// "CIFAR-10, binary version".
    public var name: String { "\(set.name), binary version" }
    /// The folder that holds the files.
    public let location: String
    /// Which set it is.
    public let set: CIFARSet
    /// What its images are.
    public var format: ImageFormat { self.set.format }
    private let training: [DatasetFile]
    private let test: [DatasetFile]

    /// Looks at the sizes of the files; reads none of them.
    ///
    /// - Parameters:
    ///   - path: The folder that holds the files, or the one that holds the folder of the published archive.
    ///   - set: Which set it is.
    /// - Throws: ``DatasetError`` where a file is missing, empty, or ends within a record.
    public init(path: String, set: CIFARSet = .cifar10) throws {
        let folder = set.folder(at: path, .binary) ?? path
        func files(_ split: DatasetSplit) throws -> [DatasetFile] {
            try set.fileNames(of: split, .binary).map { name in
                let path = FileSystem.join(folder, name)
                return try BinaryFormat(set: set).file(
                    path, bytes: try DataFile(path: path).size, split: split, location: path)
            }
        }
        location = folder
        self.set = set
        training = try files(.training)
        test = try files(.test)
    }

    /// The files of a split, in the order of their records.
    public func files(of split: DatasetSplit) -> [DatasetFile] {
        switch split {
        case .training: training
        case .test: test
        }
    }

    /// The number of records that the published set has of each class of a split.
    public func officialCountPerClass(of split: DatasetSplit) -> Int? { set.officialCountPerClass(of: split) }

    /// Reads just the records asked for, neighbours at one go.
    ///
    /// - Throws: ``DatasetError`` where the indices are not ascending, distinct and in range, where a file
    ///   has changed its size since it was opened, or where a label is none of a class.
    public func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords {
        let files = files(of: split)
        let layout = BinaryFormat(set: set)
        var collector = try RecordCollector(
            split, records: records, count: count(of: split), format: format, location: location)
        var buffer: [UInt8] = []
        for part in RecordPlan(records: records, counts: files.map(\.recordCount)).parts {
            let file = try DataFile(path: files[part.file].path)
            try file.checkSize(files[part.file].byteCount)
            for run in part.runs(of: records, limit: BinaryFormat.recordsAtOnce) {
                let first = records[run.lowerBound] - part.firstRecord
                try file.read(
                    at: first * set.recordBytes, count: run.count * set.recordBytes, into: &buffer)
                for (row, position) in run.enumerated() {
                    try layout.place(
                        buffer[row * set.recordBytes..<(row + 1) * set.recordBytes], at: position,
                        in: &collector, record: first + row, location: file.location)
                }
            }
        }
        return collector.finish()
    }
}

/// The layout of a file of the binary version: records of the same size, each a label and an image.
struct BinaryFormat {
    let set: CIFARSet

    /// Most records read at one go: under 1 MB.
    static let recordsAtOnce = 256
    /// Most records of a file, a thousand times the official number: what goes beyond is no such file.
    static let mostRecords = 10_000_000

    /// Describes a file of `bytes` bytes.
    ///
    /// - Throws: `DatasetError` where it is empty, ends within a record, or holds more than any set does.
    func file(_ path: String, bytes: Int, split: DatasetSplit, location: String) throws -> DatasetFile {
        let (count, rest) = bytes.quotientAndRemainder(dividingBy: set.recordBytes)
        let official = set.officialRecordsPerFile(of: split)
        guard rest == 0, count > 0 else {
            let detail =
                bytes == 0 ? "an empty file" : "\(bytes) bytes: \(count) records and \(rest) bytes of another"
            throw DatasetError(
                operation: "reading", location: location,
                expected: "a whole number of records of \(set.recordBytes) bytes (officially "
                    + "\(official * set.recordBytes) bytes)",
                found: detail)
        }
        guard count <= Self.mostRecords else {
            throw DatasetError(
                operation: "reading", location: location, expected: "at most \(Self.mostRecords) records",
                found: "\(bytes) bytes: \(count) records")
        }
        return DatasetFile(path: path, byteCount: bytes, recordCount: count, officialRecordCount: official)
    }

    /// Checks a record's label and hands the record over.
    ///
    /// - Parameters:
    ///   - bytes: The record, label first.
    ///   - position: Its place in the list asked for.
    ///   - record: Its index in the file, for the message.
    /// - Throws: `DatasetError` where the label is none of a class.
    func place(
        _ bytes: ArraySlice<UInt8>, at position: Int, in collector: inout RecordCollector, record: Int,
        location: String
    ) throws {
        let label = bytes[bytes.startIndex + set.labelBytes - 1]
        try RecordCollector.checkLabel(Int(label), of: set.format, record: record, location: location)
        collector.place(at: position, label: label, pixels: bytes.dropFirst(set.labelBytes))
    }
}

/// Writes a data set in the layout of CIFAR-10's binary version.
public enum BinaryWriter {
    private static let set = CIFARSet.cifar10

    /// Writes `data_batch_1.bin` to `data_batch_5.bin`, `test_batch.bin` and `batches.meta.txt`.
    ///
    /// The folder appears under its name once it is complete. Memory holds 256 records at a time.
    ///
    /// - Parameters:
    ///   - dataset: What to write, images of CIFAR-10's size; at least a record for each file. The files of a split
    ///     differ by at most one in their counts.
    ///   - folder: Where to; must not exist, or be empty.
    ///   - classNames: The names by label.
    /// - Throws: ``DatasetError`` where the data set has too few records, `FileError` where the folder is in use or a file
    ///   cannot be written.
    public static func write(_ dataset: some ImageDataset, to folder: String, classNames: [String]) throws {
        precondition(dataset.format.imageBytes == set.format.imageBytes, "images of another size")
        for split in DatasetSplit.allCases {
            let files = set.fileNames(of: split, .binary).count
            guard dataset.count(of: split) >= files else {
                throw DatasetError(
                    operation: "writing the binary version to", location: folder,
                    expected: "at least \(files) \(split.rawValue) records, one for each file",
                    found: "\(dataset.count(of: split))")
            }
        }
        let staging = try StagingFolder(for: folder)
        for split in DatasetSplit.allCases {
            let names = set.fileNames(of: split, .binary)
            let count = dataset.count(of: split)
            for (index, name) in names.enumerated() {
                let records = count * index / names.count..<count * (index + 1) / names.count
                let file = try staging.file(name)
                try write(dataset, split, records, to: file)
                try file.synchronize()
            }
        }
        let meta = try staging.file(set.classNamesFile)
        try meta.append(Array(classNames.map { $0 + "\n" }.joined().utf8))
        try meta.synchronize()
        try staging.place()
    }

    private static func write(
        _ dataset: some ImageDataset, _ split: DatasetSplit, _ range: Range<Int>, to file: AppendFile
    ) throws {
        let size = set.format.imageBytes
        var bytes: [UInt8] = []
        for start in stride(from: range.lowerBound, to: range.upperBound, by: BinaryFormat.recordsAtOnce) {
            let end = min(start + BinaryFormat.recordsAtOnce, range.upperBound)
            let records = try dataset.read(split, records: Array(start..<end))
            bytes.removeAll(keepingCapacity: true)
            for row in 0..<records.count {
                bytes.append(records.labels[row])
                bytes += records.pixels[row * size..<(row + 1) * size]
            }
            try file.append(bytes)
        }
    }
}
