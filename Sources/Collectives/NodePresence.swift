internal import CSystemCalls
public import Foundation
internal import Synchronization
internal import Threads

/// Who of a node's ranks still takes part: whoever waits for others can look, at times, whether they live. And what they do,
/// so that those can be named that stand still, here or, by a ``NodeLink``, on other nodes.
///
/// A rank takes part from the making of this object until it says that it leaves, or its process ends in whatever way.
public final class NodePresence: Sendable {
    /// What this rank holds open and mapped: the others miss it when neither is so any more.
    package let region: SharedRegion
    private let descriptor: Int32
    /// What the ranks say that they do.
    private let activity: SharedRegion
    private let ownIndex: Int
    /// The ranks of this node in the world that they belong to.
    private let ranks: [Int]
    private let hostName: String
    private let hasLeft = Atomic(false)
    /// Whether this rank's main thread was given the error to throw: it will say so, and end. Another thread, as one that
    /// carries messages between nodes, tells nobody while the main thread waits elsewhere.
    private let isMainThreadTold = Atomic(false)
    /// For how many milliseconds a rank may stand still; 0 for ever.
    private let stallLimit = Atomic(0)
    /// What this rank knows of other nodes.
    private enum Outlook {
        case none
        /// The node's leader has a link to them.
        case ofLeader
        case link(NodeLink)
    }
    private let outlook = Mutex(Outlook.none)
    private let node = Atomic(0)

    /// Makes the ranks of a node known to one another. Collective: every rank of the communicator must call it.
    ///
    /// - Parameters:
    ///   - node: The ranks of this node, which are processes.
    ///   - ranks: What people call them, in the order of the communicator.
    ///   - hostName: The node's name.
    ///   - hasOtherNodes: Whether there are ranks elsewhere, to which a rank on its own, too, has to say what it does.
    /// - Returns: Nil where this rank is on its own, or where the system does not tell who lives.
    /// - Throws: ``SharedMemoryError``, as ``Communicator/makeSharedRegion(byteCount:)`` throws it, or the
    ///   communicator's error.
    package init?(
        _ node: any Communicator, ranks: [Int], hostName: String, hasOtherNodes: Bool = false
    ) throws {
        guard node.size > 1 || hasOtherNodes else { return nil }
        (ownIndex, self.ranks, self.hostName) = (node.rank, ranks, hostName)
        let byteCounts = (
            dp_presence_byte_count(UInt32(node.size)), dp_activity_byte_count(UInt32(node.size))
        )
        guard node.size > 1 else {
            guard let region = try? SharedRegion.ofThisProcess(byteCount: byteCounts.0),
                let activity = try? SharedRegion.ofThisProcess(byteCount: byteCounts.1)
            else { return nil }
            (self.region, self.activity, descriptor) = (region, activity, -1)
            // Nobody else can miss it.
            _ = dp_presence_declare(region.base, descriptor, 0)
            return
        }
        let region = try SharedRegion.ofProcesses(on: node, byteCount: byteCounts.0, keepsDescriptor: true)
        guard let descriptor = region.descriptor else { return nil }
        activity = try SharedRegion.ofProcesses(on: node, byteCount: byteCounts.1)
        self.region = region
        self.descriptor = descriptor
        let code = dp_presence_declare(region.base, descriptor, UInt32(ownIndex))
        // Whoever cannot be seen now, alive as all are, would be missed for ever.
        let isDeclared = try node.allreduce(Int64(code == 0 ? 1 : 0), .minimum) == 1
        let isSeen =
            isDeclared && Self.firstLost(in: region, descriptor, count: ranks.count, but: ownIndex) == nil
        guard try node.allreduce(Int64(isSeen ? 1 : 0), .minimum) == 1 else { return nil }
    }

    /// Takes over what the nodes' leaders hear of one another, before ``watch(_:)``.
    ///
    /// - Parameters:
    ///   - link: On the leader of this node, what tells and hears; nil on its other ranks.
    ///   - node: This node's number.
    package func hear(_ link: NodeLink?, asNode node: Int) {
        self.node.store(node, ordering: .relaxed)
        let outlook = link.map { Outlook.link($0) } ?? .ofLeader
        self.outlook.withLock { $0 = outlook }
    }

    /// The index of a rank that has ended without having left; nil while there is none.
    var lostIndex: Int? {
        Self.firstLost(in: region, descriptor, count: ranks.count, but: ownIndex)
    }

    /// The error of a rank that has been lost, for this rank to throw.
    func loss(ofIndex index: Int) -> NodeRankLost {
        if Thread.isMainThread { isMainThreadTold.store(true, ordering: .relaxed) }
        return NodeRankLost(
            rank: ranks[index], host: hostName, process: dp_presence_process(region.base, UInt32(index)))
    }

    /// Looks whether all ranks of this node live.
    ///
    /// - Throws: ``NodeRankLost``.
    public func check() throws(NodeRankLost) {
        if let index = lostIndex { throw loss(ofIndex: index) }
    }

    /// Says that nobody has to wait for this rank any more. Not collective.
    public func leave() {
        hasLeft.store(true, ordering: .relaxed)
        outlook.withLock { outlook in
            guard case .link(let link) = outlook else { return }
            // A datagram may get lost.
            for _ in 0..<3 { link.tell([], hasLeft: true, at: Self.now) }
        }
        dp_activity_detach()
        dp_presence_leave(region.base, UInt32(ownIndex))
    }

    /// Whether this rank is the one that tells people why the node's ranks end: true for the first that asks, right before it
    /// does so. Not collective.
    public func claimReport() -> Bool { dp_presence_claim_report(region.base) == 1 }

    /// From now on, ranks that do not move for so long end the run; nil: they may stand still for ever. Every rank of the
    /// node should say the same.
    public func limitStalls(to seconds: Double?) {
        stallLimit.store(seconds.map { Int(($0 * 1000).rounded(.up)) } ?? 0, ordering: .relaxed)
    }

    private static var now: Double { ProcessInfo.processInfo.systemUptime }

    /// The error of ranks that stand still, for all to end.
    private func stall(_ watch: inout StallWatch) -> RunStalled? {
        dp_activity_look(activity.base, UInt32(ownIndex))
        let now = Self.now
        let ranks = watch.look(at: now) { StallWatch.Signs(dp_activity_read(activity.base, UInt32($0))) }
        let others = outlook.withLock { outlook -> OtherNodes in
            switch outlook {
            case .none: return .unknown
            case .ofLeader: return .heardElsewhere
            case .link(let link):
                link.listen(at: now)
                if !hasLeft.load(ordering: .relaxed) { link.tell(ranks, at: now) }
                return .heard(link.standings(at: now))
            }
        }
        let limit = Double(stallLimit.load(ordering: .relaxed)) / 1000
        guard limit > 0 else { return nil }
        let own = NodeStanding(node: node.load(ordering: .relaxed), host: hostName, ranks: ranks)
        return RunStalled.found(own, others, limit: limit)
    }

    /// From now on a thread looks, too, twice a second until this rank leaves: for a rank that waits where nobody looks,
    /// as in a call of the MPI library, and for ranks that stand still. Where the system allows no more threads, nobody
    /// does. What the calling thread says of itself (``RankActivity``) is from now on what this rank does.
    ///
    /// - Parameter giveUp: Called once, with ``NodeRankLost`` where a rank has been lost and this one has not come to know
    ///   it by itself soon after, or has not ended long after; with ``RunStalled`` where ranks have stood still for
    ///   longer than ``limitStalls(to:)`` allows.
    public func watch(_ giveUp: @escaping @Sendable (any Error) -> Void) {
        dp_activity_attach(activity.base, UInt32(ownIndex))
        try? SystemThread.start("rank watch", stackByteCount: 256 << 10) { [self] in
            var stalls = StallWatch(
                ranks: ranks,
                processes: ranks.indices.map { dp_presence_process(region.base, UInt32($0)) })
            while !hasLeft.load(ordering: .relaxed) {
                usleep(500_000)
                if let stall = stall(&stalls), !hasLeft.load(ordering: .relaxed) { return giveUp(stall) }
                guard let index = lostIndex else { continue }
                sleep(2)
                // Whoever knows may still be writing files.
                if isMainThreadTold.load(ordering: .relaxed) { sleep(30) }
                if !hasLeft.load(ordering: .relaxed) { giveUp(loss(ofIndex: index)) }
                return
            }
        }
    }

    private static func firstLost(
        in region: SharedRegion, _ descriptor: Int32, count: Int, but own: Int
    ) -> Int? {
        (0..<count).first { $0 != own && dp_presence_is_lost(region.base, descriptor, UInt32($0)) != 0 }
    }
}

/// A rank of this node has ended while others waited for it: nobody can bring the run to its end.
///
/// It is no ``AgreedFailure``: ranks of other nodes can still be waiting, and have to be ended. Which of the node's ranks
/// prints it is settled by ``NodePresence/claimReport()``.
public struct NodeRankLost: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// The rank that has ended.
    public let rank: Int
    /// Its host, which is this one.
    public let host: String
    /// What was its process.
    public let process: Int32

    /// One line that says who has ended.
    public var description: String {
        "rank \(rank) on \(host) (process \(process)) has ended while others waited for it: expected all ranks to live"
            + " to the end of the run"
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}
