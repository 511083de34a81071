/// The python version of a set, unpacked; of CIFAR-10, the pickles `data_batch_1` to `data_batch_5` and `test_batch`.
///
/// Takes what Python 2 wrote (the official files) as well as what Python 3 writes with any protocol from 2 to
/// 5. Nothing in the files is ever run.
public struct PythonDirectory: FileDataset {
    private struct File {
        let file: DatasetFile
        let batch: PythonBatch
    }

    /// "CIFAR-10, python version".
    public var name: String { "\(set.name), python version" }
    /// The folder that holds the files.
    public let location: String
    /// Which set it is.
    public let set: CIFARSet
    /// What its images are.
    public var format: ImageFormat { self.set.format }
    private let training: [File]
    private let test: [File]

    /// Reads the files but for their pixels.
    ///
    /// - Parameters:
    ///   - path: The folder that holds the files, or the one that holds the folder of the published archive.
    ///   - set: Which set it is.
    /// - Throws: ``DatasetError`` where a file is missing or damaged, asks for anything else than data, or is
    ///   not a dictionary with "data", bytes [n, image], and the set's labels, n integers.
    public init(path: String, set: CIFARSet = .cifar10) throws {
        let folder = set.folder(at: path, .python) ?? path
        func files(_ split: DatasetSplit) throws -> [File] {
            try set.fileNames(of: split, .python).map { name in
                let file = try DataFile(path: FileSystem.join(folder, name))
                let batch = try PythonBatch(file, set: set)
                return File(
                    file: DatasetFile(
                        path: file.location, byteCount: file.size, recordCount: batch.count,
                        officialRecordCount: set.officialRecordsPerFile(of: split)),
                    batch: batch)
            }
        }
        location = folder
        self.set = set
        training = try files(.training)
        test = try files(.test)
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

    /// The number of records that the published set has of each class of a split.
    public func officialCountPerClass(of split: DatasetSplit) -> Int? { set.officialCountPerClass(of: split) }

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
            split, records: records, count: count(of: split), format: format, location: location)
        for part in RecordPlan(records: records, counts: batches.map(\.batch.count)).parts {
            let file = try DataFile(path: batches[part.file].file.path)
            try file.checkSize(batches[part.file].file.byteCount)
            try batches[part.file].batch.read(part, of: records, from: file, into: &collector)
        }
        return collector.finish()
    }
}

/// One file of the python version: where its pixels are, and its labels.
package struct PythonBatch {
    let labels: [UInt8]
    private let imageBytes: Int
    private let data: PickleString

    var count: Int { labels.count }

    /// Reads the pickle but for the pixels.
    ///
    /// - Throws: `DatasetError` where it is damaged, asks for anything else than data, or is not a dictionary
    ///   with "data", bytes [n, image], and the set's labels, n integers.
    init(_ source: any ByteSource, set: CIFARSet) throws {
        func wrong(_ expected: String, _ found: String) -> DatasetError {
            DatasetError(operation: "reading", location: source.location, expected: expected, found: found)
        }
        imageBytes = set.format.imageBytes
        let value = try PickleMachine.load(source, imageBytes: imageBytes)
        guard case .dictionary(let dictionary) = value else { throw wrong("a dictionary", value.kind) }
        let entries = try Self.entries(dictionary.elements, source)
        guard case .array(let array)? = entries["data"] else {
            throw wrong("a numpy array of bytes under the key data", Self.described(entries["data"], entries))
        }
        guard case .list(let list)? = entries[set.labelKey] else {
            throw wrong(
                "a list of integers under the key \(set.labelKey)",
                Self.described(entries[set.labelKey], entries))
        }
        let count = list.elements.count
        guard count > 0 else { throw wrong("at least one record", "none") }
        guard array.shape == [count, imageBytes] else {
            throw wrong("an array [\(count), \(imageBytes)] for \(count) labels", "\(array.shape)")
        }
        let bytes = count * imageBytes
        // In UTF-8 a byte takes one byte or two; which of them, only reading shows.
        let range = array.data.coding == .latin1InUTF8 ? bytes...2 * bytes : bytes...bytes
        guard range.contains(array.data.count) else {
            throw wrong("\(bytes) bytes of pixels for \(count) labels", "\(array.data.count)")
        }
        labels = try list.elements.enumerated().map { record, label in
            guard case .integer(let label) = label else {
                throw wrong("labels that are integers", label.kind)
            }
            try RecordCollector.checkLabel(
                label, of: set.format, record: record, location: source.location)
            return UInt8(label)
        }
        data = array.data
    }

    /// Reads all records of a file that is in memory, as training records from 0.
    ///
    /// - Throws: `DatasetError` as when the file is opened and read from disk.
    package static func records(
        in bytes: [UInt8], location: String, set: CIFARSet = .cifar10
    ) throws -> ImageRecords {
        let source = MemorySource(location: location, bytes: bytes)
        let batch = try PythonBatch(source, set: set)
        let records = Array(0..<batch.count)
        var collector = try RecordCollector(
            .training, records: records, count: batch.count, format: set.format, location: location)
        for part in RecordPlan(records: records, counts: [batch.count]).parts {
            try batch.read(part, of: records, from: source, into: &collector)
        }
        return collector.finish()
    }

    /// The entries whose keys are short strings, by key; of several of one key, the last.
    private static func entries(
        _ elements: [PickleValue], _ source: any ByteSource
    ) throws -> [String: PickleValue] {
        let input = PickleInput(source)
        var entries: [String: PickleValue] = [:]
        for index in stride(from: 0, to: elements.count - 1, by: 2) {
            if case .string(let key) = elements[index], let name = try input.text(key) {
                entries[name] = elements[index + 1]
            }
        }
        return entries
    }

    private static func described(_ value: PickleValue?, _ entries: [String: PickleValue]) -> String {
        if let value { return value.kind }
        let other = CIFARSet.all.first { entries.keys.contains($0.labelKey) }
        return other.map { "a batch of \($0.name)" } ?? "no such key"
    }

    /// Hands over the records of a part.
    ///
    /// - Parameters:
    ///   - part: The part of this file.
    ///   - records: All the indices asked for.
    ///   - source: What the batch was made from.
    func read(
        _ part: RecordPlan.Part, of records: [Int], from source: any ByteSource,
        into collector: inout RecordCollector
    ) throws {
        if data.coding == .latin1InUTF8 {
            try decode(part, of: records, from: source, into: &collector)
            return
        }
        var buffer: [UInt8] = []
        for run in part.runs(of: records, limit: BinaryFormat.recordsAtOnce) {
            let first = records[run.lowerBound] - part.firstRecord
            try source.read(
                at: data.offset + first * imageBytes, count: run.count * imageBytes,
                into: &buffer)
            for (row, position) in run.enumerated() {
                collector.place(
                    at: position, label: labels[first + row],
                    pixels: buffer[row * imageBytes..<(row + 1) * imageBytes])
            }
        }
    }

    /// The same for pixels written as text: there is no telling where a record begins but by reading up to
    /// it.
    private func decode(
        _ part: RecordPlan.Part, of records: [Int], from source: any ByteSource,
        into collector: inout RecordCollector
    ) throws {
        var decoder = Latin1Decoder(data, source)
        var image: [UInt8] = []
        var record = 0
        for position in part.positions {
            let wanted = records[position] - part.firstRecord
            while record <= wanted {
                try decoder.read(imageBytes, into: &image)
                record += 1
            }
            collector.place(at: position, label: labels[wanted], pixels: image[...])
        }
    }
}
