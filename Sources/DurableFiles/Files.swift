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
    /// - Throws: `FileError`; the temporary file is then gone and what was at `path` is untouched.
    public static func replace(_ path: String, with contents: Data) throws(FileError) {
        let temporary = temporaryPath(for: path)
        do throws(FileError) {
            // Not closed before the rename: an error that only fsync reports must not be lost.
            let file = try AppendFile(path: temporary, truncating: true)
            try file.appendContents(of: contents)
            try file.synchronize()
            try rename(temporary, to: path)
        } catch {
            try? remove(temporary)
            throw FileError(operation: error.operation, path: path, code: error.code)
        }
        try synchronizeFolder(parent(of: path))
    }

    /// The name under which `replace` writes before the rename: hidden, in the same folder, with the process.
    ///
    /// `runs/a/x.zst` is first written as `runs/a/.x.zst.tmp-4711`.
    public static func temporaryPath(for path: String) -> String {
        let target = FilePath(path)
        let name =
            ".\(target.lastComponent?.string ?? "file").tmp-\(ProcessInfo.processInfo.processIdentifier)"
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

    /// Creates a folder and the ones above it, where they do not exist.
    ///
    /// - Throws: `FileError`.
    public static func createFolder(_ path: String) throws(FileError) {
        try Posix.createFolder(FilePath(path))
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

extension AppendFile {
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
