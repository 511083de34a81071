public import DurableFiles
public import Foundation
internal import SystemLimits

/// A file of zstd frames one after the other, such as a log that `ZstdFrameWriter` writes.
///
/// `zstd -d` decompresses such a file to the contents of its frames in order.
public struct ZstdFrameFile: Sendable {
    /// The contents of the whole frames, in order.
    public let contents: Data
    /// How many whole frames there are.
    public let frameCount: Int
    /// Bytes of the file that the whole frames take up, from its start.
    public let wholeSize: Int
    /// Bytes of the file after the last whole frame.
    public let damagedSize: Int
    /// What is wrong after the last whole frame; nil if the file ends with it.
    public let damage: ZstdError?

    /// How many times as large as the file its contents may be: records of numbers come to some 10 times, a file that was
    /// made to fill memory to thousands.
    private static let expansionLimit = 200

    /// Reads all whole frames at `path`; stops at the first one that is truncated or damaged and says why.
    ///
    /// - Parameter path: The file.
    /// - Throws: `FileError` of `DurableFiles` if the file cannot be read, `ZstdError.tooLarge` or `.noMemory` if its
    ///   contents cannot be taken. Damage is not thrown but reported in `damage`.
    public init(reading path: String) throws {
        try self.init(try Files.read(path, limit: 1 << 36))
    }

    /// Reads all whole frames of `file`, the bytes of such a file.
    ///
    /// - Parameters:
    ///   - file: The bytes.
    ///   - limit: The most bytes of content that are accepted, of all frames together; nil for 64 MiB, or 200 times the
    ///     file where that is more, and never more than half of the memory that is left.
    /// - Throws: `ZstdError.tooLarge` or `.noMemory`: nothing is known of the bytes then.
    public init(_ file: Data, limit: Int? = nil) throws(ZstdError) {
        let (product, overflow) = file.count.multipliedReportingOverflow(by: Self.expansionLimit)
        let limit = limit ?? min(max(1 << 26, overflow ? .max : product), AvailableMemory.bytes / 2)
        var contents = Data()
        var frameCount = 0
        var rest = file[...]
        var damage: ZstdError?
        while !rest.isEmpty {
            do throws(ZstdError) {
                let room = limit - contents.count
                let size = try ZstdFrame.decompressFirst(of: rest, appendingTo: &contents, limit: room)
                rest = rest.dropFirst(size)
                frameCount += 1
            } catch {
                if case .tooLarge = error { throw .tooLarge(limit: limit) }
                guard error.isDamage else { throw error }
                damage = error
                break
            }
        }
        self.contents = contents
        self.frameCount = frameCount
        self.wholeSize = file.count - rest.count
        self.damagedSize = rest.count
        self.damage = damage
    }
}

/// Appends to a file of zstd frames so that a crash loses at most the open frame.
///
/// What is appended gathers in memory, the open frame. Closing it compresses it, writes it as one frame with
/// checksum and waits until it has reached the storage. A write that fails is taken back: the file then ends with
/// the last whole frame, and the frame waits in memory, compressed, for the next one to be closed. Of frames that wait there
/// are at most `AppendBuffer.defaultLimit` bytes: later ones are dropped.
public final class ZstdFrameWriter {
    /// Where the file lies.
    public let path: String
    /// Bytes of content in the open frame.
    public var openSize: Int { open.count }
    /// Bytes of the file: all its frames, compressed.
    public var fileSize: Int { frames.file.size }

    private let level: Int
    private let frameSize: Int
    private var open = Data()
    private var frames: AppendBuffer

    /// Opens `path`, which is created if it does not exist.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - truncating: Whether what it holds is dropped; otherwise frames are added, and the file must end with a
    ///     whole frame (see `ZstdFrameFile.damage`).
    ///   - level: zstd's compression level.
    ///   - frameSize: The open frame is closed when it holds this many bytes.
    /// - Throws: `FileError`.
    public init(
        path: String, truncating: Bool, level: Int = 3, frameSize: Int = 1 << 20
    ) throws(FileError) {
        self.path = path
        self.level = level
        self.frameSize = frameSize
        frames = AppendBuffer(try AppendFile(path: path, truncating: truncating))
    }

    /// Appends `bytes` to the open frame and closes it if it has become large.
    ///
    /// - Throws: As `closeFrame`; `bytes` are in a frame all the same.
    public func append(_ bytes: Data) throws {
        open.append(bytes)
        if open.count >= frameSize { try closeFrame() }
    }

    /// Closes the open frame, unless it is empty, and waits until all frames have reached the storage.
    ///
    /// - Throws: `FileError`, after which frames that were not written wait for the next call; `ZstdError` if there is no
    ///   memory to compress, after which the frame stays open.
    public func closeFrame() throws {
        if !open.isEmpty {
            let frame = try ZstdFrame.compress(open, level: level)
            open.removeAll(keepingCapacity: true)
            try frames.add(frame)
        }
        try frames.synchronize()
    }
}
