internal import CZstd
public import Foundation

/// One zstd frame (RFC 8878).
public enum ZstdFrame {
    /// The first four bytes of every frame.
    public static let magicNumber: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]

    /// Compresses `contents` into one frame that states the size of its content and ends in a checksum of it
    /// (the low 32 bits of XXH64).
    ///
    /// - Parameters:
    ///   - contents: Any bytes, also none.
    ///   - level: zstd's compression level, 1 (fast) to 19 (small); values outside zstd's range are clamped.
    /// - Throws: `ZstdError.compression` if zstd has no memory.
    public static func compress(_ contents: Data, level: Int = 3) throws(ZstdError) -> Data {
        var frame = Data()
        do {
            try compress([contents], level: level) { frame.append(contentsOf: $0) }
        } catch {
            // Appending throws nothing.
            throw error as? ZstdError ?? .compression(reason: "\(error)")
        }
        return frame
    }

    /// Compresses pieces, one behind the other, into one frame as `compress(_:level:)` does, and hands it on a little at a time:
    /// in memory there is never more of it than that.
    ///
    /// - Parameters:
    ///   - pieces: The content.
    ///   - level: zstd's compression level.
    ///   - sink: Takes the frame's bytes, in order.
    /// - Throws: `ZstdError.compression` if zstd has no memory, and what the sink throws.
    public static func compress(
        _ pieces: [Data], level: Int, to sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard let context = ZSTD_createCCtx() else {
            throw ZstdError.compression(reason: "no memory for a context")
        }
        defer { ZSTD_freeCCtx(context) }
        func check(_ status: Int) throws(ZstdError) -> Int {
            guard ZSTD_isError(status) == 0 else { throw .compression(reason: errorName(status)) }
            return status
        }
        let bounds = ZSTD_cParam_getBounds(ZSTD_c_compressionLevel)
        let level = CInt(max(Int(bounds.lowerBound), min(Int(bounds.upperBound), level)))
        _ = try check(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level))
        _ = try check(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1))
        let size = pieces.reduce(0) { $0 + $1.count }
        _ = try check(ZSTD_CCtx_setPledgedSrcSize(context, UInt64(size)))
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_CStreamOutSize(), alignment: 16)
        defer { room.deallocate() }
        func compress(_ piece: UnsafeRawBufferPointer, _ mode: ZSTD_EndDirective) throws {
            var input = ZSTD_inBuffer(src: piece.baseAddress, size: piece.count, pos: 0)
            while true {
                var output = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
                let left = try check(ZSTD_compressStream2(context, &output, &input, mode))
                try sink(UnsafeRawBufferPointer(rebasing: room[..<output.pos]))
                if mode == ZSTD_e_end ? left == 0 : input.pos == input.size { return }
            }
        }
        for piece in pieces { try piece.withUnsafeBytes { try compress($0, ZSTD_e_continue) } }
        try compress(UnsafeRawBufferPointer(start: nil, count: 0), ZSTD_e_end)
    }

    /// Decompresses `frame`, which must be exactly one frame with a content checksum and nothing after it.
    ///
    /// Memory grows with what is really decompressed, never from the size that the frame states.
    ///
    /// - Parameters:
    ///   - frame: The frame.
    ///   - limit: The most bytes of content that are accepted.
    /// - Throws: `ZstdError`: not a frame, truncated, corrupt, trailing bytes, too large, no checksum.
    public static func decompress(_ frame: Data, limit: Int = .max) throws(ZstdError) -> Data {
        var content = Data()
        let size = try decompressFirst(of: frame[...], appendingTo: &content, limit: limit)
        guard size == frame.count else { throw .trailingBytes(count: frame.count - size) }
        return content
    }

    /// Decompresses the frame that `input` begins with, appends its content and returns how many bytes of
    /// `input` it takes up. On an error `content` is as it was.
    static func decompressFirst(
        of input: Data, appendingTo content: inout Data, limit: Int
    ) throws(ZstdError) -> Int {
        let start = content.count
        do {
            let reader = try ZstdFrameReader(input)
            var piece = [UInt8](repeating: 0, count: 1 << 18)
            while true {
                let left = limit - reader.position
                // One byte more than is accepted, to see whether there is more.
                let room = left < piece.count ? left + 1 : piece.count
                let count = try piece.withUnsafeMutableBytes {
                    try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<room]))
                }
                guard reader.position <= limit else { throw ZstdError.tooLarge(limit: limit) }
                content.append(contentsOf: piece[..<count])
                if count < room { return reader.frameSize }
            }
        } catch {
            content.count = start
            // Bytes in memory can be read: there is no other error.
            throw error as? ZstdError ?? .corrupt(reason: "\(error)")
        }
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined(separator: " ")
    }

    static func errorName(_ status: Int) -> String { String(cString: ZSTD_getErrorName(status)) }
}

/// What the first bytes of a frame say about it.
struct FrameHeader {
    let hasChecksum: Bool
    /// Bytes of content; nil where the frame does not say.
    let statedSize: UInt64?

    init(_ frame: Data) throws(ZstdError) {
        let start = Array(frame.prefix(5))
        guard start.prefix(4).elementsEqual(ZstdFrame.magicNumber.prefix(start.count)), !start.isEmpty else {
            throw .notAFrame(found: Array(start.prefix(4)))
        }
        guard start.count == 5 else { throw .truncated(available: start.count) }
        let descriptor = start[4]
        // Bit 4 has no meaning yet and zstd ignores it; none of our frames sets it.
        guard descriptor & 0x10 == 0 else { throw .corrupt(reason: "an unused bit of the header is set") }
        hasChecksum = descriptor & 0x04 != 0
        let size = frame.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        // The two values above zstd's largest size mean "unknown" and "error".
        statedSize = size < UInt64.max - 1 ? size : nil
    }
}

/// Why bytes are not a zstd frame that can be used, or why none could be made.
public enum ZstdError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
    /// The bytes do not begin with zstd's magic number; `found` is what they begin with, at most 4 bytes.
    case notAFrame(found: [UInt8])
    /// The frame goes on after the last of `available` bytes.
    case truncated(available: Int)
    /// The frame is damaged: zstd's own words, such as "Restored data doesn't match checksum".
    case corrupt(reason: String)
    /// The frame is whole, and `count` bytes follow that do not belong to it.
    case trailingBytes(count: Int)
    /// The frame holds more than the `limit` bytes that the caller takes.
    case tooLarge(limit: Int)
    /// The frame has no content checksum, so damage could go unnoticed.
    case noChecksum
    /// There is no memory to decompress the frame, whatever it holds.
    case noMemory
    /// zstd could not compress: its own words.
    case compression(reason: String)

    /// One line: expected and found.
    public var description: String {
        switch self {
        case .notAFrame(let found):
            let bytes = found.isEmpty ? "nothing" : ZstdFrame.hexadecimal(found)
            return "expected a zstd frame (\(ZstdFrame.hexadecimal(ZstdFrame.magicNumber))), found \(bytes)"
        case .truncated(let available):
            return "truncated: the zstd frame goes on after the last of \(available) bytes"
        case .corrupt(let reason):
            return "corrupt zstd frame: \(reason)"
        case .trailingBytes(let count):
            return "expected the end of the file after one zstd frame, found \(count) more bytes"
        case .tooLarge(let limit):
            return "the zstd frame holds more than \(limit) bytes"
        case .noChecksum:
            return "expected a zstd frame with a content checksum, found one without"
        case .noMemory:
            return "expected memory to decompress the zstd frame, found none left"
        case .compression(let reason):
            return "zstd cannot compress: \(reason)"
        }
    }

    /// Whether the bytes are wrong, rather than merely not to be read here and now.
    public var isDamage: Bool {
        switch self {
        case .notAFrame, .truncated, .corrupt, .trailingBytes, .noChecksum: true
        case .tooLarge, .noMemory, .compression: false
        }
    }

    /// The same as `description`.
    public var errorDescription: String? { description }
}
