extension Communicator {
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
