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
