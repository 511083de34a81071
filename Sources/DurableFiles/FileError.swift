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
    /// What is there where a regular file was expected, such as "a FIFO"; nil for any other failure.
    public let found: String?

    /// Describes a failed operation.
    public init(operation: String, path: String, code: Int32, found: String? = nil) {
        self.operation = operation
        self.path = path
        self.code = code
        self.found = found
    }

    /// The operating system's words for `code`, or what was expected and found.
    public var reason: String {
        found.map { "expected a regular file, found \($0)" } ?? Errno(rawValue: code).description
    }

    /// "cannot write runs/a/metrics.csv: No space left on device".
    public var description: String { "cannot \(operation) \(path): \(reason)" }

    /// The same as `description`.
    public var errorDescription: String? { description }

    /// Whether there was no such file or folder (`ENOENT`).
    public var isNotFound: Bool { Errno(rawValue: code) == .noSuchFileOrDirectory }
}
