package import Collectives

extension NodePlacement {
    /// Ranks and their hosts, for messages: `rank 3 (host b)`, `ranks 0-2, 5 (hosts a, b)`.
    package func names(ofRanks ranks: [Int]) -> String {
        var runs: [ClosedRange<Int>] = []
        for rank in ranks.sorted() {
            if let last = runs.last, last.upperBound == rank - 1 {
                runs[runs.count - 1] = last.lowerBound...rank
            } else {
                runs.append(rank...rank)
            }
        }
        let numbers = runs.map {
            $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
        }
        var hosts: [String] = []
        for rank in ranks.sorted() {
            let host = hostNames[nodeOfRank[rank]]
            if !hosts.contains(host) { hosts.append(host) }
        }
        return "\(ranks.count == 1 ? "rank" : "ranks") \(numbers.joined(separator: ", "))"
            + " (\(hosts.count == 1 ? "host" : "hosts") \(hosts.joined(separator: ", ")))"
    }
}
