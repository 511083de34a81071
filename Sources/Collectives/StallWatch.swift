internal import CSystemCalls
internal import Foundation

// Who stands still: what is known of the ranks of all nodes, and what follows from it.

/// How a rank stands, for those who may be waiting for it.
package struct RankStanding: Equatable {
    /// What people call it.
    package var rank: Int
    /// Its process.
    package var process: Int32 = 0
    /// What it does.
    package var activity = RankActivity.starting
    /// The steps that it has taken.
    package var step = 0
    /// Whether it waits for others.
    package var waits = false
    /// Whether its process runs at all.
    package var runs = true
    /// For how long it has not moved, in seconds.
    package var seconds = 0.0

    /// One of which nothing is known yet.
    package init(rank: Int) { self.rank = rank }

    /// Whether others can be waiting for it, rather than it for others.
    var isLate: Bool { !waits || !runs }
}

/// How the ranks of a node stand.
package struct NodeStanding: Equatable {
    /// The node's number.
    package var node: Int
    /// Its host.
    package var host: String
    /// Its ranks.
    package var ranks: [RankStanding]
    /// For how long nothing has been heard of it, in seconds; 0 of one's own.
    package var silence = 0.0
    /// Whether its ranks have left the run, so that nobody waits for them.
    package var hasLeft = false

    package init(node: Int, host: String, ranks: [RankStanding]) {
        (self.node, self.host, self.ranks) = (node, host, ranks)
    }
}

/// The ranks of one node, and since when each has not moved.
///
/// Nobody's clock is compared with another's: a thread of each rank looks at all of them again and again.
package struct StallWatch {
    /// What a rank has said of itself.
    package struct Signs: Equatable {
        /// What it does.
        package var activity = RankActivity.starting
        /// The steps that it has taken.
        package var step = 0
        /// Whether it waits for others.
        package var waits = false
        /// How often its main thread has said what it does, or begun or ended to wait.
        package var words: UInt64 = 0
        /// How often it was seen to compute, or to read or write, between two words.
        package var moves: UInt64 = 0
        /// How often its process has looked.
        package var looks: UInt64 = 0

        /// Those of a rank that has said nothing.
        package init() {}

        init(_ found: dp_activity) {
            activity = RankActivity(rawValue: found.phase) ?? .starting
            (step, waits) = (Int(clamping: found.step), found.waits != 0)
            (words, moves, looks) = (found.words, found.moves, found.looks)
        }
    }

    private struct Record {
        var signs: Signs
        var movedAt: Double
        var lookedAt: Double
    }

    private var standings: [RankStanding]
    private var records: [Record?]
    private var lastLook = -Double.infinity

    /// So much later than it wanted to look, whoever looks did not run: the machine, or this process, has stood still.
    static let ownPause = 3.0

    /// A watch over ranks.
    ///
    /// - Parameters:
    ///   - ranks: What people call them.
    ///   - processes: Theirs.
    package init(ranks: [Int], processes: [Int32]) {
        standings = zip(ranks, processes).map { rank, process in
            var standing = RankStanding(rank: rank)
            standing.process = process
            return standing
        }
        records = Array(repeating: nil, count: ranks.count)
    }

    /// Looks at all ranks.
    ///
    /// - Parameters:
    ///   - now: Seconds of any clock that does not go back.
    ///   - read: What a rank has said of itself, by its index.
    /// - Returns: How each of them stands.
    package mutating func look(at now: Double, _ read: (Int) -> Signs) -> [RankStanding] {
        // Whoever was stopped with all the others, and goes on, knows nothing of them yet.
        if now - lastLook > Self.ownPause { records = records.map { _ in nil } }
        lastLook = now
        for index in records.indices {
            let signs = read(index)
            var record = records[index] ?? Record(signs: signs, movedAt: now, lookedAt: now)
            if signs.words != record.signs.words || signs.moves != record.signs.moves { record.movedAt = now }
            if signs.looks != record.signs.looks { record.lookedAt = now }
            record.signs = signs
            records[index] = record
            standings[index].activity = signs.activity
            standings[index].step = signs.step
            standings[index].waits = signs.waits
            standings[index].runs = now - record.lookedAt < Self.ownPause
            standings[index].seconds = now - record.movedAt
        }
        return standings
    }
}

/// What a rank knows of the nodes other than its own.
package enum OtherNodes {
    /// Nothing: there are none, or they cannot be heard.
    case unknown
    /// Another rank of this node hears them, and will say what is to be said of them.
    case heardElsewhere
    /// How their ranks stand.
    case heard([NodeStanding])
}

extension RunStalled {
    /// How much longer all ranks may wait for one another when none of them is known to be late.
    private static let graceForAll = 10.0
    /// How much longer a node waits for another one that knows better, or that speaks first.
    private static let graceForOther = 5.0
    /// How much longer it waits for one whose only rank is not heard: the next word may be on its way.
    private static let graceForSilent = 1.0
    /// A node that has been heard since then is there.
    private static let present = 3.0

    /// What is wrong, if anything, and if it is this node that has to say so.
    ///
    /// A rank of one's own node that is late is named at the limit. Where all of this node wait, it is for others: for a rank
    /// that its own node says to be late, or for a node of which nothing has been heard for as long, whose leader the other
    /// ranks there can name if there are any; the first of the nodes that are there speaks, the others later. A rank that moves, wherever it is, may
    /// be the one for which all others wait, and is waited for.
    ///
    /// - Parameters:
    ///   - own: How the ranks of this node stand.
    ///   - others: What is known of the other nodes.
    ///   - limit: The seconds for which a rank may stand still.
    /// - Returns: The error; nil where nothing is wrong, or somebody else has to say it.
    package static func found(_ own: NodeStanding, _ others: OtherNodes, limit: Double) -> RunStalled? {
        func late(_ ranks: [RankStanding]) -> [Int] {
            ranks.filter { $0.isLate && $0.seconds >= limit }.map(\.rank)
        }
        var all = [own]
        if case .heard(let nodes) = others { all += nodes }
        all.sort { $0.node < $1.node }
        let ownLate = late(own.ranks)
        if !ownLate.isEmpty { return RunStalled(.late(ownLate), all, limit: limit) }
        guard let beyond = own.ranks.map({ $0.seconds - limit }).min(), beyond >= 0 else { return nil }
        guard case .heard(let nodes) = others else {
            if case .heardElsewhere = others { return nil }
            return beyond >= graceForAll ? RunStalled(.all(ofThisHost: true), all, limit: limit) : nil
        }
        let staying = nodes.filter { !$0.hasLeft }
        let silent = staying.filter { $0.silence >= limit }
        let present = staying.filter { $0.silence < Self.present }
        let lateElsewhere = present.flatMap { late($0.ranks) }
        if silent.isEmpty && lateElsewhere.isEmpty {
            let allWait = staying.allSatisfy { $0.ranks.allSatisfy { $0.seconds >= limit + graceForAll } }
            return beyond >= graceForAll && allWait
                ? RunStalled(.all(ofThisHost: false), all, limit: limit) : nil
        }
        let isFirst = present.allSatisfy { $0.node > own.node }
        let isKnownElsewhere = !lateElsewhere.isEmpty || silent.contains { $0.ranks.count > 1 }
        let grace =
            (isKnownElsewhere ? graceForOther : graceForSilent) + (isFirst ? 0 : graceForOther)
        guard beyond >= grace else { return nil }
        return RunStalled(.elsewhere(late: lateElsewhere, silent: silent.map(\.node)), all, limit: limit)
    }
}
