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

    static func createFolder(_ path: FilePath) throws(FileError) {
        guard mkdir(path.string, 0o777) != 0 else { return }
        var code = errno
        let parent = path.removingLastComponent()
        if code == ENOENT && !parent.isEmpty && parent != path {
            try createFolder(parent)
            if mkdir(path.string, 0o777) == 0 { return }
            code = errno
        }
        // EEXIST says nothing about what is there: opening it as a folder does.
        if code == EEXIST {
            guard let folder = opendir(path.string) else {
                throw FileError(operation: "create folder", path: path.string, code: errno)
            }
            closedir(folder)
            return
        }
        throw FileError(operation: "create folder", path: path.string, code: code)
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
}
