extension Communicator {
    /// Nil: nobody can be lost alone.
    public var presence: NodePresence? { nil }

    /// A barrier in shared memory. Collective: every rank must call it.
    ///
    /// - Throws: As ``makeSharedRegion(byteCount:)``.
    public func makeNodeBarrier() throws -> NodeBarrier { try NodeBarrier(self) }

    /// False.
    public var allowsConcurrentCalls: Bool { false }

    /// ``allgather(segmentsOf:counts:)`` itself, however it waits. Collective: every rank must call it.
    ///
    /// - Throws: As ``allgather(segmentsOf:counts:)``.
    public func idleAllgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        try allgather(segmentsOf: buffer, counts: counts)
    }
}
