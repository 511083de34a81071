internal import Foundation
internal import Synchronization
internal import SystemPackage

/// A lock that one process at a time holds, by means of a file that is there meanwhile.
///
/// The kernel holds it, not the file's existence: it ends with the process, however that ends, and a file left behind
/// keeps nobody out. It lasts until `release`, or until the last reference goes.
public final class FileLock: Sendable {
    /// What came of an attempt to take a lock.
    public enum Attempt: Sendable {
        /// It is ours.
        case taken(FileLock)
        /// Another process has it: "process 4711 on ada since 2026-11-21 01:45:58 UTC".
        case held(by: String)
        /// The file system knows no locks; the operating system's words.
        case unsupported(reason: String)
    }

    /// The file.
    public let path: String

    private let descriptor: Mutex<FileDescriptor?>

    private init(path: String, descriptor: FileDescriptor) {
        self.path = path
        self.descriptor = Mutex(descriptor)
    }

    deinit { release() }

    /// Tries to take the lock that `path` stands for. The file is created if need be, and says who has the lock.
    ///
    /// - Throws: `FileError` if the file cannot be opened.
    public static func take(_ path: String) throws(FileError) -> Attempt {
        while true {
            let descriptor = try open(path, [.create])
            let code = Posix.lock(descriptor.rawValue)
            if code == 0 {
                // Its last holder may have removed the file since it was opened: then the lock is on nothing.
                guard Posix.Status(descriptor: descriptor.rawValue) == Posix.Status(linkOrFile: path) else {
                    try? descriptor.close()
                    continue
                }
                // Who reads it meanwhile finds no name. That there may be no room for it is no reason to fail.
                try? descriptor.resize(to: 0)
                _ = try? descriptor.writeAll(Self.thisProcess.utf8)
                return .taken(FileLock(path: path, descriptor: descriptor))
            }
            defer { try? descriptor.close() }
            if Posix.meansLocked(code) { return .held(by: holder(in: descriptor)) }
            guard Posix.meansNoLocks(code) else { throw FileError(operation: "lock", path: path, code: code) }
            try? Files.remove(path)
            return .unsupported(reason: Errno(rawValue: code).description)
        }
    }

    /// Who has the lock that `path` stands for; nil if nobody has it, or that cannot be found out. Changes nothing.
    public static func holder(of path: String) -> String? {
        guard let descriptor = try? open(path, []) else { return nil }
        defer { try? descriptor.close() }
        if Posix.meansLocked(Posix.lock(descriptor.rawValue)) { return holder(in: descriptor) }
        Posix.unlock(descriptor.rawValue)
        return nil
    }

    /// Gives the lock back and removes the file. May be called twice.
    public func release() {
        descriptor.withLock { descriptor in
            guard let held = descriptor else { return }
            if Posix.Status(descriptor: held.rawValue) == Posix.Status(linkOrFile: path) {
                try? Files.remove(path)
            }
            Posix.unlock(held.rawValue)
            try? held.close()
            descriptor = nil
        }
    }

    private static func open(
        _ path: String, _ options: FileDescriptor.OpenOptions
    ) throws(FileError) -> FileDescriptor {
        do {
            // To be written to, or NFS gives no lock.
            return try FileDescriptor.open(
                FilePath(path), .readWrite, options: options.union([.closeOnExec, .noFollow]),
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch {
            throw FileError(operation: "open", path: path, error)
        }
    }

    private static func holder(in descriptor: FileDescriptor) -> String {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count =
            (try? bytes.withUnsafeMutableBytes { try descriptor.read(fromAbsoluteOffset: 0, into: $0) }) ?? 0
        let line = String(decoding: bytes.prefix(count), as: UTF8.self).prefix { !$0.isNewline }
        return line.isEmpty ? "another process" : String(line)
    }

    private static var thisProcess: String {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [
            .withFullDate, .withTime, .withSpaceBetweenDateAndTime, .withColonSeparatorInTime,
        ]
        let start = formatter.string(from: Date())
        return
            "process \(ProcessInfo.processInfo.processIdentifier) on \(Posix.hostName) since \(start) UTC\n"
    }
}
