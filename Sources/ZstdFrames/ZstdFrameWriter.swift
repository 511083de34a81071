public import DurableFiles
public import Foundation

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
