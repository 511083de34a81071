/// Either version of CIFAR-10 in its archive (`.tar.gz`), read without unpacking it to disk.
///
/// The archive is gone through once when it is opened and once for each read, up to the last record asked
/// for. Of the binary version a piece at a time is in memory, of the python version a file at a time.
public struct ArchiveDataset: FileDataset {
    /// Which version of CIFAR-10 an archive holds.
    public enum Version: String, Sendable {
        /// Records of 3,073 bytes.
        case binary
        /// Pickles.
        case python

        /// The name of a file of this version.
        func fileName(_ batch: String) -> String {
            self == .binary ? batch + ".bin" : batch
        }
    }

    /// "CIFAR-10, binary archive" or "CIFAR-10, python archive".
    public var name: String { "CIFAR-10, \(version.rawValue) archive" }
    /// The archive.
    public let location: String
    /// Which version it holds.
    public let version: Version
    private let training: [DatasetFile]
    private let test: [DatasetFile]

    /// Goes through the archive once, to count its records and to see that it is whole.
    ///
    /// - Parameter path: The archive.
    /// - Throws: ``DatasetError`` where it is no gzip-compressed tar archive, is damaged or cut short, or
    ///   lacks a file of the set, and where a file in it is not as the version has it.
    public init(path: String) throws {
        var found: [Version: [String: DatasetFile]] = [:]
        var tar = TarReader(try GzipReader(path: path))
        while let member = try tar.next() {
            guard let version = Self.version(of: member.name) else { continue }
            let location = "\(path) (\(member.path))"
            let count: Int
            switch version {
            case .binary:
                count = try BinaryFormat.recordCount(bytes: member.size, location: location)
            case .python:
                count = try PythonBatch(try Self.contents(of: member, in: &tar, location: location)).count
            }
            let file = DatasetFile(path: member.path, byteCount: member.size, recordCount: count)
            guard found[version, default: [:]].updateValue(file, forKey: member.name) == nil else {
                throw DatasetError(
                    operation: "opening the archive", location: path, expected: "each file once",
                    found: "\(member.name) twice")
            }
        }
        try tar.finish()
        let version: Version = found[.binary] == nil && found[.python] != nil ? .python : .binary
        func files(_ split: DatasetSplit) throws -> [DatasetFile] {
            try CIFAR10.batchNames(of: split).map { batch in
                let name = version.fileName(batch)
                guard let file = found[version]?[name] else {
                    throw DatasetError(
                        operation: "opening the archive", location: path,
                        expected: "the files of CIFAR-10", found: "no \(name) in it")
                }
                return file
            }
        }
        training = try files(.training)
        test = try files(.test)
        location = path
        self.version = version
    }

    private static func version(of name: String) -> Version? {
        let batches = DatasetSplit.allCases.flatMap(CIFAR10.batchNames)
        return [Version.binary, .python].first { version in batches.contains { version.fileName($0) == name }
        }
    }

    /// Reads a whole pickle; refuses one far larger than the official files, as memory has to hold it.
    private static func contents(
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

    /// The members of the archive that hold a split, in the order of their records.
    public func files(of split: DatasetSplit) -> [DatasetFile] {
        switch split {
        case .training: training
        case .test: test
        }
    }

    /// Reads just the records asked for, going through the archive up to the last of them.
    ///
    /// - Throws: ``DatasetError`` where the indices are not ascending, distinct and in range, where the
    ///   archive was changed since it was opened, or where a label is not 0 to 9.
    public func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords {
        let files = files(of: split)
        var collector = try RecordCollector(
            split, records: records, count: count(of: split), location: location)
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
                let source = try Self.contents(of: member, in: &tar, location: "\(location) (\(member.path))")
                let batch = try PythonBatch(source)
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
        let count = member.size / CIFAR10.recordBytes
        var buffer: [UInt8] = []
        var position = part.positions.lowerBound
        var first = 0
        while position < part.positions.upperBound {
            let rows = min(BinaryFormat.recordsAtOnce, count - first)
            try tar.read(rows * CIFAR10.recordBytes, into: &buffer)
            while position < part.positions.upperBound, records[position] - part.firstRecord < first + rows {
                let record = records[position] - part.firstRecord
                let start = (record - first) * CIFAR10.recordBytes
                try BinaryFormat.place(
                    buffer[start..<start + CIFAR10.recordBytes], at: position, in: &collector, record: record,
                    location: "\(location) (\(member.path))")
                position += 1
            }
            first += rows
        }
    }
}
