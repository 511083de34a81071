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
            let staged = nextArea()
            let own = staged + group.localRank * slotByteCount
            own.copyMemory(from: start + offset, byteCount: count * MemoryLayout<E>.stride)
            try group.barrier()
            if isSmall && byteCount <= slotByteCount {
                SegmentReduction.combine(
                    arrays: staged, stride: slotByteCount, count: group.localSize, range: 0..<count,
                    into: start + offset, operation)
            } else {
                try combine(staged, slotByteCount, into: start + offset, count: count, operation)
            }
        }
    }

    /// Combines what all ranks have staged, each rank a slice of it, and copies all slices out.
    private func combine<E: CollectiveElement>(
        _ staged: UnsafeMutableRawPointer, _ slotByteCount: Int, into buffer: UnsafeMutablePointer<E>,
        count: Int, _ operation: ReductionOperation
    ) throws {
        let result = nextArea().bindMemory(to: E.self, capacity: count)
        let slice = SegmentReduction.slice(
            of: count, elementSize: MemoryLayout<E>.stride, rank: group.localRank, size: group.localSize)
        SegmentReduction.combine(
            arrays: staged, stride: slotByteCount, count: group.localSize, range: slice, into: result,
            operation)
        try group.barrier()
        try group.betweenNodes {
            try $0.allreduce(UnsafeMutableBufferPointer(start: result, count: count), operation)
        }
        buffer.update(from: result, count: count)
    }
}
