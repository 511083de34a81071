internal import DurableFiles
internal import SystemPackage

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// A file open for writing, closed when it is let go.
final class OutputFile {
    let path: String
    private let descriptor: FileDescriptor
    private var isOpen = true

    /// Opens a file to write at its end; makes it where there is none.
    ///
    /// - Parameter isNew: Whether there must be none yet.
    /// - Throws: `DatasetError` where it cannot be opened.
    init(path: String, isNew: Bool) throws {
        self.path = path
        // To open a FIFO would wait for its reader.
        do throws(FileError) { try RegularFile.checkKind(at: path) } catch {
            if let found = error.found {
                throw DatasetError(
                    operation: "creating", location: path, expected: "a regular file, or none yet",
                    found: found)
            }
        }
        do {
            descriptor = try FileDescriptor.open(
                FilePath(path), .writeOnly,
                options: isNew
                    ? [.create, .exclusiveCreate, .closeOnExec] : [.create, .append, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch {
            throw DatasetError(
                operation: "creating", location: path, expected: "a new file", found: "\(error)")
        }
    }

    deinit {
        close()
    }

    /// Closes the file, which ends its lock; nothing can be written after that.
    func close() {
        if isOpen { try? descriptor.close() }
        isOpen = false
    }

    /// Writes all bytes.
    func write(_ bytes: some Sequence<UInt8>) throws {
        do {
            try descriptor.writeAll(bytes)
        } catch {
            throw DatasetError(
                operation: "writing", location: path, expected: "room for it", found: "\(error)")
        }
    }

    /// Waits until the disk has everything written so far.
    func synchronize() throws {
        if fsync(descriptor.rawValue) != 0 {
            throw DatasetError(
                operation: "writing", location: path, expected: "the disk to take it",
                found: "\(Errno(rawValue: errno))")
        }
    }

    /// The file's present size.
    func size() throws -> Int {
        do {
            return Int(try descriptor.seek(offset: 0, from: .end))
        } catch {
            throw DatasetError(operation: "writing", location: path, expected: "a file", found: "\(error)")
        }
    }

    /// Empties the file.
    func truncate() throws {
        if ftruncate(descriptor.rawValue, 0) != 0 {
            throw DatasetError(
                operation: "emptying", location: path, expected: "a file that can be written",
                found: "\(Errno(rawValue: errno))")
        }
    }

    /// Keeps other processes from opening the file for the same purpose, until it is closed.
    ///
    /// - Returns: False where another process has done so already.
    func lock() -> Bool {
        flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0
    }

    /// Puts a file or folder in its place, at once or not at all, and waits until the disk has that.
    static func rename(_ source: String, to target: String) throws {
        #if canImport(Glibc)
        let code = Glibc.rename(source, target)
        #elseif canImport(Musl)
        let code = Musl.rename(source, target)
        #else
        let code = Darwin.rename(source, target)
        #endif
        guard code == 0 else {
            throw DatasetError(
                operation: "moving \(source) to", location: target, expected: "nothing in the way",
                found: "\(Errno(rawValue: errno))")
        }
        synchronizeFolder(FilePath(target).removingLastComponent().string)
    }

    /// Waits until the disk has the names in a folder. Not every file system can; that is no error.
    private static func synchronizeFolder(_ path: String) {
        guard let folder = try? FileDescriptor.open(FilePath(path.isEmpty ? "." : path), .readOnly) else {
            return
        }
        _ = fsync(folder.rawValue)
        try? folder.close()
    }
}
