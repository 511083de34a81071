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

/// What a pickle of a CIFAR-10 batch may be made of.
///
/// Strings are not read but remembered by where they lie, so that a pickle of 31 MB costs no more memory than
/// its labels and names.
enum PickleValue {
    case none
    case boolean(Bool)
    case integer(Int)
    /// A string of bytes or text.
    case string(PickleString)
    case tuple(PickleContainer)
    case list(PickleContainer)
    /// Keys and values by turns.
    case dictionary(PickleContainer)
    case global(PickleGlobal)
    /// `numpy.dtype('u1')`.
    case byteType
    /// `_reconstruct(ndarray, …)` before its state is set.
    case emptyArray
    /// An array of bytes, row-major.
    case array(PickleArray)

    /// How many containers are nested in it, itself included.
    var depth: Int {
        switch self {
        case .tuple(let container), .list(let container), .dictionary(let container): container.depth
        default: 0
        }
    }

    /// What to call it in a message.
    var kind: String {
        switch self {
        case .none: "None"
        case .boolean: "a boolean"
        case .integer: "an integer"
        case .string: "a string"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dictionary"
        case .global(let global): "the global \(global.rawValue)"
        case .byteType: "a numpy dtype"
        case .emptyArray, .array: "a numpy array"
        }
    }
}

/// Where a string of a pickle lies.
struct PickleString {
    /// How the bytes in the pickle stand for the bytes of the string.
    enum Coding {
        /// They are the bytes.
        case raw
        /// They are text in UTF-8.
        case text
        /// They are text in UTF-8 whose characters, all below 256, are the bytes (`_codecs.encode(…,
        /// 'latin1')`).
        case latin1InUTF8
    }

    /// The offset of its first byte.
    let offset: Int
    /// The number of bytes in the pickle.
    let count: Int
    let coding: Coding
}

/// An array of bytes in a pickle.
struct PickleArray {
    let shape: [Int]
    let data: PickleString
}

/// The elements of a tuple, a list or a dictionary.
///
/// A class, so that appending to what lies on the stack never copies it.
final class PickleContainer {
    private(set) var elements: [PickleValue] = []
    private(set) var depth = 1

    func append(contentsOf values: some Sequence<PickleValue>) {
        for value in values {
            elements.append(value)
            depth = max(depth, value.depth + 1)
        }
    }
}

/// The names a pickle may refer to; nothing of them is ever run.
enum PickleGlobal: String {
    case reconstruct = "numpy.core.multiarray._reconstruct"
    case fromBuffer = "numpy.core.numeric._frombuffer"
    case array = "numpy.ndarray"
    case dataType = "numpy.dtype"
    case encode = "_codecs.encode"

    /// - Parameters:
    ///   - module: As the pickle has it; numpy 2 has renamed `numpy.core` to `numpy._core`.
    ///   - name: The name within the module.
    init?(module: String, name: String) {
        let renamed = "numpy._core."
        let module = module.hasPrefix(renamed) ? "numpy.core." + module.dropFirst(renamed.count) : module
        self.init(rawValue: module + "." + name)
    }
}

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
