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
