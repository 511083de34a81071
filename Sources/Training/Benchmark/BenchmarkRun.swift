internal import Collectives
internal import DataParallel
internal import MLPEngine
internal import Tensors

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
        try MemoryPlan(
            configuration, mlp: mlp, assignment: records.assignment,
            trainingCount: records.stepsPerEpoch * configuration.batchSize, validationCount: 0, testCount: 0,
            threads: team.threadCount, slices: slices, evaluation: .sharded, communicator: communicator
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
        var step = 0
        let count = try AllocationCount.during { for _ in 0..<steps { try take(&step) } }
        try runner.finish()
        let most = try communicator.allreduce(Int64(count ?? -1), .maximum)
        allocationsPerStep = most < 0 ? nil : Double(most) / Double(steps)
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
