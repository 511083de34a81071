public import Collectives
internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors

/// Measures training steps on synthetic records: several configurations in turn, again and again, so that what else
/// the machine does meets all of them alike.
public struct StepBenchmark {
    /// What a configuration came to.
    public struct Result: Codable, Sendable, Equatable {
        /// The widths of the hidden layers.
        public let hiddenDimensions: [Int]
        /// Whether there is batch norm, and over what.
        public let batchNorm: String
        /// Rows of a global batch.
        public let batchSize: Int
        /// What is promised about the bits.
        public let arithmetic: String
        /// The median over the rounds of the mean time of a step in a round, in seconds.
        public let stepSeconds: Double
        /// The fastest round's.
        public let fastestStepSeconds: Double
        /// Rows per second at the median.
        public let imagesPerSecond: Double

        enum CodingKeys: String, CodingKey {
            case hiddenDimensions = "hidden_dims"
            case batchNorm = "batch_norm"
            case batchSize = "batch_size"
            case arithmetic
            case stepSeconds = "step_seconds"
            case fastestStepSeconds = "fastest_step_seconds"
            case imagesPerSecond = "images_per_second"
        }
    }

    private let communicator: any Communicator
    private let rounds: Int
    private let secondsPerRound: Double

    /// A benchmark over the ranks of `communicator`.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - rounds: How often each configuration has its turn, besides a first one to warm up.
    ///   - secondsPerRound: About how long a turn is.
    public init(communicator: any Communicator, rounds: Int, secondsPerRound: Double) {
        self.communicator = communicator
        self.rounds = rounds
        self.secondsPerRound = secondsPerRound
    }

    /// Measures the steps of each configuration. Collective: every rank must call it.
    ///
    /// - Parameter configurations: Settled for this world size.
    /// - Returns: A result for each, the same on every rank.
    /// - Throws: The communicator's error.
    public func run(_ configurations: [TrainingConfiguration]) throws -> [Result] {
        let candidates = try configurations.map { try Candidate($0, communicator: communicator) }
        var times = candidates.map { _ in [Double]() }
        var steps = candidates.map { _ in 1 }
        for round in 0...rounds {
            for (index, candidate) in candidates.enumerated() {
                let seconds = try candidate.measure(steps[index])
                if round > 0 { times[index].append(seconds) }
                steps[index] = max(1, Int(secondsPerRound / seconds))
            }
        }
        return zip(configurations, times).map { configuration, times in
            let sorted = times.sorted()
            let median = sorted[sorted.count / 2]
            return Result(
                hiddenDimensions: configuration.hiddenDimensions, batchNorm: configuration.batchNorm.rawValue,
                batchSize: configuration.batchSize, arithmetic: configuration.arithmetic.rawValue,
                stepSeconds: median, fastestStepSeconds: sorted[0],
                imagesPerSecond: Double(configuration.batchSize) / median)
        }
    }
}

/// A configuration ready to take steps.
private final class Candidate {
    private let communicator: any Communicator
    private let configuration: TrainingConfiguration
    private let loader: BatchLoader
    private let runner: StepRunner
    private let stepsPerEpoch: Int

    init(_ configuration: TrainingConfiguration, communicator: any Communicator) throws {
        self.communicator = communicator
        self.configuration = configuration
        let threads = ProcessorShare.threads(of: communicator)
        let shardCount =
            configuration.logicalShards ?? LogicalShards.defaultCount(forWorldSize: communicator.size)
        let assignment = ShardAssignment(worldSize: communicator.size, shardCount: shardCount)
        let records = 4 * configuration.batchSize
        let shards = LogicalShards(records: Array(0..<records), count: shardCount, seed: configuration.seed)
        loader = try communicator.agree(on: "making the records") {
            try BatchLoader(
                dataset: SyntheticDataset(seed: configuration.seed, trainingCount: records, testCount: 10),
                shards: shards, ownedShards: assignment.shards(of: communicator.placement.position),
                globalBatch: configuration.batchSize)
        }
        stepsPerEpoch = shards.stepsPerEpoch(globalBatch: configuration.batchSize)
        (runner, _) = try StepRunner.make(
            communicator, .auto, configuration: configuration, mlp: MLP(configuration.model), loader: loader,
            assignment: assignment, threads: threads, note: { _ in })
        try runner.model.broadcast()
        loader.beginEpoch(0)
    }

    /// Takes `steps` steps and returns the mean seconds of one; the same on every rank.
    func measure(_ steps: Int) throws -> Double {
        try communicator.barrier()
        let start = ContinuousClock.now
        for step in 0..<steps {
            // Small steps: what is measured is time, and numbers that overflow could take another.
            _ = try runner.step(step % stepsPerEpoch, learningRate: 1e-4, stopRequested: false)
        }
        try runner.finish()
        try communicator.barrier()
        let seconds = (ContinuousClock.now - start) / .seconds(1) / Double(steps)
        return try communicator.allreduce(seconds, .maximum)
    }
}
