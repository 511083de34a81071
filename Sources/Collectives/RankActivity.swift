internal import CSystemCalls
public import Foundation

/// What a rank does, for the ranks of its node to see: a few stores into memory that they share, and nothing where a
/// process runs on its own, or on any thread but the one that joined the world.
///
/// A rank *moves* as long as it says what it does next, computes, or reads and writes files. One that waits for others does
/// not move by itself; they make it.
public enum RankActivity: UInt32, Sendable, CaseIterable {
    /// Between the start and the first step: reads flags and data, makes what training needs.
    case starting
    /// Brings the rows of a batch together.
    case loading
    /// The forward pass.
    case forward
    /// The backward pass.
    case backward
    /// Sends what other ranks need, or takes in what they have sent.
    case exchanging
    /// The optimizer's step.
    case updating
    /// Evaluates a model.
    case evaluating
    /// Hands a checkpoint over, or waits for files to be written.
    case saving
    /// Leaves the run.
    case ending

    /// What people read.
    var text: String {
        switch self {
        case .starting: "starting"
        case .loading: "loading a batch"
        case .forward: "in the forward pass"
        case .backward: "in the backward pass"
        case .exchanging: "exchanging"
        case .updating: "updating"
        case .evaluating: "evaluating"
        case .saving: "writing files"
        case .ending: "ending"
        }
    }

    /// Says that the calling rank does this from now on.
    public static func enter(_ activity: RankActivity) {
        // A checkpoint is packed and written by a thread of its own.
        dp_activity_enter(activity.rawValue, activity == .saving ? 1 : 0)
    }

    /// Says how many steps the calling rank has taken.
    public static func hasTaken(steps: Int) { dp_activity_begin_step(UInt64(steps)) }

    /// Says that the calling rank waits for others while it runs `body`.
    package static func waiting<Result>(_ body: () throws -> Result) rethrows -> Result {
        dp_activity_wait_begins()
        defer { dp_activity_wait_ends() }
        return try body()
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

    /// A rank, and for how long it has not moved.
    package struct Rank: Equatable {
        /// Its index among the ranks of the node.
        package let index: Int
        /// For how long it has not moved, in seconds.
        package let seconds: Double
        /// What it said last.
        package let signs: Signs
        /// Whether its process runs at all.
        package let runs: Bool

        /// Whether others can be waiting for it, rather than it for others.
        var isLate: Bool { !signs.waits || !runs }
    }

    private struct Record {
        var signs: Signs
        var movedAt: Double
        var lookedAt: Double
    }

    private var records: [Record?]
    private var lastLook = -Double.infinity

    /// So much later than it wanted to look, the watch itself did not run: the machine, or this process, has stood still.
    private static let ownPause = 3.0

    package init(count: Int) {
        records = Array(repeating: nil, count: count)
    }

    /// Looks at all ranks.
    ///
    /// - Parameters:
    ///   - now: Seconds of any clock that does not go back.
    ///   - read: What a rank has said of itself.
    /// - Returns: All ranks, with how long each has stood still.
    package mutating func look(at now: Double, _ read: (Int) -> Signs) -> [Rank] {
        // Whoever was stopped with all the others, and goes on, knows nothing of them yet.
        if now - lastLook > Self.ownPause { records = records.map { _ in nil } }
        lastLook = now
        return records.indices.map { index in
            let signs = read(index)
            var record = records[index] ?? Record(signs: signs, movedAt: now, lookedAt: now)
            if signs.words != record.signs.words || signs.moves != record.signs.moves { record.movedAt = now }
            if signs.looks != record.signs.looks { record.lookedAt = now }
            record.signs = signs
            records[index] = record
            return Rank(
                index: index, seconds: now - record.movedAt, signs: signs,
                runs: now - record.lookedAt < Self.ownPause)
        }
    }

    /// What is wrong, if anything: the ranks for which the others wait, or, where all wait for somebody else, all.
    ///
    /// - Parameters:
    ///   - ranks: As ``look(at:_:)`` found them.
    ///   - limit: The seconds for which a rank may stand still.
    ///   - grace: How much longer a node waits in which nobody is late: ranks of another one know better why.
    /// - Returns: The ranks to be named; empty where nothing is wrong.
    package static func stalled(_ ranks: [Rank], limit: Double, grace: Double) -> [Rank] {
        let late = ranks.filter { $0.isLate && $0.seconds >= limit }
        if !late.isEmpty { return late }
        // A rank that moves may be the one for which all others wait.
        return ranks.allSatisfy { $0.seconds >= limit + grace } ? ranks : []
    }
}

/// Ranks have not moved for longer than they may, so the run cannot come to its end.
public struct RunStalled: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// sysexits.h's EX_UNAVAILABLE: a rank, a host or a link is not there for the others.
    public static let exitCode: Int32 = 69

    /// One line that names the ranks that are late, where they stand, and since when.
    public let description: String

    /// The same as ``description``.
    public var errorDescription: String? { description }

    init(
        _ stalled: [StallWatch.Rank], of all: [StallWatch.Rank], ranks: [Int], processes: [Int32],
        hostName: String, limit: Double
    ) {
        func seconds(_ value: Double) -> String { String(format: "%.0f s", value) }
        func place(_ rank: StallWatch.Rank) -> String {
            let text = rank.signs.activity.text
            return rank.signs.activity == .starting ? text : "\(text) after step \(rank.signs.step)"
        }
        let isLate = stalled.contains { $0.isLate }
        let names = stalled.map { rank in
            "rank \(ranks[rank.index]) on \(hostName) (process \(processes[rank.index])), \(place(rank)), "
                + (rank.runs ? "" : "whose process does not run, ") + "since \(seconds(rank.seconds))"
        }.joined(separator: "; ")
        let waiting = all.filter { !stalled.contains($0) }.map { "\(ranks[$0.index])" }
        let whoWaits =
            waiting.isEmpty
            ? ""
            : waiting.count == 1
                ? "; rank \(waiting[0]) there waits for it"
                : "; ranks \(waiting.joined(separator: ", ")) there wait for it"
        description =
            "expected all ranks to move within \(seconds(limit)) (--stall-timeout), found "
            + (isLate
                ? names + whoWaits
                : "that all ranks of this host wait for others: \(names)")
    }
}
