internal import SystemPackage

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// The few calls that swift-system does not offer.
enum Posix {
    static func synchronize(_ descriptor: CInt, path: String) throws(FileError) {
        #if canImport(Darwin)
        // On a Mac fsync leaves the data in the drive's cache.
        if fcntl(descriptor, F_FULLFSYNC) == 0 { return }
        #endif
        while fsync(descriptor) != 0 {
            let code = errno
            if code == EINTR { continue }
            // Pipes, devices and some network folders cannot be synchronised: there is nothing to wait for.
            if code == EINVAL || code == ENOTSUP || code == EROFS { return }
            throw FileError(operation: "synchronise", path: path, code: code)
        }
    }

    static func rename(_ path: String, to destination: String) throws(FileError) {
        #if canImport(Glibc)
        let result = Glibc.rename(path, destination)
        #elseif canImport(Musl)
        let result = Musl.rename(path, destination)
        #else
        let result = Darwin.rename(path, destination)
        #endif
        guard result == 0 else { throw FileError(operation: "rename", path: path, code: errno) }
    }

    static func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 else { throw FileError(operation: "remove", path: path, code: errno) }
    }

    /// Makes one folder; false where something of that name is there.
    static func createNewFolder(_ path: FilePath) throws(FileError) -> Bool {
        guard mkdir(path.string, 0o777) == 0 else {
            if errno == EEXIST { return false }
            throw FileError(operation: "create folder", path: path.string, code: errno)
        }
        return true
    }

    /// Waits until a folder just made has its name for good. A folder above it that may be written to but not read cannot be
    /// asked.
    static func synchronizeName(of folder: FilePath) throws(FileError) {
        let parent = folder.removingLastComponent()
        do throws(FileError) {
            try Files.synchronizeFolder(parent.isEmpty ? "." : parent.string)
        } catch  where error.code == EACCES {}
    }

    static func createFolder(_ path: FilePath) throws(FileError) {
        var isNew: Bool
        do throws(FileError) {
            isNew = try createNewFolder(path)
        } catch {
            let parent = path.removingLastComponent()
            guard error.code == ENOENT, !parent.isEmpty, parent != path else { throw error }
            try createFolder(parent)
            isNew = try createNewFolder(path)
        }
        if isNew { return try synchronizeName(of: path) }
        // That something is there says nothing about what it is: opening it as a folder does.
        guard let folder = opendir(path.string) else {
            throw FileError(operation: "create folder", path: path.string, code: errno)
        }
        closedir(folder)
    }

    static func names(in folder: String) throws(FileError) -> [String] {
        guard let stream = opendir(folder) else {
            throw FileError(operation: "list", path: folder, code: errno)
        }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: tuple.pointee)) {
                    String(cString: $0)
                }
            }
            if name != "." && name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw FileError(operation: "list", path: folder, code: errno) }
        return names
    }

    /// What lies at a path or behind a descriptor.
    struct Status: Equatable {
        let device: UInt64
        let inode: UInt64
        let kind: mode_t

        /// At `path`, behind the symbolic links there; nil if nothing is.
        init?(path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            self.init(status)
        }

        /// At `path`, which may be a symbolic link; nil if nothing is.
        init?(linkOrFile path: String) {
            var status = stat()
            guard lstat(path, &status) == 0 else { return nil }
            self.init(status)
        }

        /// Behind an open descriptor; nil if it cannot be asked.
        init?(descriptor: CInt) {
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { return nil }
            self.init(status)
        }

        private init(_ status: stat) {
            device = UInt64(truncatingIfNeeded: status.st_dev)
            inode = UInt64(truncatingIfNeeded: status.st_ino)
            kind = status.st_mode & S_IFMT
        }

        var isLink: Bool { kind == S_IFLNK }
        var isRegularFile: Bool { kind == S_IFREG }

        /// What it is called in messages.
        var name: String {
            switch kind {
            case S_IFREG: "a file"
            case S_IFDIR: "a folder"
            case S_IFLNK: "a symbolic link"
            case S_IFIFO: "a pipe"
            case S_IFSOCK: "a socket"
            default: "a device"
            }
        }
    }

    /// Where a symbolic link leads, as it is written there.
    static func destination(ofLink path: String) throws(FileError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        guard count >= 0 else { throw FileError(operation: "read link", path: path, code: errno) }
        guard let text = String(validating: buffer.prefix(count), as: UTF8.self) else {
            throw FileError(
                operation: "follow link", path: path, code: EILSEQ,
                reason: "expected a path in UTF-8 there, found another")
        }
        return text
    }

    /// The file that is to be replaced where `path` is named: behind symbolic links, which stay.
    ///
    /// - Throws: `FileError` if something else than a file is there: to replace a folder, a device or a pipe is never meant.
    static func replaceableFile(at path: String) throws(FileError) -> String {
        let found = Status(path: path)
        if let found, !found.isRegularFile {
            throw FileError(
                operation: "replace", path: path, code: EINVAL,
                reason: "expected a file or nothing there, found \(found.name)")
        }
        var file = path
        var links = 0
        while Status(linkOrFile: file)?.isLink == true {
            links += 1
            guard links <= 40 else { throw FileError(operation: "open", path: path, code: ELOOP) }
            file =
                FilePath(file).removingLastComponent().pushing(FilePath(try destination(ofLink: file))).string
        }
        // Links of /proc can lead to what has no name any more.
        guard found == Status(path: file) else {
            throw FileError(
                operation: "replace", path: path, code: EINVAL,
                reason: "expected a link to a file with a name, found one to \(file)")
        }
        return file
    }

    /// Tries to lock an open file for this process alone.
    ///
    /// - Returns: 0, or the value of `errno`.
    static func lock(_ descriptor: CInt) -> CInt {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno != EINTR { return errno }
        }
        return 0
    }

    /// Gives the lock of an open file back. Closing the file is not enough: it stays locked as long as any process has
    /// it open, and a child that another thread has just started has it open until it runs its own program.
    static func unlock(_ descriptor: CInt) { flock(descriptor, LOCK_UN) }

    /// Whether an error of `lock` means that another process has the lock.
    static func meansLocked(_ code: CInt) -> Bool { code == EWOULDBLOCK || code == EAGAIN || code == EACCES }

    /// Whether an error of `lock` means that the file system knows no locks.
    static func meansNoLocks(_ code: CInt) -> Bool {
        [ENOTSUP, EOPNOTSUPP, ENOLCK, ENOSYS, EINVAL].contains(code)
    }

    /// This machine's name.
    static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "an unknown host" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
