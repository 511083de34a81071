public import Foundation
internal import SystemPackage

/// A file that only grows, but for `truncate`: everything before `size` was written whole.
///
/// A write that fails part-way (a full disk, a quota, a size limit) is taken back, so the file always ends where
/// the last successful `append` ended. It is closed when its last reference goes.
public final class AppendFile {
    /// Where the file lies.
    public let path: String
    /// Bytes in the file, all of them from successful writes or from before it was opened.
    public private(set) var size: Int

    private let descriptor: FileDescriptor

    /// Opens `path` for appending; it is created where it does not exist.
    ///
    /// - Parameter truncating: Whether what it holds is dropped.
    /// - Throws: `FileError` if it cannot be opened.
    public convenience init(path: String, truncating: Bool) throws(FileError) {
        try self.init(path, truncating ? [.create, .truncate] : .create)
    }

    /// Creates `path`, where nothing may be yet, not even a symbolic link.
    ///
    /// - Throws: `FileError` if it cannot be created.
    public convenience init(creating path: String) throws(FileError) {
        try self.init(path, [.create, .exclusiveCreate, .noFollow])
    }

    private init(_ path: String, _ options: FileDescriptor.OpenOptions) throws(FileError) {
        let descriptor: FileDescriptor
        do {
            descriptor = try FileDescriptor.open(
                FilePath(path), .writeOnly, options: options.union([.append, .closeOnExec]),
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch {
            throw FileError(operation: "open", path: path, error)
        }
        self.path = path
        self.descriptor = descriptor
        // A pipe or terminal has no end to seek to; what is written to it counts from 0.
        size = (try? descriptor.seek(offset: 0, from: .end)).map { Int($0) } ?? 0
    }

    deinit { try? descriptor.close() }

    /// Appends `bytes`, all or none of them.
    ///
    /// - Throws: `FileError` if the operating system does not take them; the file then has its old size.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        do {
            try descriptor.writeAll(bytes)
        } catch {
            try? descriptor.resize(to: Int64(size))
            throw FileError(operation: "write", path: path, error)
        }
        size += bytes.count
    }

    /// Drops everything in the file.
    ///
    /// - Throws: `FileError` if the operating system refuses; the file is then as it was.
    public func truncate() throws(FileError) {
        do {
            try descriptor.resize(to: 0)
        } catch {
            throw FileError(operation: "empty", path: path, error)
        }
        size = 0
    }

    /// Keeps other processes, and other openings of the file in this one, from doing the same, until this one is closed.
    ///
    /// - Returns: False where another has done so already.
    public func lock() -> Bool { Posix.lock(descriptor.rawValue) == 0 }

    /// Waits until everything written has reached the storage.
    ///
    /// - Throws: `FileError` if it did not.
    public func synchronize() throws(FileError) {
        try Posix.synchronize(descriptor.rawValue, path: path)
    }
}

extension AppendFile {
    /// Appends `bytes`, all or nothing.
    ///
    /// - Throws: `FileError`; the file then has its old size.
    public func append(_ bytes: [UInt8]) throws(FileError) {
        try appendContents(of: Data(bytes))
    }

    /// Appends `contents`, all or nothing.
    ///
    /// - Throws: `FileError`; the file then has its old size.
    public func appendContents(of contents: Data) throws(FileError) {
        // A typed error cannot pass through Data's closure, which only rethrows.
        var failure: FileError?
        contents.withUnsafeBytes { bytes in
            do throws(FileError) { try append(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
