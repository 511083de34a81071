internal import CBenchmark
public import Collectives
internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors
public import Training

/// Measures training steps on synthetic records: configurations that are to be compared in turn, again and again, so
/// that what else the machine does meets all of them alike.
public struct StepBenchmark {
    private let communicator: any Communicator
    private let threads: Int
    private let rounds: Int
    private let secondsPerRound: Double
    private let comparesWithMPI: Bool

    /// A benchmark over the ranks of `communicator`.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - threads: The threads of each rank.
    ///   - rounds: How often each configuration has its turn, besides a first one to warm up.
    ///   - secondsPerRound: About how long a turn is.
    ///   - comparesWithMPI: Whether each configuration also runs with all numbers carried by MPI alone; on one rank
    ///     there is nothing to carry.
    public init(
        communicator: any Communicator, threads: Int, rounds: Int, secondsPerRound: Double,
        comparesWithMPI: Bool
    ) {
        self.communicator = communicator
        self.threads = threads
        self.rounds = rounds
        self.secondsPerRound = secondsPerRound
        self.comparesWithMPI = comparesWithMPI && communicator.size > 1
    }

    /// The threads that training gives each rank: the processors of its node divided by the ranks on it, on the rank that
    /// has most. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    public static func threadsPerRank(of communicator: any Communicator) throws -> Int {
        Int(try communicator.allreduce(Int64(ProcessorShare.threads(of: communicator)), .maximum))
    }

    /// Measures the steps of configurations that differ in their strategy alone. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - configurations: Settled for this world size.
    ///   - limits: What the machine can do.
    ///   - machine: The machine.
    /// - Returns: A measurement for each, and each again over MPI where that was asked for; the same on every rank.
    /// - Throws: The communicator's error.
    public func run(
        _ configurations: [TrainingConfiguration], limits: MachineLimits, machine: BenchmarkMachine
    ) throws -> [StepMeasurement] {
        guard let first = configurations.first else { return [] }
        let records = try BenchmarkRecords(first, communicator: communicator)
        let team = try communicator.agree(on: "starting threads") {
            try ProcessorAffinity.withAffinityToAllProcessors { try WorkerTeam(threadCount: threads) }
        }
        let transports: [RunOptions.Transport] = comparesWithMPI ? [.auto, .mpi] : [.auto]
        let runs = try transports.flatMap { transport in
            try configurations.map {
                try BenchmarkRun(
                    $0, transport: transport, records: records, communicator: communicator, team: team)
            }
        }
        for round in 0...rounds {
            for run in runs { try run.takeTurn(seconds: secondsPerRound, isWarmUp: round == 0) }
        }
        for run in runs { try run.countAllocations() }
        var results = try runs.map { try $0.measurement(limits: limits, machine: machine) }
        for index in results.indices { results[index].compare(with: results) }
        return results
    }
}

extension StepMeasurement {
    /// Fills in the ratios to measurements of the same configuration.
    mutating func compare(with others: [StepMeasurement]) {
        func ratio(toStrategy strategy: String, transport: String) -> Double? {
            let other = others.first {
                $0.hiddenDimensions == hiddenDimensions && $0.batchNorm == batchNorm
                    && $0.batchSize == batchSize && $0.strategy == strategy && $0.transport == transport
            }
            return other.map { stepSeconds / $0.stepSeconds }
        }
        timeRelativeToAllreduce = ratio(
            toStrategy: TrainingConfiguration.Strategy.allreduce.rawValue, transport: transport)
        timeRelativeToMPI = ratio(toStrategy: strategy, transport: RunOptions.Transport.mpi.rawValue)
    }
}

/// A configuration ready to take steps, and what its turns have come to.
final class BenchmarkRun {
    private let communicator: any Communicator
    private let configuration: TrainingConfiguration
    private let records: BenchmarkRecords
    private let runner: StepRunner
    private let transport: String
    private let slices: Int?
    private var steps = 1
    private var times: [Double] = []
    private var phases = StepPhase.allCases.map { _ in 0.0 }
    private var allocationsPerStep: Double?

    /// Allocates everything. Collective: every rank must call it.
    ///
    /// - Throws: `SharedMemoryError`, or the communicator's error.
    init(
        _ configuration: TrainingConfiguration, transport: RunOptions.Transport, records: BenchmarkRecords,
        communicator: any Communicator, team: WorkerTeam
    ) throws {
        self.communicator = communicator
        self.configuration = configuration
        self.records = records
        slices = configuration.slices
        let mlp = MLP(configuration.model)
        var options = RunOptions.defaults
        (options.transport, options.evaluation) = (transport, .sharded)
        try MemoryPlan(
            configuration, mlp: mlp, assignment: records.assignment,
            trainingCount: records.stepsPerEpoch * configuration.batchSize, validationCount: 0, testCount: 0,
            threads: team.threadCount, slices: slices, options: options, placement: communicator.placement
        ).check(over: communicator)
        let (runner, ranks) = try StepRunner.make(
            communicator, transport, configuration: configuration, mlp: mlp,
            loader: records.loader, assignment: records.assignment, team: team, slices: slices,
            note: { _ in })
        self.runner = runner
        self.transport = ranks.transport
        try runner.model.broadcast(to: runner.products)
    }

    /// Takes as many steps as fit into about so much time, as the last turn went; one in the first turn of all. Nothing is
    /// on its way between nodes when it returns. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    func takeTurn(seconds: Double, isWarmUp: Bool) throws {
        let before = runner.times.seconds
        let timer = RankTimer(communicator: communicator, turns: 1, secondsPerTurn: seconds)
        var step = 0
        let mean = try timer.mean(of: steps) { try take(&step) }
        if isWarmUp {
            // The first step of all meets memory that the system has yet to hand out.
            let second = try timer.mean(of: 1) { try take(&step) }
            steps = max(1, Int(seconds / second))
        } else {
            times.append(mean)
            for (index, (after, before)) in zip(runner.times.seconds, before).enumerated() {
                phases[index] += after - before
            }
            steps = max(1, Int(seconds / mean))
        }
        // The next turn begins with another batch than the one that has been sent ahead.
        try runner.finish()
    }

    /// Takes steps of which only the allocations count. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    func countAllocations() throws {
        let steps = max(2, min(steps, 20))
        try communicator.barrier()
        var least = Int64.max
        // The thread that looks for lost ranks twice a second allocates a little: what steps allocate shows in every turn.
        for _ in 0..<3 {
            var step = 0
            let count = try AllocationCount.during { for _ in 0..<steps { try take(&step) } }
            try runner.finish()
            least = min(least, try communicator.allreduce(Int64(count ?? -1), .maximum))
        }
        allocationsPerStep = least < 0 ? nil : Double(least) / Double(steps)
    }

    /// What the turns have come to; the same on every rank. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    func measurement(limits: MachineLimits, machine: BenchmarkMachine) throws -> StepMeasurement {
        var phases = phases
        try communicator.allreduce(&phases, .sum)
        let total = phases.reduce(0, +)
        let shares = zip(StepPhase.allCases, phases).map { (String(describing: $0), $1 / max(total, 1e-9)) }
        let sorted = times.sorted()
        let median = (sorted[sorted.count / 2] + sorted[(sorted.count - 1) / 2]) / 2
        let limit = StepWork(configuration).seconds(within: limits, machine: machine, slices: slices)
        return StepMeasurement(
            hiddenDimensions: configuration.hiddenDimensions, batchNorm: configuration.batchNorm.rawValue,
            batchSize: configuration.batchSize, strategy: configuration.strategy.rawValue,
            precision: (configuration.matmulPrecision ?? .highest).rawValue, transport: transport,
            stepSeconds: median, fastestStepSeconds: sorted[0],
            imagesPerSecond: Double(configuration.batchSize) / median,
            phases: Dictionary(uniqueKeysWithValues: shares), allocationsPerStep: allocationsPerStep,
            limitSeconds: limit, shareOfLimit: limit / median)
    }

    private func take(_ step: inout Int) throws {
        // Small steps: what is measured is time, and numbers that overflow could take another.
        _ = try runner.step(step, stepInEpoch: step % records.stepsPerEpoch, learningRate: 1e-4)
        step += 1
    }
}

/// Synthetic records for a few steps, dealt to the ranks as in training.
final class BenchmarkRecords {
    let loader: BatchLoader
    let assignment: ShardAssignment
    let stepsPerEpoch: Int

    /// Makes this rank's records. Collective: every rank must call it.
    ///
    /// - Throws: What the data set throws, on all ranks together.
    init(_ configuration: TrainingConfiguration, communicator: any Communicator) throws {
        let shardCount =
            configuration.logicalShards
            ?? LogicalShards.defaultCount(
                forWorldSize: communicator.size, globalBatch: configuration.batchSize)
        let assignment = ShardAssignment(worldSize: communicator.size, shardCount: shardCount)
        let records = 4 * configuration.batchSize
        let shards = LogicalShards(records: Array(0..<records), count: shardCount, seed: configuration.seed)
        loader = try communicator.agree(on: "making the records") {
            try BatchLoader(
                dataset: SyntheticDataset(seed: configuration.seed, trainingCount: records, testCount: 10),
                shards: shards, ownedShards: assignment.shards(of: communicator.placement.position),
                globalBatch: configuration.batchSize, shuffle: configuration.shuffle)
        }
        loader.beginEpoch(0)
        self.assignment = assignment
        stepsPerEpoch = loader.stepsPerEpoch
    }
}

/// Counts what this process allocates.
enum AllocationCount {
    /// The calls of malloc and its kin, on all threads of this process, while `body` runs; nil where the system does not
    /// let them be counted, or another thread counts.
    static func during(_ body: () throws -> Void) rethrows -> Int? {
        guard dp_allocations_begin() > 0 else {
            try body()
            return nil
        }
        do {
            try body()
        } catch {
            _ = dp_allocations_end()
            throw error
        }
        return Int(dp_allocations_end())
    }
}
