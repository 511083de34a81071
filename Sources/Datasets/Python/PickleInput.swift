/// Reads a pickle from front to back through a small buffer; long strings are stepped over.
struct PickleInput {
    /// Where the bytes come from.
    let source: any ByteSource
    /// The offset of the next byte.
    private(set) var position = 0
    private var buffer: [UInt8] = []
    private var bufferStart = 0

    private static let bufferSize = 1 << 16
    /// The longest name that is read: names are all that is looked into while reading.
    private static let longestName = 256

    init(_ source: any ByteSource) {
        self.source = source
    }

    /// The next byte.
    mutating func byte() throws -> UInt8 {
        if position < bufferStart || position >= bufferStart + buffer.count {
            try require(1)
            bufferStart = position
            try source.read(
                at: position, count: min(Self.bufferSize, source.size - position), into: &buffer)
        }
        defer { position += 1 }
        return buffer[position - bufferStart]
    }

    /// The next `bytes` bytes as an unsigned number, low byte first.
    mutating func unsigned(bytes: Int) throws -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<bytes { value |= UInt64(try byte()) << UInt64(8 * index) }
        return value
    }

    /// Steps over a string whose length stands before it in `lengthBytes` bytes.
    mutating func string(lengthBytes: Int, coding: PickleString.Coding) throws -> PickleString {
        let length = try unsigned(bytes: lengthBytes)
        guard let count = Int(exactly: length) else { throw cut(short: "\(length)") }
        try require(count)
        defer { position += count }
        return PickleString(offset: position, count: count, coding: coding)
    }

    /// The text up to the next line feed.
    mutating func line() throws -> String {
        var bytes: [UInt8] = []
        while true {
            let next = try byte()
            if next == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
            guard bytes.count < Self.longestName else {
                throw DatasetError(
                    operation: "reading the pickle", location: source.location,
                    expected: "a name of at most \(Self.longestName) bytes",
                    found: "a longer one before byte \(position)")
            }
            bytes.append(next)
        }
    }

    /// The contents of a short string, as text; nil where it is long.
    func text(_ string: PickleString) throws -> String? {
        guard string.count <= Self.longestName else { return nil }
        var bytes: [UInt8] = []
        try source.read(at: string.offset, count: string.count, into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func require(_ count: Int) throws {
        if count > source.size - position { throw cut(short: "\(count)") }
    }

    private func cut(short count: String) -> DatasetError {
        DatasetError(
            operation: "reading the pickle", location: source.location,
            expected: "\(count) more bytes at byte \(position)",
            found: "the end of the file at byte \(source.size): it is cut short or damaged")
    }
}
