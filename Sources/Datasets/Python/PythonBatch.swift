/// One file of the python version: where its pixels are, and its labels.
package struct PythonBatch {
    let labels: [UInt8]
    private let data: PickleString

    var count: Int { labels.count }

    /// Reads the pickle but for the pixels.
    ///
    /// - Throws: `DatasetError` where it is damaged, asks for anything else than data, or is not a dictionary
    ///   with "data", bytes [n, 3072], and "labels", n integers from 0 to 9.
    init(_ source: any ByteSource) throws {
        func wrong(_ expected: String, _ found: String) -> DatasetError {
            DatasetError(operation: "reading", location: source.location, expected: expected, found: found)
        }
        let value = try PickleMachine.load(source)
        guard case .dictionary(let dictionary) = value else { throw wrong("a dictionary", value.kind) }
        let entries = try Self.entries(dictionary.elements, source)
        guard case .array(let array)? = entries["data"] else {
            throw wrong("a numpy array of bytes under the key data", Self.described(entries["data"], entries))
        }
        guard case .list(let list)? = entries["labels"] else {
            throw wrong("a list of integers under the key labels", Self.described(entries["labels"], entries))
        }
        let count = list.elements.count
        guard count > 0 else { throw wrong("at least one record", "none") }
        guard array.shape == [count, CIFAR10.imageBytes] else {
            throw wrong("an array [\(count), \(CIFAR10.imageBytes)] for \(count) labels", "\(array.shape)")
        }
        let bytes = count * CIFAR10.imageBytes
        // In UTF-8 a byte takes one byte or two; which of them, only reading shows.
        let range = array.data.coding == .latin1InUTF8 ? bytes...2 * bytes : bytes...bytes
        guard range.contains(array.data.count) else {
            throw wrong("\(bytes) bytes of pixels for \(count) labels", "\(array.data.count)")
        }
        labels = try list.elements.enumerated().map { record, label in
            guard case .integer(let label) = label else {
                throw wrong("labels that are integers", label.kind)
            }
            try RecordCollector.checkLabel(label, record: record, location: source.location)
            return UInt8(label)
        }
        data = array.data
    }

    /// Reads all records of a file that is in memory, as training records from 0.
    ///
    /// - Throws: `DatasetError` as when the file is opened and read from disk.
    package static func records(in bytes: [UInt8], location: String) throws -> ImageRecords {
        let source = MemorySource(location: location, bytes: bytes)
        let batch = try PythonBatch(source)
        let records = Array(0..<batch.count)
        var collector = try RecordCollector(
            .training, records: records, count: batch.count, location: location)
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
        return entries.keys.contains("fine_labels") ? "a batch of CIFAR-100" : "no such key"
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
                at: data.offset + first * CIFAR10.imageBytes, count: run.count * CIFAR10.imageBytes,
                into: &buffer)
            for (row, position) in run.enumerated() {
                collector.place(
                    at: position, label: labels[first + row],
                    pixels: buffer[row * CIFAR10.imageBytes..<(row + 1) * CIFAR10.imageBytes])
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
                try decoder.read(CIFAR10.imageBytes, into: &image)
                record += 1
            }
            collector.place(at: position, label: labels[wanted], pixels: image[...])
        }
    }
}
