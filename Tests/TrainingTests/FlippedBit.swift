import CollectivesTesting
import Collectives
import Synchronization

/// The ranks of another communicator, of which one, from some step on, receives a bit of the other nodes' factors wrong: a
/// stand-in for whatever makes one node compute otherwise.
final class FlippedBit: ForwardingCommunicator, @unchecked Sendable {
    private let isAffected: Bool
    private let first: Int
    private let calls = Mutex(0)

    /// - Parameters:
    ///   - rank: The rank of `base` that receives it.
    ///   - first: Of its collectives that complete a buffer of Floats the first one to be spoilt; the communicators that
    ///     this one is split into count for themselves.
    init(_ base: any Communicator, rank: Int, from first: Int) {
        isAffected = base.rank == rank
        self.first = first
        super.init(base)
    }

    private init(_ base: any Communicator, isAffected: Bool, from first: Int) {
        self.isAffected = isAffected
        self.first = first
        super.init(base)
    }

    override func allgather<E: CollectiveElement>(
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
    override func split(color: Int, key: Int) throws -> any Communicator {
        FlippedBit(try base.split(color: color, key: key), isAffected: isAffected, from: first)
    }
}
