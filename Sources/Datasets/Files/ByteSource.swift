/// Bytes that can be read from any place: a file, or a file's contents in memory.
protocol ByteSource {
    /// What to call it in messages: a path, or a path and an archive's member.
    var location: String { get }
    /// Its length in bytes.
    var size: Int { get }
    /// Replaces the contents of `buffer` by the `count` bytes that start at `offset`.
    ///
    /// - Throws: `DatasetError` where the bytes are not there.
    func read(at offset: Int, count: Int, into buffer: inout [UInt8]) throws
}

/// A file's contents in memory.
struct MemorySource: ByteSource {
    let location: String
    let bytes: [UInt8]

    var size: Int { bytes.count }

    func read(at offset: Int, count: Int, into buffer: inout [UInt8]) throws {
        guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else {
            throw DatasetError(
                operation: "reading", location: location,
                expected: "\(count) bytes from byte \(offset)", found: "\(bytes.count) bytes in all")
        }
        buffer.removeAll(keepingCapacity: true)
        buffer.append(contentsOf: bytes[offset..<offset + count])
    }
}
