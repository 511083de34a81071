internal import Collectives

/// Times what all ranks do at once.
struct RankTimer {
    let communicator: any Communicator
    /// How often a time is taken, besides a first one to warm up.
    let turns: Int
    /// About how long each turn is, of as many calls as fit.
    let secondsPerTurn: Double

    /// The mean seconds of a call in each turn, from the first rank's start to the last rank's end; the same on every
    /// rank. Collective: every rank must call it.
    func times(_ body: () throws -> Void) throws -> [Double] {
        var calls = 1
        var times = [Double]()
        for turn in -1...turns {
            let seconds = try mean(of: calls, body)
            // The first call of all is no measure of the others.
            if turn <= 0 { calls = max(1, min(1_000_000, Int(secondsPerTurn / max(seconds, 1e-9)))) }
            if turn > 0 { times.append(seconds) }
        }
        return times
    }

    /// The fastest turn's.
    func fastest(_ body: () throws -> Void) throws -> Double {
        try times(body).min() ?? 0
    }

    /// The mean seconds of `calls` calls.
    func mean(of calls: Int, _ body: () throws -> Void) throws -> Double {
        try communicator.barrier()
        let start = ContinuousClock.now
        for _ in 0..<calls { try body() }
        try communicator.barrier()
        let seconds = (ContinuousClock.now - start) / .seconds(1) / Double(calls)
        return try communicator.allreduce(seconds, .maximum)
    }
}
