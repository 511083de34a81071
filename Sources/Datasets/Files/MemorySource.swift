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
