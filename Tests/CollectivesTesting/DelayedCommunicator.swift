public import Collectives
internal import Foundation
internal import Synchronization

/// The ranks of another communicator, each of which is late by a random time before and after every collective and every
/// barrier in shared memory: what one rank may only do when another has done something goes wrong where nothing makes it
/// wait.
///
/// The times follow from a seed and the rank, so a run can be repeated as far as the system lets it.
public final class DelayedCommunicator: ForwardingCommunicator, @unchecked Sendable {
    private let points: Points

    /// The ranks of `base`, delayed.
    ///
    /// - Parameters:
    ///   - base: The communicator that does the work.
    ///   - seed: What the times follow from.
    ///   - longest: The longest delay; half of the points have none.
    public convenience init(_ base: any Communicator, seed: UInt64, longest: Duration) {
        let delays = Delays(seed: seed &+ UInt64(base.rank) &* 0x9E37_79B9_7F4A_7C15, longest: longest)
        self.init(base) { delays.pause() }
    }

    /// The ranks of `base`, each of which does something at all these points.
    ///
    /// - Parameters:
    ///   - base: The communicator that does the work.
    ///   - idlePause: What it does before and after idle allgathers.
    ///   - pause: What it does at all other points; everywhere if nothing else is said.
    public convenience init(
        _ base: any Communicator, idlePause: (@Sendable () -> Void)? = nil,
        pause: @escaping @Sendable () -> Void
    ) {
        self.init(base, Points(pause, idlePause ?? pause))
    }

    private init(_ base: any Communicator, _ points: Points) {
        self.points = points
        super.init(base)
    }

    /// How many idle allgathers this rank takes part in now, over this communicator or one that was split from it.
    public var idleAllgathersUnderWay: Int { points.idleAllgathers.load(ordering: .sequentiallyConsistent) }

    private func delayed<Value>(_ body: () throws -> Value) rethrows -> Value {
        points.pause()
        defer { points.pause() }
        return try body()
    }

    /// The base's, delayed.
    public override func barrier() throws { try delayed { try base.barrier() } }
    /// The base's, delayed.
    public override func idleBarrier() throws { try delayed { try base.idleBarrier() } }
    /// The base's, delayed.
    public override func broadcast<E: CollectiveElement>(_ buffer: UnsafeMutableBufferPointer<E>, root: Int)
        throws
    {
        try delayed { try base.broadcast(buffer, root: root) }
    }
    /// The base's, delayed.
    public override func allreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) throws {
        try delayed { try base.allreduce(buffer, operation) }
    }
    /// The base's, delayed.
    public override func idleAllreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) throws {
        try delayed { try base.idleAllreduce(buffer, operation) }
    }
    /// The base's, delayed.
    public override func allgather<E: CollectiveElement>(
        _ contribution: UnsafeBufferPointer<E>, into result: UnsafeMutableBufferPointer<E>
    ) throws {
        try delayed { try base.allgather(contribution, into: result) }
    }
    /// The base's, delayed.
    public override func allgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        try delayed { try base.allgather(segmentsOf: buffer, counts: counts) }
    }
    /// The base's, delayed.
    public override func idleAllgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        points.idleAllgathers.add(1, ordering: .sequentiallyConsistent)
        defer { points.idleAllgathers.subtract(1, ordering: .sequentiallyConsistent) }
        points.idlePause()
        try base.idleAllgather(segmentsOf: buffer, counts: counts)
        points.idlePause()
    }
    /// The base's, whose ranks are delayed, too.
    public override func split(color: Int, key: Int) throws -> any Communicator {
        DelayedCommunicator(try base.split(color: color, key: key), points)
    }
    /// One at which each rank is late, before and after it.
    public override func makeNodeBarrier() throws -> NodeBarrier {
        try NodeBarrier(base, pause: points.pause)
    }
    /// What a communicator and those that are split from it have in common.
    private final class Points: Sendable {
        let pause: @Sendable () -> Void
        let idlePause: @Sendable () -> Void
        let idleAllgathers = Atomic(0)

        init(_ pause: @escaping @Sendable () -> Void, _ idlePause: @escaping @Sendable () -> Void) {
            (self.pause, self.idlePause) = (pause, idlePause)
        }
    }

    /// How late a rank is next, of all threads that are this rank.
    private final class Delays: Sendable {
        private let state: Mutex<UInt64>
        private let longest: Double

        init(seed: UInt64, longest: Duration) {
            state = Mutex(seed)
            self.longest = longest / .seconds(1)
        }

        func pause() {
            // SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
            let bits = state.withLock { state in
                state &+= 0x9E37_79B9_7F4A_7C15
                var z = state
                z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
                z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
                return z ^ (z >> 31)
            }
            guard bits & 1 == 1 else { return }
            // Asleep, so that on few processors the others go on meanwhile.
            Thread.sleep(forTimeInterval: Double(bits >> 11) * 0x1p-53 * longest)
        }
    }
}
