internal import Foundation
internal import Threads

/// A thread of this rank that takes part in collectives while the rank computes: one operation at a time, over a
/// communicator of its own, so that they never meet the rank's other collectives.
///
/// An operation should wait asleep (``Communicator/idleAllgather(segmentsOf:counts:)``): a thread that spins takes a
/// processor from the computation.
///
/// A rank that leaves its communicator has to have waited for the last operation; the thread itself ends with its owner.
public final class CommunicationThread: Sendable {
    private let communicator: any Communicator
    private let operations: OperationSlot

    /// Starts the thread, which may run on all processors of the node; nil where some rank's library lets only one
    /// thread communicate, or where some rank's system allows no more threads. Collective: every rank of the
    /// communicator must call it.
    ///
    /// - Throws: The communicator's error.
    public init?(_ communicator: any Communicator) throws {
        let operations = OperationSlot()
        let isStarted = communicator.allowsConcurrentCalls && Self.start(operations)
        let areAllStarted = try communicator.allreduce(Int64(isStarted ? 1 : 0), .minimum) == 1
        guard areAllStarted else {
            operations.end()
            return nil
        }
        self.communicator = try communicator.split(color: 0, key: communicator.rank)
        self.operations = operations
    }

    private static func start(_ operations: OperationSlot) -> Bool {
        // Launchers bind a rank to a core, which its own thread needs.
        ProcessorAffinity.withAffinityToAllProcessors {
            (try? SystemThread.start("communication") { operations.run() }) != nil
        }
    }

    deinit { operations.end() }

    /// Has the thread run an operation, and returns at once. The one before it must have been waited for. Collective
    /// where the operation is: every rank must start the same ones in the same order.
    ///
    /// - Parameter operation: Collectives of the communicator that it is passed. What it throws, ``wait()`` throws.
    public func start(_ operation: @escaping @Sendable (any Communicator) throws -> Void) {
        let communicator = communicator
        operations.put { try operation(communicator) }
    }

    /// Returns when the operation that was started last is complete; at once where there is none.
    ///
    /// - Throws: What the operation threw.
    public func wait() throws {
        try RankActivity.waiting { try operations.wait() }
    }
}

/// One operation at a time, handed from one thread to another.
///
/// `@unchecked Sendable` rests on this: everything mutable is only touched with the condition locked.
private final class OperationSlot: @unchecked Sendable {
    private let condition = NSCondition()
    private var operation: (() throws -> Void)?
    private var error: (any Error)?
    private var isEnding = false

    func put(_ next: @escaping @Sendable () throws -> Void) {
        condition.withLock {
            precondition(operation == nil, "an operation was started while another one runs")
            operation = next
            condition.broadcast()
        }
    }

    func wait() throws {
        try condition.withLock {
            while operation != nil { condition.wait() }
            defer { error = nil }
            if let error { throw error }
        }
    }

    func end() {
        condition.withLock {
            isEnding = true
            condition.broadcast()
        }
    }

    func run() {
        while let next = next() {
            var failure: (any Error)?
            do { try next() } catch { failure = error }
            condition.withLock {
                operation = nil
                error = failure
                condition.broadcast()
            }
        }
    }

    private func next() -> (() throws -> Void)? {
        condition.withLock {
            while operation == nil && !isEnding { condition.wait() }
            return operation
        }
    }
}
