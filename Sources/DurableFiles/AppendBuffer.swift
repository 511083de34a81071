public import Foundation

/// Appends to a file what may have to wait in memory until the disk has room for it.
///
/// Everything added is written in order and once: a write that fails is taken back, what it was to write stays here, and
/// the next `write` tries it again. What is added while `limit` bytes wait is refused.
public struct AppendBuffer {
    /// How many bytes may wait where nothing else is asked for: 256 MiB.
    public static let defaultLimit = 1 << 28

    /// The file.
    public let file: AppendFile
    /// The most bytes that may wait.
    public let limit: Int

    private var waiting = Data()
    private var isSynchronized = true

    /// A buffer in front of `file`.
    public init(_ file: AppendFile, limit: Int = defaultLimit) {
        self.file = file
        self.limit = limit
    }

    /// Bytes that wait.
    public var waitingSize: Int { waiting.count }

    /// Adds `bytes` behind those that wait; nothing is written yet.
    ///
    /// - Throws: `FileError` if more than `limit` bytes would wait; none of `bytes` is then added.
    public mutating func add(_ bytes: Data) throws(FileError) {
        guard bytes.count <= limit - waiting.count else {
            throw FileError(
                operation: "write", path: file.path, code: FileError.noBufferSpace,
                reason: "\(limit) bytes have been waiting for room: what came after them is dropped")
        }
        waiting.append(bytes)
    }

    /// Writes what waits, all or nothing.
    ///
    /// - Throws: `FileError`; everything then waits on.
    public mutating func write() throws(FileError) {
        guard !waiting.isEmpty else { return }
        try file.appendContents(of: waiting)
        // Before any fsync: its failure must not lead to the same bytes being written twice.
        waiting.removeAll(keepingCapacity: waiting.count <= 1 << 20)
        isSynchronized = false
    }

    /// Writes what waits and returns when everything written has reached the storage.
    ///
    /// - Throws: `FileError`; what was not written waits on.
    public mutating func synchronize() throws(FileError) {
        try write()
        guard !isSynchronized else { return }
        try file.synchronize()
        isSynchronized = true
    }
}
