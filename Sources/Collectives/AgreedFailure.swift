public import Foundation

/// An error that all ranks throw together, so that each can end on its own and none waits for another.
///
/// An error of another type may have struck this rank alone: the others can still be waiting in a collective, and have
/// to be ended with ``Communicator/abort(code:)``.
public protocol AgreedFailure: Error {
    /// True on exactly one of the ranks, the one that prints the message.
    var shouldReport: Bool { get }
}

extension Error {
    /// Whether this rank is the one that has to print this error: true for every error but an ``AgreedFailure`` that
    /// another rank reports.
    public var shouldReport: Bool { (self as? any AgreedFailure)?.shouldReport ?? true }

    /// The message for people: that of a `LocalizedError` where there is one.
    var message: String { (self as? any LocalizedError)?.errorDescription ?? String(describing: self) }
}

/// The error thrown by ``Communicator/agree(on:_:)`` on the lowest rank whose body failed.
public struct RankFailure: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// The rank that failed, which is this one.
    public let rank: Int
    /// What was being done, as passed to ``Communicator/agree(on:_:)``.
    public let operation: String
    /// What the body threw.
    public let underlying: any Error

    /// Always true.
    public var shouldReport: Bool { true }

    /// One line: the rank, the operation and the error's own message.
    public var description: String { "rank \(rank): \(operation): \(underlying.message)" }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}

/// The error thrown by ``Communicator/agree(on:_:)`` on all ranks but the one that reports.
public struct FailureElsewhere: AgreedFailure, Equatable, CustomStringConvertible, LocalizedError {
    /// The rank that failed and reports.
    public let rank: Int
    /// What was being done, as passed to ``Communicator/agree(on:_:)``.
    public let operation: String
    /// The message of that rank's error.
    public let message: String
    /// Whether that rank's error was a ``SharedMemoryError``: one that all ranks can answer by doing without.
    public let isSharedMemoryError: Bool

    /// Always false.
    public var shouldReport: Bool { false }

    /// The same line that the rank that failed prints.
    public var description: String { "rank \(rank): \(operation): \(message)" }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}
