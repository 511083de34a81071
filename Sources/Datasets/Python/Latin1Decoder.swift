/// Reads bytes that a pickle holds as text: UTF-8 of characters below 256, one for each byte.
struct Latin1Decoder {
    private let source: any ByteSource
    private var offset: Int
    private let end: Int
    private var buffer: [UInt8] = []
    private var next = 0

    private static let bufferSize = 1 << 18

    init(_ string: PickleString, _ source: any ByteSource) {
        self.source = source
        offset = string.offset
        end = string.offset + string.count
    }

    /// Replaces the contents of `bytes` by the next `count` bytes.
    ///
    /// - Throws: `DatasetError` where the text ends early or holds other characters.
    mutating func read(_ count: Int, into bytes: inout [UInt8]) throws {
        bytes.removeAll(keepingCapacity: true)
        while bytes.count < count {
            let lead = try unit()
            switch lead {
            case 0..<0x80: bytes.append(lead)
            case 0xC2, 0xC3:
                let trail = try unit()
                guard trail & 0xC0 == 0x80 else { throw error("a character's second byte", "\(trail)") }
                bytes.append(lead << 6 | trail & 0x3F)
            default: throw error("characters below 256", "a character that begins with the byte \(lead)")
            }
        }
    }

    private mutating func unit() throws -> UInt8 {
        if next == buffer.count {
            guard offset < end else { throw error("more pixels", "the end of them") }
            let count = min(Self.bufferSize, end - offset)
            try source.read(at: offset, count: count, into: &buffer)
            offset += count
            next = 0
        }
        defer { next += 1 }
        return buffer[next]
    }

    private func error(_ expected: String, _ found: String) -> DatasetError {
        DatasetError(
            operation: "reading the pixels of", location: source.location, expected: expected,
            found: "\(found) before byte \(offset - buffer.count + next)")
    }
}
