public import Foundation
internal import SystemPackage

/// An operation on a file or folder that the operating system refused.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
    /// What was tried, as a verb: "open", "write", "rename".
    public let operation: String
    /// The file or folder.
    public let path: String
    /// The value of `errno`.
    public let code: Int32
    /// Why, for people: the operating system's words for `code`, where nothing better is known.
    public let reason: String
    /// What is there where a regular file was expected, such as "a FIFO"; nil for any other failure.
    public let found: String?

    /// Describes a failed operation; `reason` is the operating system's words for `code` if there is none.
    public init(operation: String, path: String, code: Int32, reason: String? = nil) {
        self.operation = operation
        self.path = path
        self.code = code
        self.reason = reason ?? Errno(rawValue: code).description
        found = nil
    }

    /// Describes an operation that expected a regular file at `path` and `found` something else.
    init(operation: String, path: String, code: Int32, found: String) {
        self.operation = operation
        self.path = path
        self.code = code
        self.found = found
        reason = "expected a regular file, found \(found)"
    }

    /// "cannot write runs/a/metrics.csv: No space left on device".
    public var description: String { "cannot \(operation) \(path): \(reason)" }

    /// The same as `description`.
    public var errorDescription: String? { description }

    /// Whether there was no such file or folder (`ENOENT`).
    public var isNotFound: Bool { Errno(rawValue: code) == .noSuchFileOrDirectory }
}

extension FileError {
    init(operation: String, path: String, _ error: any Error) {
        self.init(operation: operation, path: path, code: (error as? Errno ?? .ioError).rawValue)
    }

    /// The value of `errno` where a buffer is full.
    static var noBufferSpace: Int32 { Errno.noBufferSpace.rawValue }
}
