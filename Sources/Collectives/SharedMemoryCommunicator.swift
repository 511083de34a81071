/// The ranks of another communicator, whose collectives go through shared memory within a node and only from
/// node leader to node leader otherwise.
///
/// Buffers longer than the staging area go through it in parts. Reductions combine the ranks of a node in rank
/// order, and then the nodes in the order that the leaders' communicator chooses.
public final class SharedMemoryCommunicator: Communicator, @unchecked Sendable {
    /// The rank in the base communicator.
    public let rank: Int
    /// The size of the base communicator.
    public let size: Int
    /// The placement in the base communicator.
    public let placement: NodePlacement
    /// The base's.
    public var presence: NodePresence? { base.presence }
    /// What carries messages between nodes, and that shared memory does within them.
    public let implementation: String

    /// The parts into which a collective divides the staging area are whole cache lines.
    static let lineByteCount = 64

    let base: any Communicator
    let group: NodeGroup
    /// Two areas, used by turns: while a slow rank still reads one, others may write the other, and the barrier in each
    /// use of an area separates that from the use after the next.
    private let region: SharedRegion
    let areaByteCount: Int
    // Plain because a communicator is called from one thread at a time.
    private var usesSecondArea = false

    /// Wraps a communicator. Collective: every rank of it must call it.
    ///
    /// - Parameters:
    ///   - base: The communicator that connects the nodes.
    ///   - group: The group made from `base`.
    /// - Throws: ``SharedMemoryError``, on all ranks together, or the base's error.
    public convenience init(base: any Communicator, group: NodeGroup) throws {
        try self.init(base: base, group: group, stagingByteCount: 8 << 20)
    }

    /// Wraps a communicator, with a staging area of the given size for each node, which must be the same on all ranks.
    package init(base: any Communicator, group: NodeGroup, stagingByteCount: Int) throws {
        rank = base.rank
        size = base.size
        placement = base.placement
        implementation = "\(base.implementation), shared memory within a node"
        self.base = base
        self.group = group
        let line = Self.lineByteCount
        let byteCount = max(stagingByteCount / 2 / line, base.size) * line
        areaByteCount = byteCount
        region = try group.makeRegion(byteCount: 2 * byteCount)
        localSizeMaximum = base.placement.localSizes.max() ?? 1
    }

    /// The same on all nodes, so that all divide the staging area alike.
    let localSizeMaximum: Int

    /// Whether there are ranks that share memory; otherwise the base does everything.
    var sharesMemory: Bool { localSizeMaximum > 1 }

    /// The staging area for the next use.
    func nextArea() -> UnsafeMutableRawPointer {
        defer { usesSecondArea.toggle() }
        return region.base + (usesSecondArea ? areaByteCount : 0)
    }

    /// Returns once every rank has called it. Collective: every rank must call it.
    ///
    /// - Throws: ``NodeBarrierCancelled``, or the base's error.
    public func barrier() throws {
        guard sharesMemory else { return try base.barrier() }
        try group.barrier()
        try group.betweenNodes { try $0.barrier() }
    }

    /// The base's. Collective: every rank must call it.
    ///
    /// - Throws: The base's error.
    public func idleBarrier() throws {
        try base.idleBarrier()
    }

    /// Copies the root's buffer into the buffers of all other ranks. Collective: every rank must call it, with
    /// buffers of the same count and with the same root.
    ///
    /// - Throws: ``CollectiveArgumentError`` if there is no such root, ``NodeBarrierCancelled``, or the base's error.
    public func broadcast<E: CollectiveElement>(_ buffer: UnsafeMutableBufferPointer<E>, root: Int) throws {
        guard sharesMemory else { return try base.broadcast(buffer, root: root) }
        try checkRoot(root, operation: "broadcast")
        let bytes = UnsafeMutableRawBufferPointer(buffer)
        guard let start = bytes.baseAddress else { return }
        for offset in stride(from: 0, to: bytes.count, by: areaByteCount) {
            let count = min(areaByteCount, bytes.count - offset)
            let area = nextArea()
            if rank == root { area.copyMemory(from: start + offset, byteCount: count) }
            try group.barrier()
            try group.betweenNodes {
                try $0.broadcast(Self.elements(area, count: count), root: placement.nodeOfRank[root])
            }
            if rank != root { (start + offset).copyMemory(from: area, byteCount: count) }
        }
    }

    /// Bytes of the staging area, for a leader to send.
    static func elements(_ area: UnsafeMutableRawPointer, count: Int) -> UnsafeMutableBufferPointer<UInt8> {
        UnsafeMutableBufferPointer(start: area.bindMemory(to: UInt8.self, capacity: count), count: count)
    }

    /// The base's. Collective: every rank must call it.
    ///
    /// - Throws: The base's error.
    public func split(color: Int, key: Int) throws -> any Communicator {
        try base.split(color: color, key: key)
    }

    /// The base's. Collective: every rank must call it, with the same size.
    ///
    /// - Throws: ``SharedMemoryError`` as ``Communicator/makeSharedRegion(byteCount:)`` says, or the base's error.
    public func makeSharedRegion(byteCount: Int) throws -> SharedRegion {
        try base.makeSharedRegion(byteCount: byteCount)
    }

    /// The base's.
    public func abort(code: Int32) -> Never {
        base.abort(code: code)
    }
}
