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
        try self.init(base: base, group: group, stagingByteCount: Self.stagingByteCount)
    }

    private static let stagingByteCount = 8 << 20

    /// The bytes of shared memory that each node of so many ranks in all takes for it.
    package static func regionByteCount(size: Int) -> Int {
        2 * areaByteCount(stagingByteCount, size: size)
    }

    private static func areaByteCount(_ stagingByteCount: Int, size: Int) -> Int {
        max(stagingByteCount / 2 / lineByteCount, size) * lineByteCount
    }

    /// Wraps a communicator, with a staging area of the given size for each node, which must be the same on all ranks.
    package init(base: any Communicator, group: NodeGroup, stagingByteCount: Int) throws {
        rank = base.rank
        size = base.size
        placement = base.placement
        implementation = "\(base.implementation), shared memory within a node"
        self.base = base
        self.group = group
        areaByteCount = Self.areaByteCount(stagingByteCount, size: base.size)
        region = try group.makeRegion(byteCount: 2 * areaByteCount)
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

extension SharedMemoryCommunicator {
    /// Up to so many bytes of all ranks of a node, each rank combines everything itself and saves a barrier.
    private static let smallByteCount = 32 << 10

    /// Replaces element i of every rank's buffer by the combination of the elements i of all ranks' buffers.
    /// Collective: every rank must call it, with buffers of the same count and with the same operation.
    ///
    /// - Throws: ``NodeBarrierCancelled``, or the base's error.
    public func allreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) throws {
        guard sharesMemory else { return try base.allreduce(buffer, operation) }
        guard let start = buffer.baseAddress else { return }
        let byteCount = buffer.count * MemoryLayout<E>.stride
        // With several nodes the leader alone goes on with the node's sum, which has to stand in the area.
        let isSmall = placement.nodeCount == 1 && byteCount * localSizeMaximum <= Self.smallByteCount
        let slotByteCount = areaByteCount / localSizeMaximum / Self.lineByteCount * Self.lineByteCount
        let slotCount = slotByteCount / MemoryLayout<E>.stride
        for offset in stride(from: 0, to: buffer.count, by: slotCount) {
            let count = min(slotCount, buffer.count - offset)
            let staged = SegmentArrays(start: nextArea(), stride: slotByteCount, count: group.localSize)
            if isSmall && byteCount <= slotByteCount {
                try combineAlone(staged, start, count: count, operation)
            } else {
                try combineTogether(staged, start + offset, count: count, operation)
            }
        }
    }

    /// Stages the elements for the others and combines those of all ranks.
    private func combineAlone<E: CollectiveElement>(
        _ staged: SegmentArrays, _ buffer: UnsafeMutablePointer<E>, count: Int,
        _ operation: ReductionOperation
    ) throws {
        staged[group.localRank].copyMemory(from: buffer, byteCount: count * MemoryLayout<E>.stride)
        try group.barrier()
        SegmentReduction.combine(staged, range: 0..<count, into: buffer, operation)
    }

    /// Stages the elements that others combine, combines a slice of all ranks' elements, and copies all slices out.
    private func combineTogether<E: CollectiveElement>(
        _ staged: SegmentArrays, _ buffer: UnsafeMutablePointer<E>, count: Int,
        _ operation: ReductionOperation
    ) throws {
        let elementSize = MemoryLayout<E>.stride
        let slice = SegmentReduction.slice(
            of: count, elementSize: elementSize, rank: group.localRank, size: group.localSize)
        // This rank alone reads its own slice of its elements: from where they are.
        var arrays = staged
        arrays.exception = (group.localRank, UnsafeMutableRawPointer(buffer))
        for others in [0..<slice.lowerBound, slice.upperBound..<count] where !others.isEmpty {
            (staged[group.localRank] + others.lowerBound * elementSize)
                .copyMemory(from: buffer + others.lowerBound, byteCount: others.count * elementSize)
        }
        try group.barrier()
        let result = nextArea().bindMemory(to: E.self, capacity: count)
        SegmentReduction.combine(arrays, range: slice, into: result, operation)
        try group.barrier()
        try group.betweenNodes {
            try $0.allreduce(UnsafeMutableBufferPointer(start: result, count: count), operation)
        }
        buffer.update(from: result, count: count)
    }
}

extension SharedMemoryCommunicator {
    /// Puts the contributions of all ranks one behind the other, in rank order, into every rank's result.
    /// Collective: every rank must call it, with contributions of the same count.
    ///
    /// - Throws: ``CollectiveArgumentError`` if the result has another count, ``NodeBarrierCancelled``, or the
    ///   base's error.
    public func allgather<E: CollectiveElement>(
        _ contribution: UnsafeBufferPointer<E>, into result: UnsafeMutableBufferPointer<E>
    ) throws {
        guard sharesMemory else { return try base.allgather(contribution, into: result) }
        try checkAllgather(contribution: contribution.count, result: result.count)
        let own = UnsafeMutableBufferPointer(
            rebasing: result[rank * contribution.count..<(rank + 1) * contribution.count])
        _ = own.update(fromContentsOf: contribution)
        try gather(result) { _ in contribution.count }
    }

    /// Copies every rank's segment to all others. Collective: every rank must call it, with the same counts.
    ///
    /// - Throws: ``CollectiveArgumentError`` if the counts do not fit, ``NodeBarrierCancelled``, or the base's error.
    public func allgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        guard sharesMemory else { return try base.allgather(segmentsOf: buffer, counts: counts) }
        try checkSegments(counts, buffer: buffer.count)
        try gather(buffer) { counts[$0] }
    }

    /// Completes a buffer of which every rank has `count(rank)` elements.
    private func gather<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, count: (Int) -> Int
    ) throws {
        guard let start = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
        try withUnsafeTemporaryAllocation(of: Range<Int>.self, capacity: size) { segments in
            var end = 0
            var longest = 0
            for rank in 0..<size {
                let byteCount = count(rank) * MemoryLayout<E>.stride
                segments.initializeElement(at: rank, to: end..<end + byteCount)
                end += byteCount
                longest = max(longest, byteCount)
            }
            // In each round every rank has room for so much, if it has so much left.
            let room = areaByteCount / size / Self.lineByteCount * Self.lineByteCount
            for offset in stride(from: 0, to: longest, by: room) {
                try exchange(start, segments, offset..<offset + room)
            }
        }
    }

    /// Exchanges one part of every rank's segment.
    ///
    /// - Parameters:
    ///   - start: The buffer.
    ///   - segments: The bytes of each rank's segment in it.
    ///   - part: Which bytes of each segment, counted from its start.
    private func exchange(
        _ start: UnsafeMutableRawPointer, _ segments: UnsafeMutableBufferPointer<Range<Int>>,
        _ part: Range<Int>
    ) throws {
        // In the area the parts stand by position, so that each node's stand together.
        func forEachPart(_ body: (Int, Range<Int>, Int) -> Void) -> Int {
            var staged = 0
            for rank in placement.rankAtPosition {
                let segment = segments[rank]
                let lower = min(segment.lowerBound + part.lowerBound, segment.upperBound)
                let upper = min(segment.lowerBound + part.upperBound, segment.upperBound)
                body(rank, lower..<upper, staged)
                staged += upper - lower
            }
            return staged
        }
        let area = nextArea()
        let total = forEachPart { rank, bytes, staged in
            guard rank == self.rank else { return }
            (area + staged).copyMemory(from: start + bytes.lowerBound, byteCount: bytes.count)
        }
        try group.barrier()
        try group.betweenNodes { leaders in
            var counts = [Int](repeating: 0, count: placement.nodeCount)
            _ = forEachPart { rank, bytes, _ in counts[placement.nodeOfRank[rank]] += bytes.count }
            try leaders.allgather(segmentsOf: Self.elements(area, count: total), counts: counts)
        }
        _ = forEachPart { rank, bytes, staged in
            guard rank != self.rank else { return }
            (start + bytes.lowerBound).copyMemory(from: area + staged, byteCount: bytes.count)
        }
    }
}
