public import Foundation

/// Ranks have not moved for longer than they may, so the run cannot come to its end.
public struct RunStalled: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// sysexits.h's EX_UNAVAILABLE: a rank, a host or a link is not there for the others.
    public static let exitCode: Int32 = 69

    /// One line that names the ranks that are late, where they stand, and since when, and how the others do.
    public let description: String

    /// Whether nothing is heard of a host: what waits for it may wait for ever, the job's launcher as well.
    public let hasSilentHosts: Bool

    /// The same as ``description``.
    public var errorDescription: String? { description }

    /// For whom a run waits.
    enum Cause {
        /// For these ranks of the node that says so.
        case late([Int])
        /// For these ranks of other nodes, and for these nodes, of which nothing is heard.
        case elsewhere(late: [Int], silent: [Int])
        /// All ranks for others; of this host, where nothing is known of the rest.
        case all(ofThisHost: Bool)
    }

    init(_ cause: Cause, _ nodes: [NodeStanding], limit: Double) {
        var late: [Int] = []
        var silent: [Int] = []
        var introduction = ""
        switch cause {
        case .late(let ranks): late = ranks
        case .elsewhere(let ranks, let hosts): (late, silent) = (ranks, hosts)
        case .all(let isOfThisHost):
            late = nodes.flatMap { $0.ranks.map(\.rank) }
            introduction =
                isOfThisHost
                ? "that all ranks of this host wait for others: " : "that all ranks wait for others: "
        }
        var parts: [String] = []
        for node in nodes where !silent.contains(node.node) {
            parts += node.ranks.filter { late.contains($0.rank) }.map { Self.sentence(of: $0, on: node.host) }
        }
        for node in nodes where silent.contains(node.node) { parts.append(Self.sentence(ofSilent: node)) }
        for node in nodes where !silent.contains(node.node) && !node.hasLeft {
            parts += Self.sentences(of: node.ranks.filter { !late.contains($0.rank) }, on: node.host)
        }
        hasSilentHosts = !silent.isEmpty
        description =
            "expected all ranks to move within \(Self.text(limit)) (--stall-timeout), found \(introduction)"
            + parts.joined(separator: "; ")
    }

    private static func text(_ seconds: Double) -> String { String(format: "%.0f s", seconds) }

    private static func place(_ rank: RankStanding) -> String {
        rank.activity == .starting ? rank.activity.text : "\(rank.activity.text) after step \(rank.step)"
    }

    private static func sentence(of rank: RankStanding, on host: String) -> String {
        "rank \(rank.rank) on \(host) (process \(rank.process)), \(place(rank)), "
            + (rank.runs ? "" : "whose process does not run, ") + "since \(text(rank.seconds))"
    }

    private static func sentence(ofSilent node: NodeStanding) -> String {
        let ranks = node.ranks.map { "rank \($0.rank), last heard of \(place($0))" }.joined(separator: "; ")
        return
            "nothing from host \(node.host) since \(text(node.silence)) (\(ranks)): its processes do not run, or the host"
            + " or the link to it is gone"
    }

    /// What those do that are not to blame; such as do the same in one sentence.
    private static func sentences(of ranks: [RankStanding], on host: String) -> [String] {
        var places: [String] = []
        var names: [String: [String]] = [:]
        for rank in ranks {
            let place = "\(rank.waits ? "waiting" : "moving"), \(place(rank))"
            if names[place] == nil { places.append(place) }
            names[place, default: []].append("\(rank.rank)")
        }
        return places.map { place in
            let names = names[place] ?? []
            return
                "\(names.count == 1 ? "rank" : "ranks") \(names.joined(separator: ", ")) on \(host): \(place)"
        }
    }
}
