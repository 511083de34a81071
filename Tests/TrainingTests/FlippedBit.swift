import Collectives
import Synchronization

/// The ranks of another communicator, of which one, from some step on, receives a bit of the other nodes' factors wrong: a
/// stand-in for whatever makes one node compute otherwise.
final class FlippedBit: Communicator {
    private let base: any Communicator
    private let isAffected: Bool
    private let first: Int
    private let calls = Mutex(0)

    /// - Parameters:
    ///   - rank: The rank of `base` that receives it.
    ///   - first: Of its collectives that complete a buffer of Floats the first one to be spoilt; the communicators that
    ///     this one is split into count for themselves.
    init(_ base: any Communicator, rank: Int, from first: Int) {
        self.base = base
        isAffected = base.rank == rank
        self.first = first
    }

    private init(_ base: any Communicator, isAffected: Bool, from first: Int) {
        self.base = base
        self.isAffected = isAffected
        self.first = first
    }

    var rank: Int { base.rank }
    var size: Int { base.size }
    var implementation: String { base.implementation }
    var placement: NodePlacement { base.placement }
    var allowsConcurrentCalls: Bool { base.allowsConcurrentCalls }

    func barrier() throws { try base.barrier() }
    func idleBarrier() throws { try base.idleBarrier() }
    func broadcast<E: CollectiveElement>(_ buffer: UnsafeMutableBufferPointer<E>, root: Int) throws {
        try base.broadcast(buffer, root: root)
    }
    func allreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) throws {
        try base.allreduce(buffer, operation)
    }
    func allgather<E: CollectiveElement>(
        _ contribution: UnsafeBufferPointer<E>, into result: UnsafeMutableBufferPointer<E>
    ) throws {
        try base.allgather(contribution, into: result)
    }
    func allgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        try base.allgather(segmentsOf: buffer, counts: counts)
        guard isAffected, E.elementType == .float, let start = buffer.baseAddress else { return }
        let call = calls.withLock { calls in
            calls += 1
            return calls
        }
        guard call >= first else { return }
        // The last bits but few of a number that came from elsewhere.
        start.withMemoryRebound(to: UInt32.self, capacity: 1) { $0.pointee ^= 1 << 20 }
    }
    func idleAllgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        try base.idleAllgather(segmentsOf: buffer, counts: counts)
    }
    func split(color: Int, key: Int) throws -> any Communicator {
        FlippedBit(try base.split(color: color, key: key), isAffected: isAffected, from: first)
    }
    func makeSharedRegion(byteCount: Int) throws -> SharedRegion {
        try base.makeSharedRegion(byteCount: byteCount)
    }
    func abort(code: Int32) -> Never { base.abort(code: code) }
}
