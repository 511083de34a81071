internal import CBenchmark
public import Collectives
internal import Tensors

/// Measures what the machine can do, with all ranks at work at once.
public struct LimitsBenchmark {
    private let communicator: any Communicator
    private let threads: Int
    private let timer: RankTimer

    /// The bytes that a rank's copies read and write: a small network's parameters and gradients, a large one's, and more
    /// than caches hold.
    private static let copyBytes = [1 << 20, 8 << 20, 128 << 20]

    /// A benchmark over the ranks of `communicator`.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - threads: The threads of each rank.
    ///   - turns: How often everything is measured, besides a first time to warm up.
    ///   - secondsPerTurn: About how long a turn is.
    public init(communicator: any Communicator, threads: Int, turns: Int, secondsPerTurn: Double) {
        self.communicator = communicator
        self.threads = threads
        timer = RankTimer(communicator: communicator, turns: turns, secondsPerTurn: secondsPerTurn)
    }

    /// Measures. Collective: every rank must call it.
    ///
    /// - Parameter complete: Whether to measure more than the peaks and copies, which steps are compared with.
    /// - Returns: The limits, the same on every rank.
    /// - Throws: The communicator's error.
    public func run(complete: Bool) throws -> MachineLimits {
        // Launchers bind a rank to a core; its threads may use the others.
        let team = try communicator.agree(on: "starting threads") {
            try ProcessorAffinity.withAffinityToAllProcessors { try WorkerTeam(threadCount: threads) }
        }
        let copies = try Self.copyBytes.map { try measureCopy(workingSet: $0, team) }
        var peaks = [try measurePeak(team)]
        if let unit = try agreedByteUnit() { peaks.append(try measurePeak(of: unit, team)) }
        var limits = MachineLimits(peaks: peaks, copies: copies)
        guard complete else { return limits }
        limits.products = try ProductBenchmark(timer: timer, peaks: limits.peaks).run()
        limits.allreduces = []
        guard communicator.size > 1 else { return limits }
        let collectives = try CollectiveBenchmark(timer)
        limits.barrier = try collectives.measureBarrier()
        limits.allreduces = try collectives.measureAllreduces()
        return limits
    }

    /// This rank's unit for products of bytes, if all ranks have one.
    private func agreedByteUnit() throws -> InstructionSet? {
        let all = try communicator.allreduce(Int64(InstructionSet.used.multipliesBytes ? 1 : 0), .minimum)
        return all == 1 ? InstructionSet.used : nil
    }

    private func measurePeak(of unit: InstructionSet, _ team: WorkerTeam) throws -> PeakMeasurement {
        let rounds: UInt64 = 1 << 18
        let sinks = AlignedBuffer<Int32>(zeroed: 16 * threads)
        let base = sinks.vector.base
        let usesTiles: Int32 = unit == .amx ? 1 : 0
        let operations = Double(dp_peak_bytes(usesTiles, rounds, base))
        let together = try timer.fastest {
            team.run(threads) { _ = dp_peak_bytes(usesTiles, rounds, base + 16 * $0) }
        }
        let alone =
            threads == 1 ? together : try timer.fastest { _ = dp_peak_bytes(usesTiles, rounds, base) }
        return PeakMeasurement(
            unit: .bytes, gigaflopsPerThread: operations / alone / 1e9,
            gigaflops: operations * Double(threads * communicator.size) / together / 1e9)
    }

    private func measurePeak(_ team: WorkerTeam) throws -> PeakMeasurement {
        // A few milliseconds, so that the waking of a thread does not count.
        let rounds: UInt64 = 1 << 20
        let sinks = AlignedBuffer<Float>(zeroed: 16 * threads)
        let base = sinks.vector.base
        let flops = Double(dp_peak_f32(rounds, base))
        // Everything else is compared with this: more turns, for one that nothing disturbs.
        let timer = RankTimer(
            communicator: communicator, turns: 3 * self.timer.turns, secondsPerTurn: self.timer.secondsPerTurn
        )
        let together = try timer.fastest { team.run(threads) { _ = dp_peak_f32(rounds, base + 16 * $0) } }
        let alone = threads == 1 ? together : try timer.fastest { _ = dp_peak_f32(rounds, base) }
        return PeakMeasurement(
            unit: .vector, gigaflopsPerThread: flops / alone / 1e9,
            gigaflops: flops * Double(threads * communicator.size) / together / 1e9)
    }

    private func measureCopy(workingSet: Int, _ team: WorkerTeam) throws -> CopyMeasurement {
        let count = workingSet / 2
        let source = AlignedBuffer<UInt8>(repeating: 1, count: count)
        let target = AlignedBuffer<UInt8>(repeating: 0, count: count)
        let (from, to) = (source.vector, target.vector)
        let seconds = try timer.fastest {
            team.run(threads) { task in
                let range = Range(part: task, of: threads, dividing: count)
                to[range].copy(from: from[range])
            }
        }
        return CopyMeasurement(
            workingSetBytes: workingSet,
            bytesPerSecond: Double(workingSet * communicator.size) / seconds)
    }
}

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
