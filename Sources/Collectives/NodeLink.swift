internal import CSystemCalls
internal import Foundation

/// What tells the nodes of a run how each other's ranks stand, beside the collectives, which hang when it matters.
///
/// The leader of each node sends a datagram to each of the others twice a second. They carry a random number that only the
/// run's ranks know, so that nobody else's are believed; one that is lost is made up for by the next. There is nothing to be
/// connected: where a link comes back, datagrams go over it again. No clock is compared with another host's: a node
/// tells for how long its ranks have stood still, and who hears it adds for how long ago that was.
///
/// One thread uses it at a time: ``NodePresence`` sees to that.
package final class NodeLink: @unchecked Sendable {
    /// A node other than this one.
    private struct Peer {
        var standing: NodeStanding
        /// Where it may be reached.
        var addresses: [dp_address] = []
        /// Where its last word came from.
        var source: dp_address?
        var heardAt = -Double.infinity
        var sequence: UInt64 = 0
        /// Whether it hears this node.
        var hearsUs = false
    }

    private let socket: Int32
    private let token: [UInt64]
    private let node: Int
    /// In the order of the nodes; this one's is of no use.
    private var peers: [Peer]
    private var sequence: UInt64 = 0
    private var lastLook = -Double.infinity

    /// A peer that has not been heard for so long may be reachable elsewhere by now.
    private static let renewal = 3.0

    /// Opens a socket.
    ///
    /// - Parameters:
    ///   - node: This node's number.
    ///   - nodes: All nodes with the ranks on each.
    ///   - token: Two random numbers that all ranks of the run have alike, and nobody else.
    /// - Returns: Nil where the system gives no socket.
    package init?(node: Int, of nodes: [NodeStanding], token: [UInt64]) {
        var descriptor: Int32 = -1
        guard dp_datagrams_open(&descriptor) == 0 else { return nil }
        (socket, self.node, self.token) = (descriptor, node, token)
        peers = nodes.map { Peer(standing: $0) }
    }

    deinit { dp_datagrams_close(socket) }

    // MARK: Addresses

    /// Where this socket can be reached, a line for each address: from other hosts, and where there are no interfaces to
    /// others from this one.
    package var names: String {
        let others = names(loopback: false)
        return others.isEmpty ? names(loopback: true) : others
    }

    package func names(loopback: Bool) -> String {
        let bytes = [CChar](unsafeUninitializedCapacity: 4096) { room, count in
            count = room.baseAddress.map { dp_datagrams_names(socket, loopback ? 1 : 0, $0, room.count) } ?? 0
        }
        return String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Says where the other nodes can be reached.
    ///
    /// - Parameter names: For each node, what it has in ``names``.
    package func connect(_ names: [String]) {
        for index in peers.indices where index != node && index < names.count {
            peers[index].addresses = names[index].split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ")
                guard words.count == 2, let port = UInt16(words[1]) else { return nil }
                var address = dp_address()
                return dp_datagrams_address(socket, String(words[0]), port, &address) == 0 ? address : nil
            }
        }
    }

    // MARK: Words

    /// Tells the other nodes how this one's ranks stand.
    ///
    /// - Parameters:
    ///   - ranks: How they stand; none yet, while the nodes look for one another.
    ///   - hasLeft: Whether this is the last word, as nobody has to wait for them any more.
    ///   - now: Seconds of a clock that does not go back.
    package func tell(_ ranks: [RankStanding], hasLeft: Bool = false, at now: Double) {
        sequence += 1
        for index in peers.indices where index != node {
            let peer = peers[index]
            let isHeard = peer.source != nil && now - peer.heardAt < Self.renewal
            var targets = peer.source.map { [$0] } ?? []
            if !isHeard || !peer.hearsUs { targets += peer.addresses }
            for first in stride(from: 0, to: max(ranks.count, 1), by: Word.capacity) {
                let part = ranks[min(first, ranks.count)..<min(first + Word.capacity, ranks.count)]
                let bytes = Word(
                    node: node, sequence: sequence, hearsYou: isHeard, hasLeft: hasLeft, first: first,
                    ranks: Array(part)
                ).encoded(token: token)
                // What cannot be sent is not heard, and there they will say so.
                for var target in targets { _ = dp_datagrams_send(socket, &target, bytes, bytes.count) }
            }
        }
    }

    /// Takes in what the other nodes have told.
    ///
    /// - Parameter now: Seconds of a clock that does not go back.
    package func listen(at now: Double) {
        // Who did not run himself cannot say that the others were silent.
        if now - lastLook > StallWatch.ownPause {
            for index in peers.indices { peers[index].heardAt = now }
        }
        lastLook = now
        var room = [UInt8](repeating: 0, count: Word.largestByteCount)
        var source = dp_address()
        // Bounded: whoever sends without end is not to hold the watch up.
        for _ in 0..<64 * peers.count {
            let count = dp_datagrams_receive(socket, &room, room.count, &source)
            guard count > 0 else { return }
            guard let word = Word(room[..<count], token: token) else { continue }
            take(word, from: source, at: now)
        }
    }

    private func take(_ word: Word, from source: dp_address, at now: Double) {
        guard peers.indices.contains(word.node), word.node != node,
            word.sequence >= peers[word.node].sequence,
            word.first + word.ranks.count <= peers[word.node].standing.ranks.count
        else { return }
        var peer = peers[word.node]
        (peer.sequence, peer.source, peer.heardAt, peer.hearsUs) = (word.sequence, source, now, word.hearsYou)
        if word.hasLeft { peer.standing.hasLeft = true }
        for (offset, var rank) in word.ranks.enumerated() {
            rank.rank = peer.standing.ranks[word.first + offset].rank
            peer.standing.ranks[word.first + offset] = rank
        }
        peers[word.node] = peer
    }

    /// How the ranks of the other nodes stand, as far as this one has heard.
    package func standings(at now: Double) -> [NodeStanding] {
        peers.indices.filter { $0 != node }.map { index in
            var standing = peers[index].standing
            standing.silence = now - peers[index].heardAt
            for rank in standing.ranks.indices { standing.ranks[rank].seconds += standing.silence }
            return standing
        }
    }

    /// The nodes of which nothing has ever been heard.
    package var unheard: [Int] { peers.indices.filter { $0 != node && peers[$0].source == nil } }

    /// Whether all nodes hear this one.
    package var isHeardByAll: Bool { peers.indices.allSatisfy { $0 == node || peers[$0].hearsUs } }
}

extension NodeLink {
    /// For how long nodes look for one another: a network that works takes a few milliseconds.
    private static let patience = 3.0

    /// Joins all nodes, by words that go both ways between any two of them. Collective: every rank must call it.
    ///
    /// - Returns: On a node's leader the link, where all nodes hear one another; and on all ranks which hosts do not hear which.
    /// - Throws: The communicator's error.
    package static func joining(
        _ communicator: any Communicator
    ) throws -> (link: NodeLink?, gaps: [String]) {
        let placement = communicator.placement
        // Not to be guessed by others on the network.
        var token = [UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max)]
        try communicator.broadcast(&token, root: 0)
        let isLeader = placement.localRank == 0
        let link =
            isLeader
            ? NodeLink(node: placement.nodeIndex, of: NodeStanding.unknown(placement), token: token) : nil
        let names = try communicator.allgather(text: link?.names ?? "")
        let leaders = (0..<placement.nodeCount).map { placement.nodeOfRank.firstIndex(of: $0) ?? 0 }
        link?.connect(leaders.map { names[$0] })
        link?.find()
        let unheard = isLeader ? link?.unheard ?? Array(0..<placement.nodeCount) : []
        let gap =
            unheard.isEmpty
            ? ""
            : "\(placement.hostNames[placement.nodeIndex]) hears nothing from "
                + (link == nil
                    ? "any: it has no socket"
                    : unheard.map { placement.hostNames[$0] }.joined(separator: ", "))
        let gaps = try communicator.allgather(text: gap).filter { !$0.isEmpty }
        return (gaps.isEmpty ? link : nil, gaps)
    }

    /// Says that it is there until all others have said that they hear it, or for as long as there is patience.
    private func find() {
        let end = ProcessInfo.processInfo.systemUptime + Self.patience
        while true {
            let now = ProcessInfo.processInfo.systemUptime
            listen(at: now)
            tell([], at: now)
            if now > end || (unheard.isEmpty && isHeardByAll) { return }
            usleep(10_000)
        }
    }
}

extension NodeStanding {
    /// All nodes, with ranks of which nothing is known.
    static func unknown(_ placement: NodePlacement) -> [NodeStanding] {
        (0..<placement.nodeCount).map { node in
            let ranks = placement.nodeOfRank.indices.filter { placement.nodeOfRank[$0] == node }
            return NodeStanding(
                node: node, host: placement.hostNames[node], ranks: ranks.map { RankStanding(rank: $0) })
        }
    }
}

/// A datagram: some ranks of a node. All numbers are little-endian.
private struct Word {
    /// Ranks in one datagram: no network has to cut it.
    static let capacity = 40
    static let largestByteCount = headerByteCount + capacity * rankByteCount

    private static let magic: UInt64 = 0x6b6e_696c_2d70_6401
    private static let headerByteCount = 8 + 16 + 8 + 8 + 4
    private static let rankByteCount = 4 + 4 + 8 + 8

    var node: Int
    var sequence: UInt64
    /// Whether who sends hears who receives.
    var hearsYou: Bool
    var hasLeft: Bool
    /// The index of the first rank among those of the node.
    var first: Int
    /// Without their numbers, which all know.
    var ranks: [RankStanding]

    func encoded(token: [UInt64]) -> [UInt8] {
        var bytes: [UInt8] = []
        func put(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        put(Self.magic)
        for part in token { put(part) }
        put(UInt32(truncatingIfNeeded: node))
        put(UInt32(hearsYou ? 1 : 0) | UInt32(hasLeft ? 2 : 0))
        put(sequence)
        put(UInt32(truncatingIfNeeded: first))
        for rank in ranks {
            put(rank.process)
            put(rank.activity.rawValue | UInt32(rank.waits ? 1 << 8 : 0) | UInt32(rank.runs ? 1 << 9 : 0))
            put(UInt64(clamping: rank.step))
            put(UInt64(min(max(rank.seconds, 0), 1e9) * 1000))
        }
        return bytes
    }

    init(node: Int, sequence: UInt64, hearsYou: Bool, hasLeft: Bool, first: Int, ranks: [RankStanding]) {
        (self.node, self.sequence, self.hearsYou, self.hasLeft) = (node, sequence, hearsYou, hasLeft)
        (self.first, self.ranks) = (first, ranks)
    }

    /// Reads what another node of this run has sent; nil of anything else.
    init?(_ bytes: ArraySlice<UInt8>, token: [UInt64]) {
        let rankBytes = bytes.count - Self.headerByteCount
        guard rankBytes >= 0, rankBytes % Self.rankByteCount == 0, bytes.count <= Self.largestByteCount else {
            return nil
        }
        var place = bytes.startIndex
        func take<Number: FixedWidthInteger>(_: Number.Type) -> Number {
            let end = place + MemoryLayout<Number>.size
            defer { place = end }
            return bytes[place..<end].reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
        }
        guard take(UInt64.self) == Self.magic, token.allSatisfy({ take(UInt64.self) == $0 }) else {
            return nil
        }
        node = Int(take(UInt32.self))
        let flags = take(UInt32.self)
        (hearsYou, hasLeft) = (flags & 1 != 0, flags & 2 != 0)
        sequence = take(UInt64.self)
        first = Int(take(UInt32.self))
        ranks = []
        for _ in 0..<rankBytes / Self.rankByteCount {
            var rank = RankStanding(rank: 0)
            rank.process = take(Int32.self)
            let does = take(UInt32.self)
            rank.activity = RankActivity(rawValue: does & 0xff) ?? .starting
            (rank.waits, rank.runs) = (does & 1 << 8 != 0, does & 1 << 9 != 0)
            rank.step = Int(clamping: take(UInt64.self))
            rank.seconds = Double(take(UInt64.self)) / 1000
            ranks.append(rank)
        }
    }
}
