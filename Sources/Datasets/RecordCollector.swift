internal import DurableFiles
internal import SystemLimits

/// Gathers the records asked for, in whatever order their files deliver them, and adds up their fingerprints.
struct RecordCollector {
    /// The indices asked for, ascending.
    let records: [Int]
    private let fingerprints: RecordFingerprint
    private var pixels: [UInt8]
    private var labels: [UInt8]
    private var fingerprint: UInt64 = 0

    /// - Throws: `DatasetError` where `records` is not ascending and distinct within `0..<count`.
    init(_ split: DatasetSplit, records: [Int], count: Int, location: String) throws {
        var next = 0
        for record in records {
            guard record >= next, record < count else {
                throw DatasetError(
                    operation: "reading \(split.rawValue) records of", location: location,
                    expected: "ascending, distinct indices below \(count)", found: "index \(record)")
            }
            next = record + 1
        }
        let byteCount = records.count * CIFAR10.recordBytes
        guard AvailableMemory.allows(byteCount) else {
            throw DatasetError(
                operation: "reading \(records.count) \(split.rawValue) records of", location: location,
                expected: "\(byteCount) bytes of memory for them", found: "\(AvailableMemory.bytes)")
        }
        self.records = records
        fingerprints = RecordFingerprint(split: split)
        pixels = [UInt8](repeating: 0, count: records.count * CIFAR10.imageBytes)
        labels = [UInt8](repeating: 0, count: records.count)
    }

    /// - Throws: `DatasetError` where `label` is not 0 to 9.
    static func checkLabel(_ label: Int, record: Int, location: String) throws {
        guard label >= 0, label < CIFAR10.classCount else {
            throw DatasetError(
                operation: "reading record \(record) (counted from 0) of", location: location,
                expected: "a label from 0 to \(CIFAR10.classCount - 1)", found: "\(label)")
        }
    }

    /// Takes the record that was asked for in place `position`.
    mutating func place(at position: Int, label: UInt8, pixels image: ArraySlice<UInt8>) {
        precondition(image.count == CIFAR10.imageBytes)
        let start = position * CIFAR10.imageBytes
        image.withUnsafeBytes { source in
            pixels.withUnsafeMutableBytes { target in
                UnsafeMutableRawBufferPointer(rebasing: target[start..<start + CIFAR10.imageBytes])
                    .copyMemory(from: source)
            }
            fingerprint &+= fingerprints.value(record: records[position], label: label, pixels: source)
        }
        labels[position] = label
    }

    consuming func finish() -> ImageRecords {
        ImageRecords(pixels: pixels, labels: labels, fingerprint: fingerprint)
    }
}
