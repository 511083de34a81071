public import Collectives

/// The ranks of another communicator, which do all the work: what tests derive from that change one thing.
open class ForwardingCommunicator: Communicator, @unchecked Sendable {
    /// The communicator that does the work.
    public let base: any Communicator

    /// The ranks of `base`.
    public init(_ base: any Communicator) { self.base = base }

    /// The base's.
    open var rank: Int { base.rank }
    /// The base's.
    open var size: Int { base.size }
    /// The base's.
    open var placement: NodePlacement { base.placement }
    /// The base's.
    open var implementation: String { base.implementation }
    /// The base's.
    open var presence: NodePresence? { base.presence }
    /// The base's.
    open var allowsConcurrentCalls: Bool { base.allowsConcurrentCalls }

    /// The base's. Collective: every rank must call it.
    open func barrier() throws { try base.barrier() }

    /// The base's. Collective: every rank must call it.
    open func idleBarrier() throws { try base.idleBarrier() }

    /// The base's. Collective: every rank must call it.
    open func broadcast<E: CollectiveElement>(_ buffer: UnsafeMutableBufferPointer<E>, root: Int) throws {
        try base.broadcast(buffer, root: root)
    }

    /// The base's. Collective: every rank must call it.
    open func allreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) throws {
        try base.allreduce(buffer, operation)
    }

    /// The base's. Collective: every rank must call it.
    open func idleAllreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) throws {
        try base.idleAllreduce(buffer, operation)
    }

    /// The base's. Collective: every rank must call it.
    open func allgather<E: CollectiveElement>(
        _ contribution: UnsafeBufferPointer<E>, into result: UnsafeMutableBufferPointer<E>
    ) throws {
        try base.allgather(contribution, into: result)
    }

    /// The base's. Collective: every rank must call it.
    open func allgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        try base.allgather(segmentsOf: buffer, counts: counts)
    }

    /// The base's. Collective: every rank must call it.
    open func idleAllgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        try base.idleAllgather(segmentsOf: buffer, counts: counts)
    }

    /// The base's. Collective: every rank must call it.
    open func split(color: Int, key: Int) throws -> any Communicator {
        try base.split(color: color, key: key)
    }

    /// The base's. Collective: every rank must call it.
    open func makeSharedRegion(byteCount: Int) throws -> SharedRegion {
        try base.makeSharedRegion(byteCount: byteCount)
    }

    /// A barrier in the base's shared memory. Collective: every rank must call it.
    open func makeNodeBarrier() throws -> NodeBarrier { try NodeBarrier(self) }

    /// The base's.
    open func abort(code: Int32) -> Never { base.abort(code: code) }
}

/// The ranks of another communicator, which pretend to be spread over several nodes, and to allow no calls from several
/// threads.
public final class PretendedNodes: ForwardingCommunicator, @unchecked Sendable {
    private let pretended: NodePlacement

    /// Puts each rank on a node of the given number.
    public init(_ base: any Communicator, nodeOfRank: [Int]) {
        pretended = NodePlacement(
            rank: base.rank, nodes: nodeOfRank, hostNames: nodeOfRank.map { "node-\($0)" })
        super.init(base)
    }

    /// The pretended placement.
    public override var placement: NodePlacement { pretended }
    /// False.
    public override var allowsConcurrentCalls: Bool { false }
}
