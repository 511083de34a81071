internal import SystemPackage

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// A regular file that is open for reading, closed when its last reference goes.
///
/// Nothing else is opened: a pipe or a device could keep the reader waiting for ever, or never end.
public final class RegularFile: Sendable {
    /// Where it lies.
    public let path: String
    /// Bytes of the file when it was opened; 0 also for those that the system makes up as they are read.
    public let size: Int

    private let descriptor: FileDescriptor

    /// Opens the file at `path`, or the one that a symbolic link there leads to.
    ///
    /// - Throws: `FileError` if there is none, it cannot be opened, or something else is there, which `found` names.
    public init(_ path: String) throws(FileError) {
        // Looked at before it is opened, as to open a device may do something, and afterwards, as it may be another one.
        try Self.checkKind(at: path)
        let descriptor: FileDescriptor
        do {
            descriptor = try FileDescriptor.open(
                FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch {
            throw FileError(operation: "read", path: path, error)
        }
        var status = stat()
        let code = fstat(descriptor.rawValue, &status) == 0 ? 0 : errno
        do throws(FileError) {
            if code != 0 { throw FileError(operation: "read", path: path, code: code) }
            try Self.checkKind(status, path: path)
        } catch {
            try? descriptor.close()
            throw error
        }
        self.path = path
        self.descriptor = descriptor
        size = Int(status.st_size)
    }

    deinit { try? descriptor.close() }

    /// Reads bytes that start at `offset` into `buffer`.
    ///
    /// - Returns: How many were read; 0 at the end of the file, perhaps fewer than there is room for before it.
    /// - Throws: `FileError`.
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
        do {
            return try descriptor.read(fromAbsoluteOffset: Int64(offset), into: buffer)
        } catch {
            throw FileError(operation: "read", path: path, error)
        }
    }

    /// Checks that a regular file is at `path`, without opening it.
    ///
    /// - Throws: `FileError` if there is nothing, or something else.
    public static func checkKind(at path: String) throws(FileError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileError(operation: "read", path: path, code: errno) }
        try checkKind(status, path: path)
    }

    private static func checkKind(_ status: stat, path: String) throws(FileError) {
        let found: String
        switch status.st_mode & S_IFMT {
        case S_IFREG: return
        case S_IFDIR: found = "a folder"
        case S_IFIFO: found = "a FIFO"
        case S_IFSOCK: found = "a socket"
        case S_IFCHR, S_IFBLK: found = "a device"
        default: found = "something else"
        }
        throw FileError(
            operation: "read", path: path, code: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL,
            found: found)
    }
}
