internal import CSharedMemory

/// A barrier of the ranks of one node that lives in their shared memory, so that it takes less than a microsecond where
/// each rank has a processor. It waits awake for a short time and then asleep.
///
/// Everything that a rank has written to a ``SharedRegion`` before the barrier can be read by the others behind it.
public final class NodeBarrier: Sendable {
    /// How many ranks meet here.
    public let count: Int

    private let region: SharedRegion
    private let looks: UInt32
    private let yields: UInt32

    /// A barrier of all ranks of a communicator, which have to run on one node. Collective: every rank must call it.
    ///
    /// - Throws: As ``Communicator/makeSharedRegion(byteCount:)``.
    public init(_ node: any Communicator) throws {
        count = node.size
        region = try node.makeSharedRegion(byteCount: dp_barrier_byte_count())
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
    /// - Throws: ``NodeBarrierCancelled`` if a rank has given the barrier up.
    public func wait() throws {
        guard count > 1 else { return }
        guard dp_barrier_wait(region.base, UInt32(count), looks, yields) == 0 else {
            throw NodeBarrierCancelled()
        }
    }

    /// Makes all ranks throw that wait here or come later: for a rank that cannot come any more. Not collective.
    public func cancel() {
        dp_barrier_cancel(region.base)
    }
}
