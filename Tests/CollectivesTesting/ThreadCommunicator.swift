public import Collectives
public import Foundation
internal import Threads

/// A communicator whose ranks are threads of this process, for tests of code that runs on several ranks.
///
/// It shows mistakes that MPI answers with a standstill: ranks that call different collectives, or a rank that ends
/// while others wait for it, make all ranks throw. Reductions combine the ranks in the order 0, 1, 2, ….
public final class ThreadCommunicator: Communicator {
    /// This thread's number, in 0 ..< `size`.
    public let rank: Int
    /// The number of threads.
    public let size: Int
    /// The pretended node of this rank; see ``run(size:nodes:_:)``.
    public let placement: NodePlacement
    /// `threads of one process`.
    public let implementation = "threads of one process"
    /// True.
    public let allowsConcurrentCalls = true

    private let meeting: ThreadMeeting

    private init(rank: Int, size: Int, placement: NodePlacement, meeting: ThreadMeeting) {
        self.rank = rank
        self.size = size
        self.placement = placement
        self.meeting = meeting
    }

    /// Runs a body on `size` new threads, each with its own rank, and waits until all have ended.
    ///
    /// - Parameters:
    ///   - size: The number of ranks.
    ///   - nodes: Over how many pretended nodes the ranks are spread, in contiguous blocks whose sizes differ by at
    ///     most one.
    ///   - body: What each rank does.
    /// - Returns: The values of all ranks, in rank order.
    /// - Throws: The first error that a rank threw and that is not a mere consequence of another rank's, or
    ///   ``CollectiveArgumentError`` for a size or number of nodes that cannot be.
    public static func run<Value: Sendable>(
        size: Int, nodes: Int = 1, _ body: @escaping @Sendable (ThreadCommunicator) throws -> Value
    ) throws -> [Value] {
        guard size > 0, nodes > 0, nodes <= size else {
            throw CollectiveArgumentError.invalidSize(operation: "starting \(nodes) nodes", size: size)
        }
        return try run(nodeOfRank: (0..<size).map { (($0 + 1) * nodes - 1) / size }, body)
    }

    /// Runs a body on new threads, as ``run(size:nodes:_:)`` does, with ranks spread over the nodes in any way.
    ///
    /// - Parameters:
    ///   - nodeOfRank: The pretended node of each rank.
    ///   - body: What each rank does.
    /// - Returns: The values of all ranks, in rank order.
    /// - Throws: As ``run(size:nodes:_:)``.
    public static func run<Value: Sendable>(
        nodeOfRank: [Int], _ body: @escaping @Sendable (ThreadCommunicator) throws -> Value
    ) throws -> [Value] {
        let size = nodeOfRank.count
        guard size > 0 else {
            throw CollectiveArgumentError.invalidSize(operation: "starting threads", size: size)
        }
        let meeting = ThreadMeeting(size: size)
        let values = ThreadResults<Value>()
        for rank in 0..<size {
            let placement = NodePlacement(
                rank: rank, nodes: nodeOfRank, hostNames: nodeOfRank.map { "node-\($0)" })
            let communicator = ThreadCommunicator(
                rank: rank, size: size, placement: placement, meeting: meeting)
            do {
                try SystemThread.start("rank \(rank)") {
                    do {
                        values.store(try body(communicator), rank: rank)
                        meeting.leave(rank: rank, error: nil)
                    } catch {
                        meeting.leave(rank: rank, error: error)
                    }
                }
            } catch {
                meeting.leave(rank: rank, error: error)
            }
        }
        try meeting.waitForEnd()
        return values.inRankOrder
    }

    /// Returns once every rank has called it. Collective: every rank must call it.
    ///
    /// - Throws: ``ThreadCommunicatorError``.
    public func barrier() throws {
        try meeting.meet(rank: rank, purpose: "barrier")
    }

    /// The same as ``barrier()``, which sleeps too. Collective: every rank must call it.
    ///
    /// - Throws: ``ThreadCommunicatorError``.
    public func idleBarrier() throws {
        try meeting.meet(rank: rank, purpose: "idle barrier")
    }

    /// Copies the root's buffer into those of the other ranks. Collective: every rank must call it, with buffers of the
    /// same count and with the same root.
    ///
    /// - Throws: ``CollectiveArgumentError`` if there is no such root, or ``ThreadCommunicatorError``.
    public func broadcast<E: CollectiveElement>(_ buffer: UnsafeMutableBufferPointer<E>, root: Int) throws {
        try checkRoot(root, operation: "broadcast")
        let purpose = "broadcast of \(buffer.count) \(E.elementType) from rank \(root)"
        try meeting.meet(rank: rank, purpose: purpose, buffer: UnsafeRawBufferPointer(buffer))
        if rank != root {
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: meeting.buffer(ofRank: root))
        }
        try meeting.meet(rank: rank, purpose: "end of " + purpose)
    }

    /// Combines the buffers of all ranks, in rank order. Collective: every rank must call it, with buffers of the same
    /// count and with the same operation.
    ///
    /// - Throws: ``ThreadCommunicatorError``.
    public func allreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) throws {
        let purpose = "allreduce (\(operation)) of \(buffer.count) \(E.elementType)"
        try meeting.meet(rank: rank, purpose: purpose, buffer: UnsafeRawBufferPointer(buffer))
        var combined = Array(meeting.buffer(ofRank: 0).bindMemory(to: E.self))
        for other in 1..<max(size, 1) {
            let elements = meeting.buffer(ofRank: other).bindMemory(to: E.self)
            for i in combined.indices { combined[i] = operation.combining(combined[i], elements[i]) }
        }
        // Others read this rank's buffer until all have met again.
        try meeting.meet(rank: rank, purpose: "end of " + purpose)
        _ = buffer.update(fromContentsOf: combined)
    }

    /// Puts all ranks' contributions into every rank's result, in rank order. Collective: every rank must call it, with
    /// contributions of the same count.
    ///
    /// - Throws: ``CollectiveArgumentError`` if the result has another count, or ``ThreadCommunicatorError``.
    public func allgather<E: CollectiveElement>(
        _ contribution: UnsafeBufferPointer<E>, into result: UnsafeMutableBufferPointer<E>
    ) throws {
        try checkAllgather(contribution: contribution.count, result: result.count)
        let purpose = "allgather of \(contribution.count) \(E.elementType)"
        try meeting.meet(rank: rank, purpose: purpose, buffer: UnsafeRawBufferPointer(contribution))
        for other in 0..<size {
            let start = other * contribution.count
            let part = UnsafeMutableBufferPointer(rebasing: result[start..<start + contribution.count])
            UnsafeMutableRawBufferPointer(part).copyMemory(from: meeting.buffer(ofRank: other))
        }
        try meeting.meet(rank: rank, purpose: "end of " + purpose)
    }

    /// Copies every rank's segment to all others. Collective: every rank must call it, with the same counts.
    ///
    /// - Throws: ``CollectiveArgumentError`` if the counts do not fit, or ``ThreadCommunicatorError``.
    public func allgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        try checkSegments(counts, buffer: buffer.count)
        let purpose = "allgather of segments of \(counts) \(E.elementType)"
        try meeting.meet(rank: rank, purpose: purpose, buffer: UnsafeRawBufferPointer(buffer))
        var start = 0
        for (other, count) in counts.enumerated() {
            defer { start += count }
            guard other != rank else { continue }
            let theirs = meeting.buffer(ofRank: other).bindMemory(to: E.self)
            let segment = UnsafeMutableBufferPointer(rebasing: buffer[start..<start + count])
            _ = segment.update(fromContentsOf: UnsafeBufferPointer(rebasing: theirs[start..<start + count]))
        }
        try meeting.meet(rank: rank, purpose: "end of " + purpose)
    }

    /// A communicator of the threads that pass the same color. Collective: every rank must call it.
    ///
    /// - Throws: ``CollectiveArgumentError`` for a color or a key that cannot be, or ``ThreadCommunicatorError``.
    public func split(color: Int, key: Int) throws -> any Communicator {
        try checkSplit(color: color, key: key)
        let wishes = try allgather([Int64(color), Int64(key)])
        let members = (0..<size).filter { wishes[2 * $0] == color }
            .sorted { (wishes[2 * $0 + 1], $0) < (wishes[2 * $1 + 1], $1) }
        let newRank = members.firstIndex(of: rank) ?? 0
        let child = try share(fromRank: members[0]) { meeting.makeChild(members: members) }
        return ThreadCommunicator(
            rank: newRank, size: members.count, placement: placement.among(members: members, rank: newRank),
            meeting: child)
    }

    /// One allocation for all threads. Collective: every rank must call it, with the same size.
    ///
    /// - Throws: ``SharedMemoryError``, as ``Communicator/makeSharedRegion(byteCount:)`` says, or
    ///   ``ThreadCommunicatorError``.
    public func makeSharedRegion(byteCount: Int) throws -> SharedRegion {
        try checkSharing(byteCount: byteCount)
        try meeting.meet(rank: rank, purpose: "shared region of \(byteCount) bytes")
        let made = try agree(on: "sharing memory within a node") {
            rank == 0 ? try SharedRegion.ofThisProcess(byteCount: byteCount) : nil
        }
        return try share(fromRank: 0) { made }
    }

    /// The object that a rank has made, on every rank that asks for this rank's. Collective.
    private func share<Object: Sendable>(fromRank maker: Int, _ make: () -> Object?) throws -> Object {
        if rank == maker { meeting.offer(make(), rank: rank) }
        try meeting.meet(rank: rank, purpose: "sharing of an object")
        let object = meeting.offer(ofRank: maker) as? Object
        try meeting.meet(rank: rank, purpose: "end of sharing of an object")
        if rank == maker { meeting.offer(nil, rank: rank) }
        guard let object else {
            throw ThreadCommunicatorError.mismatch("rank \(maker) shares another object")
        }
        return object
    }

    /// Ends this thread, and the other ranks at their next collective; ``run(size:nodes:_:)`` throws
    /// ``ThreadCommunicatorError/aborted(rank:code:)``. What this thread's functions own is not released.
    public func abort(code: Int32) -> Never {
        meeting.leave(rank: rank, error: ThreadCommunicatorError.aborted(rank: rank, code: code))
        pthread_exit(nil)
    }
}

/// Why a collective of a ``ThreadCommunicator`` could not complete.
public enum ThreadCommunicatorError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// The rank called ``ThreadCommunicator/abort(code:)``.
    case aborted(rank: Int, code: Int32)
    /// Two ranks called different collectives, or with different arguments.
    case mismatch(String)
    /// A rank ended while another waited for it in a collective.
    case rankEnded(rank: Int, waiting: String)

    /// One line that says which rank did what.
    public var description: String {
        switch self {
        case .aborted(let rank, let code): "rank \(rank) aborted with code \(code)"
        case .mismatch(let detail): "the ranks called different collectives: \(detail)"
        case .rankEnded(let rank, let waiting): "rank \(rank) has ended; nobody can complete the \(waiting)"
        }
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}
