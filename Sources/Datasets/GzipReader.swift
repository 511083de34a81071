internal import CZlib

/// Unpacks a gzip file from front to back, a piece at a time.
///
/// zlib checks the stream's checksum when its end is read.
final class GzipReader {
    let location: String
    private let file: DataFile
    /// On the heap and at one address, since zlib's own state points back to it.
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableBufferPointer<UInt8>
    private var chunk: [UInt8] = []
    private var fileOffset = 0
    private var isAtEnd = false

    /// Bytes unpacked so far.
    private var unpacked = 0
    /// The most that the file may unpack to: 1 GiB, or a hundred times its size where that is more. Images take about as much
    /// as they do packed; gzip makes up to a thousand times as much of a file that says nothing: minutes of work for no data set.
    private var mostUnpacked: Int { max(1 << 30, 100 * file.size) }

    private static let chunkSize = 1 << 17
    private static let magic: [UInt8] = [0x1F, 0x8B]

    /// - Parameters:
    ///   - path: The file.
    ///   - expected: What it should be, for the message.
    /// - Throws: `DatasetError` where there is no such file or it does not begin as a gzip file does.
    init(path: String, expected: String = "a gzip-compressed tar archive") throws {
        file = try DataFile(path: path)
        location = path
        try file.read(at: 0, count: min(8, file.size), into: &chunk)
        guard chunk.starts(with: Self.magic) else {
            throw DatasetError(
                operation: "opening the archive", location: path, expected: expected,
                found: Self.described(chunk))
        }
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        input = .allocate(capacity: Self.chunkSize)
        // 15 bits of window, the most there is; 16 more ask for gzip's header and checksum.
        let code = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else {
            throw DatasetError(
                operation: "opening the archive", location: path, expected: "zlib to start",
                found: "its error \(code)")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    /// Replaces the contents of `buffer` by the next `count` bytes, or by what is left of them.
    ///
    /// - Throws: `DatasetError` where the file is damaged or cut short.
    func read(_ count: Int, into buffer: inout [UInt8]) throws {
        if buffer.count > count { buffer.removeLast(buffer.count - count) }
        if buffer.count < count { buffer.append(contentsOf: repeatElement(0, count: count - buffer.count)) }
        var done = 0
        while done < count, !isAtEnd {
            if stream.pointee.avail_in == 0 { try refill() }
            let limit = min(count - done, Int(UInt32.max))
            let (code, produced) = buffer.withUnsafeMutableBufferPointer { bytes in
                stream.pointee.next_out = bytes.baseAddress.map { $0 + done }
                stream.pointee.avail_out = UInt32(limit)
                let code = inflate(stream, Z_NO_FLUSH)
                return (code, limit - Int(stream.pointee.avail_out))
            }
            done += produced
            unpacked += produced
            guard unpacked <= mostUnpacked else {
                throw DatasetError(
                    operation: "unpacking", location: location,
                    expected: "at most \(mostUnpacked) bytes of \(file.size) packed ones", found: "more")
            }
            switch code {
            case Z_OK: break
            case Z_STREAM_END: try startNextMember()
            case Z_BUF_ERROR where stream.pointee.avail_in == 0: break
            default:
                let reason = stream.pointee.msg.map { String(cString: $0) } ?? "error \(code)"
                throw DatasetError(
                    operation: "unpacking", location: location, expected: "gzip data",
                    found: "damage near byte \(fileOffset - Int(stream.pointee.avail_in)) (\(reason))")
            }
        }
        buffer.removeLast(count - done)
    }

    private func refill() throws {
        let count = min(Self.chunkSize, file.size - fileOffset)
        guard count > 0 else {
            throw DatasetError(
                operation: "unpacking", location: location, expected: "the end of the gzip data",
                found: "the end of the file at byte \(file.size): it is cut short")
        }
        try file.read(at: fileOffset, count: count, into: &chunk)
        _ = input.update(fromContentsOf: chunk)
        fileOffset += count
        stream.pointee.next_in = input.baseAddress
        stream.pointee.avail_in = UInt32(count)
    }

    /// A gzip file may consist of several; whatever else follows is ignored, as gzip does.
    private func startNextMember() throws {
        let unused = Int(stream.pointee.avail_in)
        let next = fileOffset - unused
        var start: [UInt8] = []
        try file.read(at: next, count: min(2, file.size - next), into: &start)
        if start == Self.magic, inflateReset(stream) == Z_OK { return }
        isAtEnd = true
    }

    private static func described(_ start: [UInt8]) -> String {
        let known: [(magic: [UInt8], name: String)] = [
            ([0x89, 0x50, 0x4E, 0x47], "a PNG image"), ([0xFF, 0xD8, 0xFF], "a JPEG image"),
            ([0x50, 0x4B, 0x03, 0x04], "a ZIP archive"), ([0x28, 0xB5, 0x2F, 0xFD], "a Zstandard file"),
            ([0x42, 0x5A, 0x68], "a bzip2 file"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "an xz file"),
            (Array("<html".utf8), "a web page"), (Array("<!DOC".utf8), "a web page"),
        ]
        if start.isEmpty { return "an empty file" }
        if let match = known.first(where: { start.starts(with: $0.magic) }) { return match.name }
        return "a file that begins with the bytes \(start.prefix(4).map { "\($0)" }.joined(separator: " "))"
    }
}
