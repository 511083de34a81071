public import Foundation

/// Memory that the ranks of a node were to share and that the system does not give.
public struct SharedMemoryError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// What was being done, such as `creating /dp-train-17-0badcafe`.
    public let operation: String
    /// How much memory was wanted.
    public let byteCount: Int
    /// Why not, in the system's words.
    public let reason: String

    /// An error of an operation.
    public init(operation: String, byteCount: Int, reason: String) {
        self.operation = operation
        self.byteCount = byteCount
        self.reason = reason
    }

    /// An error of a system call.
    init(operation: String, byteCount: Int, code: Int32) {
        self.init(operation: operation, byteCount: byteCount, reason: String(cString: strerror(code)))
    }

    /// One line: `creating /dp-train-17-0badcafe: cannot have 1,234,567 bytes of shared memory: No space left
    /// on device`.
    public var description: String {
        "\(operation): cannot have \(grouped) bytes of shared memory: \(reason)"
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }

    /// The number of bytes with a comma before every three digits.
    private var grouped: String {
        let digits = Array(String(byteCount.magnitude))
        let parts = stride(from: digits.count, to: 0, by: -3).map { String(digits[max($0 - 3, 0)..<$0]) }
        return (byteCount < 0 ? "-" : "") + parts.reversed().joined(separator: ",")
    }
}

extension Error {
    /// Whether this is a ``SharedMemoryError``, or the agreed failure of ranks of which the first one met such an error.
    public var isSharedMemoryError: Bool {
        switch self {
        case is SharedMemoryError: true
        case let failure as RankFailure: failure.underlying.isSharedMemoryError
        case let failure as FailureElsewhere: failure.isSharedMemoryError
        default: false
        }
    }
}
