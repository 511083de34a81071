package import Collectives

/// An allreduce without copies: every rank of a node writes its elements straight into shared memory and reads the sums
/// straight from there.
///
/// With nodes n and the elements x of local rank l on each: result[i] = Σₙ (Σₗ xₙₗ[i]). The inner sum runs in the order
/// of the local ranks, the outer one in an order that the leaders' communicator chooses, so every rank on every
/// node sees the same bits.
package final class NodeReduction<E: CollectiveElement>: @unchecked Sendable {
    /// The elements of this rank, for it alone to write. They begin as zeroes and stay as they are in a reduction.
    package let segment: UnsafeMutableBufferPointer<E>
    /// The sums, for all ranks to read after ``allreduce()`` and until the next one.
    package let result: UnsafeMutableBufferPointer<E>

    /// The elements that this rank sums for its node: whole cache lines, but for the end. The slices of a node's ranks
    /// follow one another and cover everything.
    private let slice: Range<Int>

    private let group: NodeGroup
    private let region: SharedRegion
    private let stride: Int

    /// Shares memory for `count` elements of each rank. Collective: every rank of the group's communicator must
    /// call it, with the same count.
    ///
    /// - Throws: ``SharedMemoryError`` as ``Communicator/makeSharedRegion(byteCount:)`` throws it, on all ranks
    ///   together.
    package init(_ group: NodeGroup, count: Int) throws {
        let page = 4096
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<E>.stride)
        guard count >= 0, !overflow, byteCount <= Int.max / 2 / (group.localSize + 1) else {
            throw SharedMemoryError(
                operation: "sharing \(count) elements of each rank", byteCount: Int.max,
                reason: "no such size")
        }
        stride = (byteCount + page - 1) / page * page
        self.group = group
        slice = SegmentReduction.slice(
            of: count, elementSize: MemoryLayout<E>.stride, rank: group.localRank, size: group.localSize)
        region = try group.makeRegion(byteCount: (group.localSize + 1) * stride)
        func elements(at index: Int, of region: SharedRegion, stride: Int) -> UnsafeMutableBufferPointer<E> {
            let start = (region.base + index * stride).bindMemory(to: E.self, capacity: count)
            return UnsafeMutableBufferPointer(start: start, count: count)
        }
        segment = elements(at: group.localRank, of: region, stride: stride)
        result = elements(at: group.localSize, of: region, stride: stride)
    }

    /// Sums the segments of all ranks into ``result``. Collective: every rank must call it.
    ///
    /// - Throws: ``NodeBarrierCancelled`` if a rank of this node has given up, or the leaders' communicator's error.
    package func allreduce() throws {
        guard !result.isEmpty, let start = result.baseAddress else { return }
        try group.barrier()
        let arrays = SegmentArrays(start: region.base, stride: stride, count: group.localSize)
        SegmentReduction.combine(arrays, range: slice, into: start, .sum)
        try group.barrier()
        try group.betweenNodes { try $0.allreduce(result, .sum) }
    }
}
