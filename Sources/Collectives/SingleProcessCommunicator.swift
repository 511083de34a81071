#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// The communicator of a process on its own: rank 0 of 1, with no library and no start-up cost.
public final class SingleProcessCommunicator: Communicator {
    /// 0.
    public let rank = 0
    /// 1.
    public let size = 1
    /// One rank on one node.
    public let placement = NodePlacement.alone
    /// `single process`.
    public let implementation = "single process"

    /// A communicator of one rank.
    public init() {}

    /// Returns at once: every rank has called it.
    public func barrier() {}

    /// Returns at once: every rank has called it.
    public func idleBarrier() {}

    /// Leaves the buffer as it is.
    ///
    /// - Throws: ``CollectiveArgumentError`` if the root is not 0.
    public func broadcast<E: CollectiveElement>(_ buffer: UnsafeMutableBufferPointer<E>, root: Int) throws {
        try checkRoot(root, operation: "broadcast")
    }

    /// Leaves the buffer as it is: it is the combination of one.
    public func allreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) {}

    /// Copies the contribution to the result.
    ///
    /// - Throws: ``CollectiveArgumentError`` if the counts differ.
    public func allgather<E: CollectiveElement>(
        _ contribution: UnsafeBufferPointer<E>, into result: UnsafeMutableBufferPointer<E>
    ) throws {
        try checkAllgather(contribution: contribution.count, result: result.count)
        _ = result.update(fromContentsOf: contribution)
    }

    /// Leaves the buffer as it is: it has one segment, this rank's.
    ///
    /// - Throws: ``CollectiveArgumentError`` if the count is not the buffer's.
    public func allgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        try checkSegments(counts, buffer: buffer.count)
    }

    /// A communicator of this one rank.
    ///
    /// - Throws: ``CollectiveArgumentError`` for a color or a key that cannot be.
    public func split(color: Int, key: Int) throws -> any Communicator {
        try checkSplit(color: color, key: key)
        return SingleProcessCommunicator()
    }

    /// Memory of this process.
    ///
    /// - Throws: ``SharedMemoryError``.
    public func makeSharedRegion(byteCount: Int) throws -> SharedRegion {
        try SharedRegion.ofThisProcess(byteCount: byteCount)
    }

    /// Ends the process with the given exit code.
    public func abort(code: Int32) -> Never {
        exit(code)
    }
}
