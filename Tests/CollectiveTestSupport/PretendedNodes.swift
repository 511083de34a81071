public import Collectives

/// The ranks of another communicator, which pretend to be spread over several nodes.
public final class PretendedNodes: Communicator {
    /// The pretended placement.
    public let placement: NodePlacement
    private let base: any Communicator

    /// Puts each rank on a node of the given number.
    public init(_ base: any Communicator, nodeOfRank: [Int]) {
        self.base = base
        placement = NodePlacement(
            rank: base.rank, nodes: nodeOfRank, hostNames: nodeOfRank.map { "node-\($0)" })
    }

    /// The base's.
    public var rank: Int { base.rank }
    /// The base's.
    public var size: Int { base.size }
    /// The base's.
    public var presence: NodePresence? { base.presence }
    /// The base's.
    public var implementation: String { base.implementation }

    /// The base's.
    public func barrier() throws { try base.barrier() }
    /// The base's.
    public func idleBarrier() throws { try base.idleBarrier() }
    /// The base's.
    public func broadcast<E: CollectiveElement>(_ buffer: UnsafeMutableBufferPointer<E>, root: Int) throws {
        try base.broadcast(buffer, root: root)
    }
    /// The base's.
    public func allreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) throws {
        try base.allreduce(buffer, operation)
    }
    /// The base's.
    public func allgather<E: CollectiveElement>(
        _ contribution: UnsafeBufferPointer<E>, into result: UnsafeMutableBufferPointer<E>
    ) throws {
        try base.allgather(contribution, into: result)
    }
    /// The base's.
    public func allgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        try base.allgather(segmentsOf: buffer, counts: counts)
    }
    /// The base's.
    public func split(color: Int, key: Int) throws -> any Communicator {
        try base.split(color: color, key: key)
    }
    /// The base's.
    public func makeSharedRegion(byteCount: Int) throws -> SharedRegion {
        try base.makeSharedRegion(byteCount: byteCount)
    }
    /// The base's.
    public func abort(code: Int32) -> Never { base.abort(code: code) }
}
