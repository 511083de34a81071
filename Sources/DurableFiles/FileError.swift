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

    /// Describes a failed operation.
    public init(operation: String, path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// The operating system's words for `code`.
    public var reason: String { Errno(rawValue: code).description }

    /// "cannot write runs/a/metrics.csv: No space left on device".
    public var description: String { "cannot \(operation) \(path): \(reason)" }

    /// The same as `description`.
    public var errorDescription: String? { description }

    /// Whether the storage itself failed (`EIO`), so that what lies there may be lost.
    public var isDamage: Bool { Errno(rawValue: code) == .ioError }

    /// Whether there was no such file or folder (`ENOENT`).
    public var isNotFound: Bool { Errno(rawValue: code) == .noSuchFileOrDirectory }
}
