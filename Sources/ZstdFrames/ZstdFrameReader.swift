internal import CZstd
public import Foundation

/// Decompresses one frame from front to back, a piece at a time, from bytes that come a piece at a time.
///
/// Its own memory does not depend on what the frame holds or states; the caller decides how much content is taken.
public final class ZstdFrameReader {
    /// Reads the bytes from an offset on into a buffer and returns how many there were; 0 at the end.
    public typealias Source = (_ offset: Int, _ buffer: UnsafeMutableRawBufferPointer) throws -> Int

    /// Bytes of content read so far.
    public private(set) var position = 0
    /// Bytes of content that the frame states; nil where it does not say.
    public private(set) var statedSize: UInt64?
    /// Bytes of the source that the frame takes up, as far as it has been read.
    public var frameSize: Int { sourceOffset - (input.count - inputPosition) }

    private let sourceSize: Int
    private let source: Source
    private let context: OpaquePointer
    /// What has come from the source, and how far the decoder has taken it.
    private var input = Data()
    private var inputPosition = 0
    private var sourceOffset = 0
    private var isAtEnd = false

    private static let pieceSize = 1 << 17

    /// Reads the frame's header.
    ///
    /// - Parameters:
    ///   - size: The number of bytes that the source has.
    ///   - source: Where the frame begins, at offset 0.
    /// - Throws: `ZstdError` (no frame, truncated, corrupt, no checksum, no memory), and what the source throws.
    public init(size: Int, source: @escaping Source) throws {
        sourceSize = size
        self.source = source
        guard let context = ZSTD_createDCtx() else { throw ZstdError.noMemory }
        self.context = context
        try refill()
        let header = try FrameHeader(input)
        guard header.hasChecksum else { throw ZstdError.noChecksum }
        statedSize = header.statedSize
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Fills `buffer` with the content that comes next.
    ///
    /// - Returns: How many bytes there were: as many as there is room for, unless the frame ends.
    /// - Throws: `ZstdError` (truncated, corrupt, no memory), and what the source throws.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var produced = 0
        while produced < buffer.count, !isAtEnd {
            produced += try decompress(into: UnsafeMutableRawBufferPointer(rebasing: buffer[produced...]))
        }
        return produced
    }

    /// Checks that the content ends here, with its checksum, and the source with the frame.
    ///
    /// - Returns: Whether the content ends here.
    /// - Throws: `ZstdError` (truncated, corrupt, bytes that follow), and what the source throws.
    public func finish() throws -> Bool {
        var byte: UInt8 = 0
        let rest = try withUnsafeMutableBytes(of: &byte) { try read(into: $0) }
        guard rest == 0 else { return false }
        guard frameSize == sourceSize else {
            throw ZstdError.trailingBytes(count: sourceSize - frameSize)
        }
        return true
    }

    /// One turn of the decoder.
    private func decompress(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if inputPosition == input.count { try refill() }
        var target = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
        let status = input.withUnsafeBytes { input in
            var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: inputPosition)
            let status = ZSTD_decompressStream(context, &target, &source)
            inputPosition = source.pos
            return status
        }
        if status == 0 {
            isAtEnd = true
        } else if ZSTD_isError(status) != 0 {
            throw ZSTD_getErrorCode(status) == ZSTD_error_memory_allocation
                ? ZstdError.noMemory : ZstdError.corrupt(reason: ZstdFrame.errorName(status))
        } else if target.pos < buffer.count, inputPosition == input.count, sourceOffset >= sourceSize {
            throw ZstdError.truncated(available: sourceOffset)
        }
        position += target.pos
        if let statedSize, UInt64(position) > statedSize {
            throw ZstdError.corrupt(reason: "it holds more than the \(statedSize) bytes that it states")
        }
        return target.pos
    }

    private func refill() throws {
        let size = min(Self.pieceSize, sourceSize - sourceOffset)
        input.count = size
        inputPosition = 0
        var filled = 0
        while filled < size {
            let count = try input.withUnsafeMutableBytes {
                try source(sourceOffset + filled, UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
            }
            // Less than there was when it was opened.
            if count == 0 { break }
            filled += count
        }
        input.count = filled
        sourceOffset += filled
        if filled < size { throw ZstdError.truncated(available: sourceOffset) }
    }
}

extension ZstdFrameReader {
    /// Reads the frame that `data` begins with.
    ///
    /// - Throws: `ZstdError`.
    public convenience init(_ data: Data) throws {
        try self.init(size: data.count) { offset, buffer in
            data.dropFirst(offset).prefix(buffer.count).copyBytes(to: buffer)
        }
    }
}
