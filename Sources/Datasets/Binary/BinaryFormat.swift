/// The layout of a file of the binary version: records of 3,073 bytes.
enum BinaryFormat {
    /// Most records read at one go: under 1 MB.
    static let recordsAtOnce = 256
    /// Most records of a file, a thousand times the official number: what goes beyond is no such file.
    static let mostRecords = 10_000_000

    /// Returns the number of records in a file of `bytes` bytes.
    ///
    /// - Throws: `DatasetError` where it is empty or ends within a record.
    static func recordCount(bytes: Int, location: String) throws -> Int {
        let (count, rest) = bytes.quotientAndRemainder(dividingBy: CIFAR10.recordBytes)
        guard rest == 0, count > 0 else {
            let detail =
                bytes == 0 ? "an empty file" : "\(bytes) bytes: \(count) records and \(rest) bytes of another"
            throw DatasetError(
                operation: "reading", location: location,
                expected: "a whole number of records of \(CIFAR10.recordBytes) bytes (officially "
                    + "\(CIFAR10.officialRecordsPerFile * CIFAR10.recordBytes) bytes)",
                found: detail)
        }
        guard count <= mostRecords else {
            throw DatasetError(
                operation: "reading", location: location, expected: "at most \(mostRecords) records",
                found: "\(bytes) bytes: \(count) records")
        }
        return count
    }

    /// Checks a record's label and hands the record over.
    ///
    /// - Parameters:
    ///   - bytes: The record, label first.
    ///   - position: Its place in the list asked for.
    ///   - record: Its index in the file, for the message.
    /// - Throws: `DatasetError` where the label is not 0 to 9.
    static func place(
        _ bytes: ArraySlice<UInt8>, at position: Int, in collector: inout RecordCollector, record: Int,
        location: String
    ) throws {
        let label = bytes[bytes.startIndex]
        try RecordCollector.checkLabel(Int(label), record: record, location: location)
        collector.place(at: position, label: label, pixels: bytes.dropFirst())
    }
}
