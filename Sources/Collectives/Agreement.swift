public import Foundation

extension Communicator {
    /// Runs a step that may fail on some ranks only, and lets it fail on all ranks or on none. Collective: every rank
    /// must call it.
    ///
    /// Where a body throws, the lowest rank that failed throws a ``RankFailure`` with its error, and all others throw
    /// ``FailureElsewhere`` with that rank's message: ``Swift/Error/shouldReport`` says who prints it. A communicator
    /// of one rank rethrows the error itself.
    ///
    /// - Parameters:
    ///   - operation: What is being done, for the message: `reading the training images`.
    ///   - body: Work of this rank alone. It may call collectives only if each rank calls them whatever happens to the
    ///     others; a nested `agree` does.
    /// - Returns: The body's value.
    /// - Throws: As above, or the communicator's error where the ranks could not exchange their outcomes.
    public func agree<T: ~Copyable>(on operation: String, _ body: () throws -> T) throws -> T {
        let value: T
        do {
            value = try body()
        } catch let error as NodeRankLost {
            // Nobody can agree on anything any more.
            throw error
        } catch {
            throw try agreedFailure(of: error, operation: operation) ?? error
        }
        if let failure = try agreedFailure(of: nil, operation: operation) { throw failure }
        return value
    }

    /// Exchanges the outcomes of all ranks and returns the error that this rank has to throw, if any.
    private func agreedFailure(of error: (any Error)?, operation: String) throws -> (any Error)? {
        // A rank that merely repeats the failure of another one, from a nested agreement, speaks last.
        let vote = error.map { $0.shouldReport ? rank : size + rank } ?? 2 * size
        let lowest = Int(try allreduce(Int64(vote), .minimum))
        guard lowest < 2 * size else { return nil }
        let speaker = lowest % size
        let message = try broadcast(text: rank == speaker ? error?.message ?? "" : "", root: speaker)
        let isSharedMemoryError = try broadcast(
            Int64(error?.isSharedMemoryError == true ? 1 : 0), root: speaker)

        if rank == speaker, let error {
            let isComplete = size == 1 || (error is any AgreedFailure && error.shouldReport)
            return isComplete ? error : RankFailure(rank: rank, operation: operation, underlying: error)
        }
        return error as? FailureElsewhere
            ?? FailureElsewhere(
                rank: speaker, operation: operation, message: message,
                isSharedMemoryError: isSharedMemoryError == 1)
    }
}

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
