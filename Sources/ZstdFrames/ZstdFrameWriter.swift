public import DurableFiles
public import Foundation

/// Appends to a file of zstd frames so that a crash loses at most the open frame.
///
/// What is appended gathers in memory, the open frame. Closing it compresses it, writes it as one frame with
/// checksum and waits until it has reached the storage. A write that fails is taken back: the file then ends with
/// the last whole frame, and the open frame is kept, so that closing it can be tried again.
public final class ZstdFrameWriter {
    /// Where the file lies.
    public let path: String
    /// Bytes of content in the open frame.
    public var openSize: Int { open.count }
    /// Bytes of the file: all its frames, compressed.
    public var fileSize: Int { file.size }

    private let level: Int
    private let frameSize: Int
    private var open = Data()
    private let file: AppendFile

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
        file = try AppendFile(path: path, truncating: truncating)
    }

    /// Appends `bytes` to the open frame and closes it if it has become large.
    ///
    /// - Throws: `FileError` or `ZstdError` from closing the frame.
    public func append(_ bytes: Data) throws {
        open.append(bytes)
        if open.count >= frameSize { try closeFrame() }
    }

    /// Closes the open frame and waits until it has reached the storage; does nothing if it is empty.
    ///
    /// - Throws: `FileError` or `ZstdError`; the open frame is then kept.
    public func closeFrame() throws {
        guard !open.isEmpty else { return }
        try file.appendContents(of: try ZstdFrame.compress(open, level: level))
        // Cleared before fsync: its failure must not lead to the same records being written twice.
        open.removeAll(keepingCapacity: true)
        try file.synchronize()
    }
}
