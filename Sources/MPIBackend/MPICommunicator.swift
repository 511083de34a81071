internal import CMPI
public import Collectives
internal import Foundation
internal import Synchronization
internal import Threads

/// The collectives of an MPI library, on a communicator of their own, so that they never meet messages of other code.
public final class MPICommunicator: Communicator, @unchecked Sendable {
    /// This process's number, in 0 ..< `size`.
    public let rank: Int
    /// The number of ranks.
    public let size: Int
    /// The node on which this rank runs: the ranks that can share memory, by `MPI_Comm_split_type`.
    public let placement: NodePlacement
    /// The library's name and version, such as `Open MPI 4.1.4`.
    public let implementation: String
    /// Whether MPI was started with `MPI_THREAD_MULTIPLE`.
    public let allowsConcurrentCalls: Bool

    // MPI's handles are not declared Sendable; this one never changes, and isOpen says when it is gone.
    private let mpi: dp_mpi_communicator
    private let isOpen: Atomic<Bool>
    private let maximumCount: Int
    // Collectives are called from one thread at a time.
    private let idleRoom = IdleRoom()
    // They stay until MPI's end: releasing one is collective, and ranks let go of objects at different times.
    private let children = Mutex<[MPICommunicator]>([])
    // Set once, right after the making.
    private let presenceOfNode = Mutex<NodePresence?>(nil)
    private let silences = Mutex<[String]>([])

    private init(
        _ mpi: dp_mpi_communicator, rank: Int, size: Int, placement: NodePlacement, maximumCount: Int
    ) {
        self.mpi = mpi
        self.rank = rank
        self.size = size
        self.placement = placement
        self.maximumCount = maximumCount
        implementation = MPILibrary.name(fromVersionText: MPICall.libraryVersion)
        allowsConcurrentCalls = MPICall.providedThreadSupport >= .multiple
        isOpen = Atomic(true)
    }

    /// A copy of a communicator that returns its errors. Collective: every rank of the parent must call it.
    static func duplicating(_ parent: dp_mpi_communicator) throws -> MPICommunicator {
        var mpi = parent
        try MPICall.check(MPI_Comm_dup(parent.handle, &mpi.handle), "MPI_Comm_dup")
        let copy = try adopting(mpi)
        try copy.makePresence()
        return copy
    }

    /// Lets the ranks of each node see which of them live, which without shared memory they cannot, and the nodes hear how each
    /// other's ranks stand. Collective.
    private func makePresence() throws {
        let index = placement.nodeIndex
        let node = try split(color: index, key: placement.localRank)
        let ranks = placement.nodeOfRank.indices.filter { placement.nodeOfRank[$0] == index }
        var presence: NodePresence?
        do {
            presence = try NodePresence(
                node, ranks: ranks, hostName: placement.hostNames[index],
                hasOtherNodes: placement.nodeCount > 1)
            presenceOfNode.withLock { [presence] in $0 = presence }
        } catch let error as any AgreedFailure {
            guard error.isSharedMemoryError else { throw error }
        }
        guard placement.nodeCount > 1, try allreduce(Int64(presence == nil ? 0 : 1), .minimum) == 1 else {
            return
        }
        let (link, gaps) = try NodeLink.joining(self)
        if gaps.isEmpty {
            presence?.hear(link, asNode: index)
        } else {
            silences.withLock { $0 = gaps }
        }
    }

    /// Which hosts do not hear which, beside MPI: their ranks cannot be told apart where they stand still.
    public var gapsBetweenNodes: [String] { silences.withLock { $0 } }

    /// Who of this rank's node still takes part in the world.
    public var presence: NodePresence? { presenceOfNode.withLock { $0 } }

    /// Takes over a new communicator. Collective: every rank of it must call it.
    private static func adopting(_ mpi: dp_mpi_communicator) throws -> MPICommunicator {
        try MPICall.check(
            MPI_Comm_set_errhandler(mpi.handle, dp_mpi_errors_return()), "MPI_Comm_set_errhandler")
        var rank: Int32 = 0
        var size: Int32 = 0
        try MPICall.check(MPI_Comm_rank(mpi.handle, &rank), "MPI_Comm_rank")
        try MPICall.check(MPI_Comm_size(mpi.handle, &size), "MPI_Comm_size")
        let unplaced = MPICommunicator(
            mpi, rank: Int(rank), size: Int(size), placement: .alone, maximumCount: Int(Int32.max))
        return MPICommunicator(
            mpi, rank: Int(rank), size: Int(size), placement: try unplaced.findPlacement(),
            maximumCount: Int(Int32.max))
    }

    /// The same communicator, which hands MPI at most the given number of elements at once: MPI counts in 32 bits, and
    /// tests do not have buffers that long.
    package func limited(toCountsOf maximumCount: Int) -> MPICommunicator {
        MPICommunicator(mpi, rank: rank, size: size, placement: placement, maximumCount: maximumCount)
    }

    /// Releases the handle and those of the communicators split from this one; every later call throws. Collective:
    /// every rank releases them in the order in which all made them, so that none waits for another in vain.
    func close() throws {
        for child in children.withLock({ $0 }) { try child.close() }
        isOpen.store(false, ordering: .relaxed)
        var mpi = mpi
        try MPICall.check(MPI_Comm_free(&mpi.handle), "MPI_Comm_free", rank: rank)
    }

    /// Returns once every rank has called it. Collective: every rank must call it.
    ///
    /// - Throws: ``MPIError``, or ``MPIEnvironmentError`` after the end of MPI.
    public func barrier() throws {
        try call("MPI_Barrier") { MPI_Barrier(mpi.handle) }
    }

    /// Returns once every rank has called it, and waits asleep: it looks after 50 µs and ever less often, up to every
    /// millisecond. Collective: every rank must call it.
    ///
    /// - Throws: `NodeRankLost` if a rank of this node has ended, ``MPIError``, or ``MPIEnvironmentError`` after the end of MPI.
    public func idleBarrier() throws {
        try idly("MPI_Ibarrier", longestPause: 1_000_000) { MPI_Ibarrier(mpi.handle, &$0.handle) }
    }

    /// How long a rank that waits asleep does not look whether the others of its node live.
    private static let nanosecondsBetweenLooks = 100_000_000

    /// Starts an operation and waits for its end asleep: looks after 50 µs and ever less often, and at times whether the
    /// ranks of this node live.
    private func idly(
        _ operation: String, longestPause: Int, _ start: (inout dp_mpi_request) -> Int32
    ) throws {
        try RankActivity.waiting { try waitIdly(operation, longestPause: longestPause, start) }
    }

    private func waitIdly(
        _ operation: String, longestPause: Int, _ start: (inout dp_mpi_request) -> Int32
    ) throws {
        var request = dp_mpi_request(handle: dp_mpi_request_null())
        try call(operation) { start(&request) }
        var isComplete: Int32 = 0
        var nanoseconds = 50_000
        var sinceLook = 0
        while true {
            try call("MPI_Test") { MPI_Test(&request.handle, &isComplete, dp_mpi_status_ignore()) }
            if isComplete != 0 { return }
            var pause = timespec(tv_sec: 0, tv_nsec: nanoseconds)
            nanosleep(&pause, nil)
            sinceLook += nanoseconds
            if sinceLook >= Self.nanosecondsBetweenLooks {
                sinceLook = 0
                try presence?.check()
            }
            nanoseconds = min(nanoseconds * 3 / 2, longestPause)
        }
    }

    /// Copies the root's buffer into the buffers of all other ranks. Collective: every rank must call it, with
    /// buffers of the same count and with the same root.
    ///
    /// - Throws: ``MPIError``, or ``MPIEnvironmentError`` after the end of MPI.
    public func broadcast<E: CollectiveElement>(_ buffer: UnsafeMutableBufferPointer<E>, root: Int) throws {
        // A root outside Int32 is no less invalid than one that MPI can be asked about.
        let root = Int32(clamping: root)
        try forEachPart(of: buffer) { start, count in
            try call("MPI_Bcast") { MPI_Bcast(start, count, E.elementType.mpi, root, mpi.handle) }
        }
    }

    /// Replaces element i of every rank's buffer by the combination of the elements i of all ranks' buffers.
    /// Collective: every rank must call it, with buffers of the same count and with the same operation.
    ///
    /// - Throws: ``MPIError``, or ``MPIEnvironmentError`` after the end of MPI.
    public func allreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) throws {
        try forEachPart(of: buffer) { start, count in
            try call("MPI_Allreduce") {
                MPI_Allreduce(dp_mpi_in_place(), start, count, E.elementType.mpi, operation.mpi, mpi.handle)
            }
        }
    }

    /// The same as ``allreduce(_:_:)``, but waits asleep: it looks every 50 to 100 µs. Collective: every rank must call it,
    /// with buffers of the same count and with the same operation.
    ///
    /// Each rank combines a slice of all ranks' elements, and then all get all slices, so that both directions of every link
    /// are in use all the time. (`MPI_Iallreduce` in Open MPI goes to one rank and back where ranks are few or it is done in
    /// place: twice the time.)
    ///
    /// - Throws: As ``allreduce(_:_:)``, or `NodeRankLost` if a rank of this node has ended.
    public func idleAllreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) throws {
        guard size > 1 else { return }
        let longest = min(maximumCount, Self.longestIdlePart)
        for offset in stride(from: 0, to: buffer.count, by: longest) {
            let end = min(offset + longest, buffer.count)
            try idleAllreduce(part: UnsafeMutableBufferPointer(rebasing: buffer[offset..<end]), operation)
        }
    }

    /// Elements that are combined at once, for which there has to be room once more.
    private static let longestIdlePart = 1 << 24

    private func idleAllreduce<E: CollectiveElement>(
        part: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) throws {
        guard let start = part.baseAddress else { return }
        let elementSize = MemoryLayout<E>.stride
        let slices = (0..<size).map {
            SegmentReduction.slice(of: part.count, elementSize: elementSize, rank: $0, size: size)
        }
        let own = slices[rank]
        let (counts, starts) = (slices.map { Int32($0.count) }, slices.map { Int32($0.lowerBound) })
        let received = idleRoom.bytes(size * own.count * elementSize)
        let ownCounts = [Int32](repeating: Int32(own.count), count: size)
        let ownStarts = (0..<size).map { Int32($0 * own.count) }
        let type = E.elementType.mpi
        // MPI reads counts and starts until the operation ends.
        try counts.withUnsafeBufferPointer { counts in
            try starts.withUnsafeBufferPointer { starts in
                try ownCounts.withUnsafeBufferPointer { ownCounts in
                    try ownStarts.withUnsafeBufferPointer { ownStarts in
                        // A message of many parts goes on only when somebody looks.
                        try idly("MPI_Ialltoallv", longestPause: 100_000) {
                            MPI_Ialltoallv(
                                start, counts.baseAddress, starts.baseAddress, type, received,
                                ownCounts.baseAddress, ownStarts.baseAddress, type, mpi.handle, &$0.handle)
                        }
                    }
                }
            }
        }
        SegmentReduction.combine(
            SegmentArrays(start: received, stride: own.count * elementSize, count: size),
            range: 0..<own.count, into: start + own.lowerBound, operation)
        try idleAllgather(segmentsOf: part, counts: slices.map(\.count))
    }

    /// Puts the contributions of all ranks one behind the other, in rank order, into every rank's result.
    /// Collective: every rank must call it, with contributions of the same count.
    ///
    /// - Throws: `CollectiveArgumentError` if the result has another count, ``MPIError``, or
    ///   ``MPIEnvironmentError`` after the end of MPI.
    public func allgather<E: CollectiveElement>(
        _ contribution: UnsafeBufferPointer<E>, into result: UnsafeMutableBufferPointer<E>
    ) throws {
        try checkAllgather(contribution: contribution.count, result: result.count)
        guard result.count <= maximumCount else {
            return try allgatherByBroadcasts(contribution, into: result)
        }
        guard !contribution.isEmpty else { return }
        let count = Int32(contribution.count)
        try call("MPI_Allgather") {
            MPI_Allgather(
                contribution.baseAddress, count, E.elementType.mpi, result.baseAddress, count,
                E.elementType.mpi, mpi.handle)
        }
    }

    /// Copies every rank's segment to all others. Collective: every rank must call it, with the same counts.
    ///
    /// - Throws: `CollectiveArgumentError` if the counts do not fit, ``MPIError``, or ``MPIEnvironmentError`` after the
    ///   end of MPI.
    public func allgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        try allgather(segmentsOf: buffer, counts: counts) { counts, starts in
            let type = E.elementType.mpi
            try call("MPI_Allgatherv") {
                MPI_Allgatherv(
                    dp_mpi_in_place(), 0, type, buffer.baseAddress, counts, starts, type, mpi.handle)
            }
        }
    }

    /// Copies every rank's segment to all others, and waits asleep: it looks every 50 to 100 µs. Collective: every rank
    /// must call it, with the same counts.
    ///
    /// - Throws: As ``allgather(segmentsOf:counts:)``, or `NodeRankLost` if a rank of this node has ended.
    public func idleAllgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        try allgather(segmentsOf: buffer, counts: counts) { counts, starts in
            let type = E.elementType.mpi
            // A message of many parts goes on only when somebody looks.
            try idly("MPI_Iallgatherv", longestPause: 100_000) {
                MPI_Iallgatherv(
                    dp_mpi_in_place(), 0, type, buffer.baseAddress, counts, starts, type, mpi.handle,
                    &$0.handle)
            }
        }
    }

    /// Checks the counts, and has the body carry them out with the segments' starts, unless there is more than MPI can
    /// count. The body's pointers are valid during the call.
    private func allgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int],
        _ body: (UnsafePointer<Int32>, UnsafePointer<Int32>) throws -> Void
    ) throws {
        try checkSegments(counts, buffer: buffer.count)
        guard buffer.count > 0, size > 1 else { return }
        var starts = [Int](repeating: 0, count: size)
        for rank in 1..<size { starts[rank] = starts[rank - 1] + counts[rank - 1] }
        guard buffer.count <= maximumCount else {
            for (root, start) in starts.enumerated() {
                try broadcast(
                    UnsafeMutableBufferPointer(rebasing: buffer[start..<start + counts[root]]), root: root)
            }
            return
        }
        try body(counts.map { Int32($0) }, starts.map { Int32($0) })
    }

    /// A communicator of the ranks that pass the same color, which MPI keeps until it is finalised. Collective: every
    /// rank must call it.
    ///
    /// - Throws: `CollectiveArgumentError` for a color or a key that cannot be, ``MPIError``, or
    ///   ``MPIEnvironmentError`` after the end of MPI.
    public func split(color: Int, key: Int) throws -> any Communicator {
        try checkSplit(color: color, key: key)
        var part = mpi
        try call("MPI_Comm_split") {
            MPI_Comm_split(mpi.handle, Int32(clamping: color), Int32(clamping: key), &part.handle)
        }
        let child = try Self.adopting(part)
        child.presenceOfNode.withLock { $0 = presence }
        children.withLock { $0.append(child) }
        return child
    }

    /// POSIX shared memory. Collective: every rank must call it, with the same size.
    ///
    /// - Throws: `SharedMemoryError`, as `Communicator.makeSharedRegion(byteCount:)` says, ``MPIError``, or
    ///   ``MPIEnvironmentError`` after the end of MPI.
    public func makeSharedRegion(byteCount: Int) throws -> SharedRegion {
        try checkSharing(byteCount: byteCount)
        return try SharedRegion.ofProcesses(on: self, byteCount: byteCount)
    }

    /// For how long the library may take to end the job, in seconds: where a link is gone it may wait for it for ever.
    private static let abortGrace: UInt32 = 5

    /// Ends the job with `MPI_Abort`: mpirun ends the other ranks and takes over the exit code. Where that does not come to its
    /// end this process ends all the same, and whoever started it sees that.
    public func abort(code: Int32) -> Never {
        let end: Int32 = code == 0 ? 1 : code
        do {
            try SystemThread.start("abort", stackByteCount: 64 << 10) {
                sleep(Self.abortGrace)
                _exit(end)
            }
        } catch {
            // The signal's own action ends the process, too.
            alarm(Self.abortGrace)
        }
        if isOpen.load(ordering: .relaxed) { MPI_Abort(dp_mpi_comm_world(), end) }
        // Handlers of exit(3) could wait for ranks that are gone.
        _exit(end)
    }

    private func call(_ operation: String, _ function: () -> Int32) throws {
        guard isOpen.load(ordering: .relaxed) else {
            throw MPIEnvironmentError.finalized(operation: operation)
        }
        try MPICall.check(RankActivity.waiting(function), operation, rank: rank)
    }

    /// Hands a buffer over in parts that MPI can count; an empty one not at all.
    private func forEachPart<E>(
        of buffer: UnsafeMutableBufferPointer<E>, _ body: (UnsafeMutablePointer<E>, Int32) throws -> Void
    ) throws {
        guard let start = buffer.baseAddress else { return }
        for offset in stride(from: 0, to: buffer.count, by: maximumCount) {
            try body(start + offset, Int32(min(maximumCount, buffer.count - offset)))
        }
    }

    private func allgatherByBroadcasts<E: CollectiveElement>(
        _ contribution: UnsafeBufferPointer<E>, into result: UnsafeMutableBufferPointer<E>
    ) throws {
        for root in 0..<size {
            let start = root * contribution.count
            let part = UnsafeMutableBufferPointer(rebasing: result[start..<start + contribution.count])
            if root == rank { _ = part.update(fromContentsOf: contribution) }
            try broadcast(part, root: root)
        }
    }

    /// Finds out which ranks share a node. Collective.
    private func findPlacement() throws -> NodePlacement {
        var node = dp_mpi_comm_null()
        try call("MPI_Comm_split_type") {
            MPI_Comm_split_type(mpi.handle, dp_mpi_comm_type_shared(), Int32(rank), dp_mpi_info_null(), &node)
        }
        var lowestRank = Int64(rank)
        try call("MPI_Bcast") { MPI_Bcast(&lowestRank, 1, dp_mpi_int64(), 0, node) }
        try call("MPI_Comm_free") { MPI_Comm_free(&node) }

        let lowestRanks = try allgather(lowestRank)
        let names = try allgather(text: try MPICall.processorName(rank: rank))
        return NodePlacement(rank: rank, nodes: lowestRanks.map { Int($0) }, hostNames: names)
    }
}

/// Memory that grows to what is asked for and is kept.
private final class IdleRoom {
    private var room: UnsafeMutableRawPointer?
    private var count = 0

    func bytes(_ needed: Int) -> UnsafeMutableRawPointer {
        if let room, count >= needed { return room }
        room?.deallocate()
        let room = UnsafeMutableRawPointer.allocate(byteCount: max(needed, 1), alignment: 64)
        (self.room, count) = (room, needed)
        return room
    }

    deinit { room?.deallocate() }
}
