/// The ranks of one node, which work together in shared memory, and the way to the other nodes through their *leaders*:
/// the rank on each node whose local rank is 0.
public final class NodeGroup: Sendable {
    /// This rank's place among the ranks of all nodes.
    public let placement: NodePlacement
    /// The communicator of the ranks of this node, in the order of their local ranks.
    public let node: any Communicator
    /// The communicator of the nodes' leaders, in the order of their nodes; nil on all other ranks.
    public let leaders: (any Communicator)?

    private let all: any Communicator
    private let nodeBarrier: NodeBarrier
    // A node without shared memory must not leave the other nodes waiting for it: all agree.
    private static let sharing = "sharing memory within the nodes"

    /// Forms the groups of all nodes. Collective: every rank of the communicator must call it.
    ///
    /// - Throws: The communicator's error, or ``SharedMemoryError`` as
    ///   ``Communicator/makeSharedRegion(byteCount:)`` throws it, on all ranks together.
    public init(_ communicator: any Communicator) throws {
        placement = communicator.placement
        let node = try communicator.split(color: placement.nodeIndex, key: placement.localRank)
        let isLeader = placement.localRank == 0
        let peers = try communicator.split(color: isLeader ? 0 : 1, key: placement.nodeIndex)
        self.node = node
        leaders = isLeader ? peers : nil
        all = communicator
        nodeBarrier = try communicator.agree(on: Self.sharing) { try node.makeNodeBarrier() }
    }

    /// A group of one rank each, which share nothing: every rank leads a node of its own.
    ///
    /// - Throws: ``SharedMemoryError``.
    public init(separating communicator: any Communicator) throws {
        let names = communicator.placement.nodeOfRank.map { communicator.placement.hostNames[$0] }
        placement = NodePlacement(
            rank: communicator.rank, nodes: Array(0..<communicator.size), hostNames: names)
        node = SingleProcessCommunicator()
        leaders = communicator
        all = communicator
        nodeBarrier = try node.makeNodeBarrier()
    }

    /// This rank's index on its node.
    public var localRank: Int { placement.localRank }
    /// How many ranks run on this node.
    public var localSize: Int { placement.localSize }
    /// This node's index.
    public var nodeIndex: Int { placement.nodeIndex }
    /// How many nodes there are.
    public var nodeCount: Int { placement.nodeCount }
    /// Whether this rank speaks for its node: its local rank is 0.
    public var isLeader: Bool { leaders != nil }

    /// Zero-filled memory that the ranks of this node share. Collective: every rank of all nodes must call it,
    /// with a size that is the same on the ranks of each node.
    ///
    /// - Throws: ``SharedMemoryError`` as ``Communicator/makeSharedRegion(byteCount:)`` throws it, on all ranks
    ///   of all nodes together.
    public func makeRegion(byteCount: Int) throws -> SharedRegion {
        try all.agree(on: Self.sharing) { try node.makeSharedRegion(byteCount: byteCount) }
    }

    /// Returns once every rank of this node has called it, without a message of any kind. Collective: every rank of the
    /// node must call it, on one thread at a time. Another thread needs a ``NodeBarrier`` of its own.
    ///
    /// - Throws: ``NodeBarrierCancelled`` if a rank has given up, ``NodeRankLost`` if one has ended.
    public func barrier() throws {
        try nodeBarrier.wait()
    }

    /// Makes the other ranks of this node throw at their barriers: for a rank that cannot come any more. Not
    /// collective.
    public func cancel() {
        nodeBarrier.cancel()
    }

    /// Runs a step of the leaders, which the other ranks of the node wait for. Collective: every rank must call
    /// it, after a barrier where the step reads what others wrote. Does nothing where there is only one node.
    public func betweenNodes(_ body: (any Communicator) throws -> Void) throws {
        guard nodeCount > 1 else { return }
        if let leaders {
            do {
                try body(leaders)
            } catch {
                // The leader's error ends this rank; the others must not wait for it.
                cancel()
                throw error
            }
        }
        try barrier()
    }
}
