internal import Foundation

/// What the system has set as limits of this process (`ulimit`), as far as runs can meet them.
package struct ProcessLimits: Codable, Sendable, Equatable {
    /// Bytes of addresses (`ulimit -v`); nil for no limit.
    package var addresses: Int?
    /// Bytes of a file (`ulimit -f`); nil for no limit.
    package var fileSize: Int?
    /// Files and connections open at a time (`ulimit -n`); nil for no limit.
    package var openFiles: Int?

    /// Limits; nil for none.
    package init(addresses: Int? = nil, fileSize: Int? = nil, openFiles: Int? = nil) {
        (self.addresses, self.fileSize, self.openFiles) = (addresses, fileSize, openFiles)
    }

    /// Those of this process now.
    package static var ofThisProcess: ProcessLimits {
        #if os(Linux)
        return ProcessLimits(
            addresses: current(__rlimit_resource_t(RLIMIT_AS.rawValue)),
            fileSize: current(__rlimit_resource_t(RLIMIT_FSIZE.rawValue)),
            openFiles: current(__rlimit_resource_t(RLIMIT_NOFILE.rawValue)))
        #else
        return ProcessLimits(
            addresses: current(RLIMIT_AS), fileSize: current(RLIMIT_FSIZE), openFiles: current(RLIMIT_NOFILE))
        #endif
    }

    #if os(Linux)
    private typealias Resource = __rlimit_resource_t
    #else
    private typealias Resource = Int32
    #endif

    private static func current(_ resource: Resource) -> Int? {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < UInt64(Int64.max) else { return nil }
        return Int(limit.rlim_cur)
    }
}

/// The room in a file system.
package struct FileSystemSpace: Codable, Sendable, Equatable {
    /// Bytes that this user may still write.
    package let free: Int
    /// Bytes in all.
    package let total: Int
    /// Whether it can be written to at all.
    package let isReadOnly: Bool

    /// The room of a file system of so many bytes.
    package init(free: Int, total: Int, isReadOnly: Bool = false) {
        (self.free, self.total, self.isReadOnly) = (free, total, isReadOnly)
    }

    /// That of the file system in which `path` lies; nil where the system does not tell.
    package init?(at path: String) {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        let unit = Int(clamping: UInt64(status.f_frsize))
        func bytes(_ count: UInt64) -> Int {
            Int(clamping: count.multipliedReportingOverflow(by: UInt64(unit)).partialValue)
        }
        free = bytes(UInt64(status.f_bavail))
        total = bytes(UInt64(status.f_blocks))
        isReadOnly = UInt64(status.f_flag) & UInt64(ST_RDONLY) != 0
    }
}

/// The memory that this process has had at the most, as the system counts it: its own and what it shares with others.
package enum PeakMemory {
    /// Bytes; nil where the system does not tell.
    package static var bytes: Int? {
        #if os(Linux)
        // getrusage's would begin with that of the process that started this one.
        guard let contents = FileManager.default.contents(atPath: "/proc/self/status") else { return nil }
        for line in String(decoding: contents, as: UTF8.self).split(separator: "\n")
        where line.hasPrefix("VmHWM:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
        }
        return nil
        #else
        var usage = rusage()
        return getrusage(RUSAGE_SELF, &usage) == 0 ? Int(usage.ru_maxrss) : nil
        #endif
    }
}
