internal import DurableFiles
public import Foundation
internal import ZstdFrames

/// Why a file of records could not be read or written.
public struct MetricsError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
    /// The file.
    public let path: String
    /// What was tried, as a verb: "write", "open".
    public let operation: String
    /// Why it failed.
    public let reason: String

    /// "cannot write runs/a/metrics.csv: No space left on device".
    public var description: String { "cannot \(operation) \(path): \(reason)" }

    /// The same as `description`.
    public var errorDescription: String? { description }

    init(path: String, operation: String, reason: String) {
        self.path = path
        self.operation = operation
        self.reason = reason
    }

    init(_ error: any Error, path: String, operation: String) {
        if let error = error as? FileError {
            self.init(path: error.path, operation: error.operation, reason: error.reason)
        } else {
            self.init(path: path, operation: operation, reason: "\(error)")
        }
    }
}
