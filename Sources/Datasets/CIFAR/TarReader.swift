/// Reads a tar archive out of a gzip file, member by member, without unpacking it to disk.
///
/// Knows the ustar layout, and what GNU tar and pax put before a member whose name or size does not fit into
/// it.
///
/// Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar
/// Format".
struct TarReader {
    /// A file in the archive.
    struct Member {
        /// Its path in the archive.
        let path: String
        /// Its size in bytes.
        let size: Int

        /// The last part of its path.
        var name: String { path.split(separator: "/").last.map(String.init) ?? "" }
    }

    private static let blockSize = 512
    private static let longestExtension = 1 << 20

    private let gzip: GzipReader
    /// Bytes of the current member that were not read yet, and the bytes that fill up its last block.
    private var rest = 0
    private var padding = 0
    private var scratch: [UInt8] = []

    init(_ gzip: GzipReader) {
        self.gzip = gzip
    }

    /// Steps to the next regular file; nil at the end.
    ///
    /// - Throws: `DatasetError` where the archive is damaged or cut short.
    mutating func next() throws -> Member? {
        var longPath: String?
        var longSize: Int?
        while true {
            try skip(rest + padding)
            rest = 0
            padding = 0
            guard let header = try header() else { return nil }
            rest = longSize ?? header.size
            padding = (Self.blockSize - rest % Self.blockSize) % Self.blockSize
            switch header.type {
            case UInt8(ascii: "L"):
                longPath = Self.text(try readExtension()[...])
            case UInt8(ascii: "x"):
                let records = try paxRecords(try readExtension())
                longPath = records["path"] ?? longPath
                longSize = try records["size"].map { size in
                    guard let bytes = Int(size), bytes >= 0, bytes < 1 << 50 else {
                        throw error("a size", "a pax header with another")
                    }
                    return bytes
                }
            case UInt8(ascii: "g"), UInt8(ascii: "K"):
                continue
            case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
                return Member(path: longPath ?? header.path, size: rest)
            default:
                longPath = nil
                longSize = nil
            }
        }
    }

    /// Replaces the contents of `buffer` by the next `count` bytes of the member.
    ///
    /// - Throws: `DatasetError` where the archive is damaged or cut short.
    mutating func read(_ count: Int, into buffer: inout [UInt8]) throws {
        precondition(count <= rest, "a member is not read beyond its end")
        try gzip.read(count, into: &buffer)
        guard buffer.count == count else {
            throw error("\(count) more bytes of a file in it", "the end of the archive: it is cut short")
        }
        rest -= count
    }

    /// Reads up to the end of the gzip file, which checks its checksum.
    mutating func finish() throws {
        repeat { try gzip.read(1 << 17, into: &scratch) } while !scratch.isEmpty
    }

    private mutating func skip(_ count: Int) throws {
        var left = count
        while left > 0 {
            let piece = min(left, 1 << 17)
            try gzip.read(piece, into: &scratch)
            guard scratch.count == piece else {
                throw error("\(left) more bytes of a file in it", "the end of the archive: it is cut short")
            }
            left -= piece
        }
    }

    private mutating func header() throws -> (path: String, size: Int, type: UInt8)? {
        try gzip.read(Self.blockSize, into: &scratch)
        if scratch.isEmpty || scratch.allSatisfy({ $0 == 0 }) { return nil }
        guard scratch.count == Self.blockSize else {
            throw error("a tar header of \(Self.blockSize) bytes", "the end of the archive: it is cut short")
        }
        // The checksum is the sum of the header's bytes, with its own field taken as spaces.
        let field = 148..<156
        let sum = scratch.indices.reduce(0) { $0 + (field.contains($1) ? 32 : Int(scratch[$1])) }
        guard Self.octal(scratch[field]) == sum else {
            throw error("a tar archive", "a header whose checksum is wrong: damaged, or no tar archive")
        }
        guard let size = Self.number(scratch[124..<136]) else {
            throw error("a file's size in a tar header", "something else")
        }
        let name = Self.text(scratch[0..<100])
        let isPosix = scratch[257..<263].elementsEqual(Array("ustar".utf8) + [0])
        let prefix = isPosix ? Self.text(scratch[345..<500]) : ""
        return (prefix.isEmpty ? name : prefix + "/" + name, size, scratch[156])
    }

    private mutating func readExtension() throws -> [UInt8] {
        guard rest <= Self.longestExtension else {
            throw error("a long name of at most \(Self.longestExtension) bytes", "\(rest) bytes")
        }
        var bytes: [UInt8] = []
        try read(rest, into: &bytes)
        return bytes
    }

    /// Reads records "length key=value\n", each with its own length in front.
    private func paxRecords(_ bytes: [UInt8]) throws -> [String: String] {
        var records: [String: String] = [:]
        var rest = bytes[...]
        while let space = rest.firstIndex(of: UInt8(ascii: " ")) {
            guard let length = Int(String(decoding: rest[..<space], as: UTF8.self)),
                length > space + 1 - rest.startIndex, length <= rest.count
            else { throw error("a pax header", "a record of a wrong length") }
            let record = rest[(space + 1)..<(rest.startIndex + length)].dropLast()
            if let equals = record.firstIndex(of: UInt8(ascii: "=")) {
                let key = String(decoding: record[..<equals], as: UTF8.self)
                records[key] = String(decoding: record[(equals + 1)...], as: UTF8.self)
            }
            rest = rest[(rest.startIndex + length)...]
        }
        return records
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func octal(_ bytes: ArraySlice<UInt8>) -> Int? {
        let digits = bytes.drop { $0 == 32 }.prefix { $0 != 0 && $0 != 32 }
        return digits.isEmpty ? nil : Int(String(decoding: digits, as: UTF8.self), radix: 8)
    }

    /// A size: octal digits, or GNU tar's form for large ones, a set top bit and then a big-endian number.
    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard let first = bytes.first else { return nil }
        if first & 0x80 == 0 {
            return octal(bytes).flatMap { $0 >= 0 ? $0 : nil }
        }
        let value = bytes.dropFirst().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return value < 1 << 50 ? Int(value) : nil
    }

    private func error(_ expected: String, _ found: String) -> DatasetError {
        DatasetError(
            operation: "reading the archive", location: gzip.location, expected: expected, found: found)
    }
}
