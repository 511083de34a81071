internal import DurableFiles
internal import SystemLimits

/// Gathers the records asked for, in whatever order their files deliver them, and adds up their fingerprints.
struct RecordCollector {
    /// The indices asked for, ascending.
    let records: [Int]
    let format: ImageFormat
    private let fingerprints: RecordFingerprint
    private var pixels: [UInt8]
    private var labels: [UInt8]
    private var fingerprint: UInt64 = 0

    /// - Throws: `DatasetError` where `records` is not ascending and distinct within `0..<count`.
    init(
        _ split: DatasetSplit, records: [Int], count: Int, format: ImageFormat, location: String
    ) throws {
        var next = 0
        for record in records {
            guard record >= next, record < count else {
                throw DatasetError(
                    operation: "reading \(split.rawValue) records of", location: location,
                    expected: "ascending, distinct indices below \(count)", found: "index \(record)")
            }
            next = record + 1
        }
        let byteCount = records.count * (format.imageBytes + 1)
        guard AvailableMemory.allows(byteCount) else {
            throw DatasetError(
                operation: "reading \(records.count) \(split.rawValue) records of", location: location,
                expected: "\(byteCount) bytes of memory for them", found: "\(AvailableMemory.bytes)")
        }
        self.records = records
        self.format = format
        fingerprints = RecordFingerprint(split: split)
        pixels = [UInt8](repeating: 0, count: records.count * format.imageBytes)
        labels = [UInt8](repeating: 0, count: records.count)
    }

    /// - Throws: `DatasetError` where `label` is none of a class.
    static func checkLabel(_ label: Int, of format: ImageFormat, record: Int, location: String) throws {
        guard label >= 0, label < format.classCount else {
            throw DatasetError(
                operation: "reading record \(record) (counted from 0) of", location: location,
                expected: "a label from 0 to \(format.classCount - 1)", found: "\(label)")
        }
    }

    /// Takes the record that was asked for in place `position`.
    mutating func place(at position: Int, label: UInt8, pixels image: ArraySlice<UInt8>) {
        let size = format.imageBytes
        precondition(image.count == size)
        let start = position * size
        image.withUnsafeBytes { source in
            pixels.withUnsafeMutableBytes { target in
                UnsafeMutableRawBufferPointer(rebasing: target[start..<start + size]).copyMemory(from: source)
            }
            fingerprint &+= fingerprints.value(record: records[position], label: label, pixels: source)
        }
        labels[position] = label
    }

    consuming func finish() -> ImageRecords {
        ImageRecords(pixels: pixels, labels: labels, fingerprint: fingerprint)
    }
}

/// Which of the records asked for lie in which file of a split.
struct RecordPlan {
    /// The share of one file.
    struct Part {
        /// The file's place among the files of its split.
        let file: Int
        /// The index of the file's first record in the split.
        let firstRecord: Int
        /// The places, in the list asked for, of the records that lie in this file.
        let positions: Range<Int>
    }

    /// The files that hold anything asked for, in order.
    let parts: [Part]

    /// - Parameters:
    ///   - records: Ascending, distinct indices below the sum of `counts`.
    ///   - counts: The number of records of each file of the split.
    init(records: [Int], counts: [Int]) {
        var parts: [Part] = []
        var firstRecord = 0
        var position = 0
        for (file, count) in counts.enumerated() {
            let start = position
            while position < records.count, records[position] < firstRecord + count { position += 1 }
            if position > start {
                parts.append(Part(file: file, firstRecord: firstRecord, positions: start..<position))
            }
            firstRecord += count
        }
        self.parts = parts
    }
}

extension RecordPlan.Part {
    /// The part cut into runs of neighbouring records, none longer than `limit`: each can be read at one go.
    func runs(of records: [Int], limit: Int) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        var start = positions.lowerBound
        while start < positions.upperBound {
            var end = start + 1
            while end < positions.upperBound, end - start < limit, records[end] == records[end - 1] + 1 {
                end += 1
            }
            runs.append(start..<end)
            start = end
        }
        return runs
    }
}
