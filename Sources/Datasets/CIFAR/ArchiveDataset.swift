internal import DurableFiles

/// Either version of a set of CIFAR in its archive (`.tar.gz`), read without unpacking it to disk.
///
/// The archive is gone through once when it is opened and once for each read, up to the last record asked
/// for. Of the binary version a piece at a time is in memory, of the python version a file at a time.
public struct ArchiveDataset: FileDataset {
    /// "CIFAR-10, binary archive" or "CIFAR-10, python archive".
    public var name: String { "\(set.name), \(version.rawValue) archive" }
    /// The archive.
    public let location: String
    /// Which set it holds.
    public let set: CIFARSet
    /// Which version it holds.
    public let version: CIFARSet.Version
    /// What its images are.
    public var format: ImageFormat { self.set.format }
    private let training: [DatasetFile]
    private let test: [DatasetFile]

    /// Goes through the archive once, to count its records and to see that it is whole.
    ///
    /// - Parameters:
    ///   - path: The archive.
    ///   - sets: What it may hold; the one of which it has most files is taken.
    /// - Throws: ``DatasetError`` where it is no gzip-compressed tar archive, is damaged or cut short, or
    ///   lacks a file of the set, and where a file in it is not as the version has it.
    public init(path: String, among sets: [CIFARSet] = CIFARSet.all) throws {
        let kinds = sets.flatMap { set in CIFARSet.Version.allCases.map { Kind(set: set, version: $0) } }
        // What is wrong with a file matters only if it is one of the set that the archive holds.
        var found = [[String: Result<DatasetFile, any Error>]](repeating: [:], count: kinds.count)
        var tar = TarReader(try GzipReader(path: path))
        while let member = try tar.next() {
            guard let kind = kinds.firstIndex(where: { $0.split(of: member.name) != nil }),
                let split = kinds[kind].split(of: member.name)
            else { continue }
            let file = Result { try kinds[kind].file(member, of: split, in: &tar, path: path) }
            if found[kind].updateValue(file, forKey: member.name) != nil {
                found[kind][member.name] = .failure(
                    DatasetError(
                        operation: "opening the archive", location: path, expected: "each file once",
                        found: "\(member.name) twice"))
            }
        }
        try tar.finish()
        // Of several that are as good, the first.
        let most = found.map(\.count).max() ?? 0
        let best = found.firstIndex { $0.count == most } ?? 0
        let kind = kinds[best]
        func files(_ split: DatasetSplit) throws -> [DatasetFile] {
            try kind.set.fileNames(of: split, kind.version).map { name in
                guard let file = found[best][name] else {
                    throw DatasetError(
                        operation: "opening the archive", location: path,
                        expected: "the files of \(kind.set.name)", found: "no \(name) in it")
                }
                return try file.get()
            }
        }
        training = try files(.training)
        test = try files(.test)
        location = path
        set = kind.set
        version = kind.version
    }

    /// A set in one of its versions: what an archive may hold.
    private struct Kind {
        let set: CIFARSet
        let version: CIFARSet.Version

        /// The split to which a file of that name belongs; nil where it is none of the set.
        func split(of name: String) -> DatasetSplit? {
            DatasetSplit.allCases.first { set.fileNames(of: $0, version).contains(name) }
        }

        func file(
            _ member: TarReader.Member, of split: DatasetSplit, in tar: inout TarReader, path: String
        ) throws -> DatasetFile {
            let location = "\(path) (\(member.path))"
            switch version {
            case .binary:
                return try BinaryFormat(set: set).file(
                    member.path, bytes: member.size, split: split, location: location)
            case .python:
                let source = try contents(of: member, in: &tar, location: location)
                return DatasetFile(
                    path: member.path, byteCount: member.size,
                    recordCount: try PythonBatch(source, set: set).count,
                    officialRecordCount: set.officialRecordsPerFile(of: split))
            }
        }
    }

    /// The members of the archive that hold a split, in the order of their records.
    public func files(of split: DatasetSplit) -> [DatasetFile] {
        switch split {
        case .training: training
        case .test: test
        }
    }

    /// The number of records that the published set has of each class of a split.
    public func officialCountPerClass(of split: DatasetSplit) -> Int? { set.officialCountPerClass(of: split) }

    /// Reads just the records asked for, going through the archive up to the last of them.
    ///
    /// - Throws: ``DatasetError`` where the indices are not ascending, distinct and in range, where the
    ///   archive was changed since it was opened, or where a label is none of a class.
    public func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords {
        let files = files(of: split)
        var collector = try RecordCollector(
            split, records: records, count: count(of: split), format: format, location: location)
        let parts = RecordPlan(records: records, counts: files.map(\.recordCount)).parts
        var missing = Dictionary(uniqueKeysWithValues: parts.map { (files[$0.file].path, $0) })
        guard !missing.isEmpty else { return collector.finish() }
        var tar = TarReader(try GzipReader(path: location))
        while !missing.isEmpty {
            guard let member = try tar.next() else { throw changed("a part of it missing") }
            guard let part = missing.removeValue(forKey: member.path) else { continue }
            guard member.size == files[part.file].byteCount else {
                throw changed("\(member.path) of another size")
            }
            switch version {
            case .binary:
                try readBinary(part, of: records, member: member, from: &tar, into: &collector)
            case .python:
                let source = try contents(of: member, in: &tar, location: "\(location) (\(member.path))")
                let batch = try PythonBatch(source, set: set)
                guard batch.count == files[part.file].recordCount else {
                    throw changed("\(member.path) with \(batch.count) records")
                }
                try batch.read(part, of: records, from: source, into: &collector)
            }
        }
        return collector.finish()
    }

    private func changed(_ found: String) -> DatasetError {
        DatasetError(
            operation: "reading the archive", location: location, expected: "what it held when it was opened",
            found: found)
    }

    private func readBinary(
        _ part: RecordPlan.Part, of records: [Int], member: TarReader.Member, from tar: inout TarReader,
        into collector: inout RecordCollector
    ) throws {
        let layout = BinaryFormat(set: set)
        let count = member.size / set.recordBytes
        var buffer: [UInt8] = []
        var position = part.positions.lowerBound
        var first = 0
        while position < part.positions.upperBound {
            let rows = min(BinaryFormat.recordsAtOnce, count - first)
            try tar.read(rows * set.recordBytes, into: &buffer)
            while position < part.positions.upperBound, records[position] - part.firstRecord < first + rows {
                let record = records[position] - part.firstRecord
                let start = (record - first) * set.recordBytes
                try layout.place(
                    buffer[start..<start + set.recordBytes], at: position, in: &collector, record: record,
                    location: "\(location) (\(member.path))")
                position += 1
            }
            first += rows
        }
    }
}

/// Reads a whole pickle; refuses one far larger than the official files, as memory has to hold it.
private func contents(
    of member: TarReader.Member, in tar: inout TarReader, location: String
) throws -> MemorySource {
    let limit = 1 << 28
    guard member.size <= limit else {
        throw DatasetError(
            operation: "reading", location: location, expected: "at most \(limit) bytes",
            found: "\(member.size)")
    }
    var bytes: [UInt8] = []
    // A piece at a time, so that a size that is a lie takes no memory.
    var piece: [UInt8] = []
    while bytes.count < member.size {
        try tar.read(min(1 << 20, member.size - bytes.count), into: &piece)
        bytes += piece
    }
    return MemorySource(location: location, bytes: bytes)
}

/// Unpacks the files of a set from its archive.
public enum ArchiveUnpacker {
    /// Unpacks an archive beside itself, into the folder that the set names: `cifar-10-batches-bin`.
    ///
    /// Only the files of the data set are taken, whatever else the archive holds, and wherever in it they
    /// are. The folder appears under its name once it is complete.
    ///
    /// - Parameters:
    ///   - archive: The archive's path.
    ///   - parent: The folder that gets the new one.
    /// - Returns: The path of the new folder.
    /// - Throws: ``DatasetError`` where the archive is not one of a set, or is damaged; `FileError` where the folder is in use, or a
    ///   file cannot be written.
    public static func unpack(_ archive: String, into parent: String) throws -> String {
        let dataset = try ArchiveDataset(path: archive)
        let folder = FileSystem.join(parent, dataset.set.publication(dataset.version).folder)
        let staging = try StagingFolder(for: folder)
        let wanted = Set(
            dataset.set.fileNames(dataset.version) + [dataset.set.classNamesFile] + dataset.set.otherFiles)
        var tar = TarReader(try GzipReader(path: archive))
        var buffer: [UInt8] = []
        while let member = try tar.next() {
            guard wanted.contains(member.name) else { continue }
            let file = try staging.file(member.name)
            var left = member.size
            while left > 0 {
                try tar.read(min(left, 1 << 20), into: &buffer)
                try file.append(buffer)
                left -= buffer.count
            }
            try file.synchronize()
        }
        try tar.finish()
        try staging.place()
        return folder
    }
}
