public import Foundation
internal import SystemPackage

/// Reading, replacing and listing files, with errors that name the file and the operating system's reason.
public enum Files {
    /// The most bytes that `read` takes if it is not told otherwise.
    public static let readingLimit = 1 << 32

    /// Returns everything in the regular file at `path`.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - limit: The most bytes that are accepted.
    /// - Throws: `FileError` if it cannot be opened or read, is no regular file, holds more than `limit` bytes (`EFBIG`)
    ///   or more than there is memory for (`ENOMEM`).
    public static func read(_ path: String, limit: Int = readingLimit) throws(FileError) -> Data {
        let file = try RegularFile(path)
        func failure(_ code: Errno) -> FileError {
            FileError(operation: "read", path: path, code: code.rawValue)
        }
        guard file.size <= limit else { throw failure(.fileTooLarge) }
        // Grown by what is really there: some files state no size. By hand, as Data ends the process without memory.
        var capacity = max(1 << 12, file.size + 1)
        guard var bytes = malloc(capacity) else { throw failure(.noMemory) }
        var filled = 0
        do throws(FileError) {
            while true {
                if filled == capacity {
                    guard filled <= limit else { throw failure(.fileTooLarge) }
                    capacity *= 2
                    guard let larger = realloc(bytes, capacity) else { throw failure(.noMemory) }
                    bytes = larger
                }
                let room = UnsafeMutableRawBufferPointer(start: bytes + filled, count: capacity - filled)
                let count = try file.read(at: filled, into: room)
                if count == 0 { break }
                filled += count
            }
            guard filled <= limit else { throw failure(.fileTooLarge) }
        } catch {
            free(bytes)
            throw error
        }
        return Data(bytesNoCopy: bytes, count: filled, deallocator: .free)
    }

    /// Puts `contents` at `path` so that after a crash, at any moment, either the old file or the whole new one
    /// is there: a temporary file in the same folder, fsync, rename, fsync of the folder.
    ///
    /// A symbolic link at `path` stays, and what it leads to is replaced.
    ///
    /// - Throws: `FileError`, also where a folder, a device or a pipe is at `path`; the temporary file is then gone and what
    ///   was at `path` is untouched.
    public static func replace(_ path: String, with contents: Data) throws(FileError) {
        let replacement = try FileReplacement(path)
        try replacement.append(contents)
        try replacement.commit()
    }

    /// Whether `name` is one under which `replace` writes the contents of `file` before the rename. A crash can leave it
    /// behind.
    public static func isTemporary(_ name: String, of file: String) -> Bool {
        name.hasPrefix(".\(file).tmp-")
    }

    /// Hidden, in the same folder, with a number that nobody can guess, so that nothing can be put in its way, and with the
    /// process: `runs/a/x.zst` is first written as `runs/a/.x.zst.tmp-9f86d081884c7d65-4711`.
    static func temporaryPath(for path: String) -> String {
        let target = FilePath(path)
        let number = String(UInt64.random(in: .min ... .max), radix: 16)
        let process = ProcessInfo.processInfo.processIdentifier
        let name = ".\(target.lastComponent?.string ?? "file").tmp-\(number)-\(process)"
        return target.removingLastComponent().appending(name).string
    }

    /// Renames a file within its file system; a file at `destination` is replaced.
    ///
    /// - Throws: `FileError`.
    public static func rename(_ path: String, to destination: String) throws(FileError) {
        try Posix.rename(path, to: destination)
    }

    /// Removes a file.
    ///
    /// - Throws: `FileError`, also if there is none.
    public static func remove(_ path: String) throws(FileError) {
        try Posix.remove(path)
    }

    /// Creates a folder and the ones above it, where they do not exist, and waits until their names have reached the
    /// storage.
    ///
    /// - Throws: `FileError`.
    public static func createFolder(_ path: String) throws(FileError) {
        try Posix.createFolder(FilePath(path))
    }

    /// Creates a folder of which this process is the creator, in one that exists, and waits until its name has reached the
    /// storage.
    ///
    /// - Returns: False where something of that name was there.
    /// - Throws: `FileError`.
    public static func createNewFolder(_ path: String) throws(FileError) -> Bool {
        guard try Posix.createNewFolder(FilePath(path)) else { return false }
        try Posix.synchronizeName(of: FilePath(path))
        return true
    }

    /// Returns the names in a folder, hidden ones too, in order of their UTF-8 bytes.
    ///
    /// - Throws: `FileError`.
    public static func names(in folder: String) throws(FileError) -> [String] {
        try Posix.names(in: folder).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Waits until the folder's names (creations, renames, removals) have reached the storage.
    ///
    /// - Throws: `FileError`.
    public static func synchronizeFolder(_ path: String) throws(FileError) {
        do {
            let descriptor = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
            try descriptor.closeAfter { try Posix.synchronize(descriptor.rawValue, path: path) }
        } catch let error as FileError {
            throw error
        } catch {
            throw FileError(operation: "open", path: path, error)
        }
    }

    /// The folder that holds `path`: "." for a bare name.
    public static func parent(of path: String) -> String {
        let folder = FilePath(path).removingLastComponent()
        return folder.isEmpty ? "." : folder.string
    }
}

/// A file that is being written, a piece at a time, and then takes the place of what is at its path: `Files.replace` for contents
/// that nobody has as a whole. Where it is not committed nothing changes.
public final class FileReplacement {
    /// Where it will be.
    public let path: String
    /// The bytes written so far.
    public var size: Int { file.size }

    private let target: String
    // Not closed before the rename: an error that only fsync reports must not be lost.
    private let file: AppendFile
    private var isCommitted = false

    /// Begins a temporary file in the folder of `path`.
    ///
    /// - Throws: `FileError`, also where a folder, a device or a pipe is at `path`.
    public init(_ path: String) throws(FileError) {
        self.path = path
        target = try Posix.replaceableFile(at: path)
        let temporary = Files.temporaryPath(for: target)
        do throws(FileError) { file = try AppendFile(creating: temporary) } catch { throw error.naming(path) }
    }

    deinit {
        if !isCommitted { try? Files.remove(file.path) }
    }

    /// Appends `contents`.
    ///
    /// - Throws: `FileError`.
    public func append(_ contents: Data) throws(FileError) {
        do throws(FileError) { try file.appendContents(of: contents) } catch { throw error.naming(path) }
    }

    /// Appends `bytes`.
    ///
    /// - Throws: `FileError`.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        do throws(FileError) { try file.append(bytes) } catch { throw error.naming(path) }
    }

    /// Waits until everything has reached the storage and puts it at its path.
    ///
    /// - Throws: `FileError`; unless only the folder could not be brought to the storage, what was at the path is untouched.
    public func commit() throws(FileError) {
        do throws(FileError) {
            try file.synchronize()
            try Files.rename(file.path, to: target)
        } catch {
            throw error.naming(path)
        }
        isCommitted = true
        try Files.synchronizeFolder(Files.parent(of: target))
    }
}

extension FileError {
    /// The same of the file that people know.
    fileprivate func naming(_ path: String) -> FileError {
        FileError(operation: operation, path: path, code: code, reason: reason)
    }
}
