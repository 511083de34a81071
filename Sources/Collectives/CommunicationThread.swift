internal import Foundation
internal import Threads

/// A thread of this rank that takes part in collectives while the rank computes: one operation after another, over a
/// communicator of its own, so that they never meet the rank's other collectives.
///
/// An operation should wait asleep (``Communicator/idleAllgather(segmentsOf:counts:)``,
/// ``Communicator/idleAllreduce(_:_:)``): a thread that spins takes a processor from the computation.
///
/// A rank that leaves its communicator has to have waited for the last operation; the thread itself ends with its owner.
public final class CommunicationThread: Sendable {
    /// What the thread is given to do: collectives of the communicator that it is passed.
    public typealias Operation = @Sendable (any Communicator) throws -> Void

    private let communicator: any Communicator
    private let operations: OperationQueue

    /// Starts the thread, which may run on all processors of the node; nil where some rank's library lets only one
    /// thread communicate, or where some rank's system allows no more threads. Collective: every rank of the
    /// communicator must call it.
    ///
    /// - Throws: The communicator's error.
    public init?(_ communicator: any Communicator) throws {
        let operations = OperationQueue()
        let isStarted = communicator.allowsConcurrentCalls && Self.start(operations)
        let areAllStarted = try communicator.allreduce(Int64(isStarted ? 1 : 0), .minimum) == 1
        guard areAllStarted else {
            operations.end()
            return nil
        }
        self.communicator = try communicator.split(color: 0, key: communicator.rank)
        self.operations = operations
    }

    private static func start(_ operations: OperationQueue) -> Bool {
        // Launchers bind a rank to a core, which its own thread needs.
        ProcessorAffinity.withAffinityToAllProcessors {
            (try? SystemThread.start("communication") { operations.run() }) != nil
        }
    }

    deinit { operations.end() }

    /// Has the thread run an operation behind those that were started before, and returns at once. Collective where the
    /// operation is: every rank must start the same ones in the same order.
    ///
    /// - Parameter operation: Collectives of the communicator that it is passed. What it throws, ``wait()`` throws, and those
    ///   behind it are not begun.
    public func start(_ operation: @escaping Operation) {
        operations.append(operation, over: communicator)
    }

    /// Returns when all operations that were started are complete; at once where there is none.
    ///
    /// - Throws: What the first of them threw.
    public func wait() throws {
        try RankActivity.waiting { try operations.wait() }
    }
}

/// Operations, handed from one thread to another.
///
/// `@unchecked Sendable` rests on this: everything mutable is only touched with the condition locked.
private final class OperationQueue: @unchecked Sendable {
    private let condition = NSCondition()
    /// The operation under way is the first.
    private var operations: [CommunicationThread.Operation] = []
    private var communicator: (any Communicator)?
    private var error: (any Error)?
    private var isEnding = false

    func append(_ next: @escaping CommunicationThread.Operation, over communicator: any Communicator) {
        condition.withLock {
            self.communicator = communicator
            // After a failure ranks may no longer agree on what comes next.
            if error == nil { operations.append(next) }
            condition.broadcast()
        }
    }

    func wait() throws {
        try condition.withLock {
            while !operations.isEmpty { condition.wait() }
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
        while let (next, communicator) = next() {
            var failure: (any Error)?
            do { try next(communicator) } catch { failure = error }
            condition.withLock {
                if let failure {
                    error = failure
                    operations.removeAll()
                } else {
                    // Keeps its room, so that a step allocates nothing.
                    operations.removeFirst()
                }
                condition.broadcast()
            }
        }
    }

    private func next() -> (CommunicationThread.Operation, any Communicator)? {
        condition.withLock {
            while operations.isEmpty && !isEnding { condition.wait() }
            guard let first = operations.first, let communicator else { return nil }
            return (first, communicator)
        }
    }
}
