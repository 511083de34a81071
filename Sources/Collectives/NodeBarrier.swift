internal import CSystemCalls
public import Foundation

/// A barrier of the ranks of one node that lives in their shared memory, so that it takes less than a microsecond where
/// each rank has a processor. It waits awake for a short time and then asleep.
///
/// Everything that a rank has written to a ``SharedRegion`` before the barrier can be read by the others behind it.
public final class NodeBarrier: Sendable {
    /// How many ranks meet here.
    public let count: Int

    private let region: SharedRegion
    private let presence: NodePresence?
    private let looks: UInt32
    private let yields: UInt32
    private let pause: (@Sendable () -> Void)?

    /// The bytes of shared memory that a barrier takes.
    package static var byteCount: Int { dp_barrier_byte_count() }

    /// A barrier of all ranks of a communicator, which have to run on one node. Collective: every rank must call it.
    ///
    /// - Throws: As ``Communicator/makeSharedRegion(byteCount:)``.
    public convenience init(_ node: any Communicator) throws {
        try self.init(node, pause: nil)
    }

    /// The same, where each rank does something before it comes and after it has been let go, such as to be late.
    package init(_ node: any Communicator, pause: (@Sendable () -> Void)?) throws {
        count = node.size
        self.pause = pause
        presence = node.presence
        region = try node.makeSharedRegion(byteCount: Self.byteCount)
        // A rank that spins where there are fewer processors than ranks keeps the one that it waits for from running.
        let isCrowded = node.size > ProcessorAffinity.processorsOfNode
        looks = isCrowded ? 0 : 4000
        yields = isCrowded ? 20 : 200
    }

    deinit {
        // Nobody can count on this rank any more.
        cancel()
    }

    /// Returns once every rank has called it. Collective: every rank must call it, on one thread at a time.
    ///
    /// - Throws: ``NodeBarrierCancelled`` if a rank has given the barrier up, ``NodeRankLost`` if one has ended.
    public func wait() throws {
        guard count > 1 else { return }
        pause?()
        try RankActivity.waiting { try waitForAll() }
        pause?()
    }

    private func waitForAll() throws {
        var round: UInt32 = 0
        var code = dp_barrier_wait(region.base, UInt32(count), looks, yields, &round)
        while code == ETIMEDOUT {
            let lost = presence?.lostIndex
            // A rank may have ended because all had come: the barrier has the last word.
            code = dp_barrier_sleep(region.base, round)
            guard code == ETIMEDOUT, let lost, let presence else { continue }
            cancel()
            throw presence.loss(ofIndex: lost)
        }
        guard code == 0 else {
            try presence?.check()
            throw NodeBarrierCancelled()
        }
    }

    /// Makes all ranks throw that wait here or come later: for a rank that cannot come any more. Not collective.
    public func cancel() {
        dp_barrier_cancel(region.base)
    }
}

/// A rank of this node has given up while others waited for it in shared memory.
public struct NodeBarrierCancelled: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// An error that says so.
    public init() {}

    /// One line.
    public var description: String { "a rank of this node has given up; nobody can complete the barrier" }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}
