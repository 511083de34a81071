internal import Collectives
internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors
internal import Training

/// How long steps of a configuration take a host alone: of its whole batch, and of what one of several hosts has of it.
struct StepTrials {
    let whole: StepTrial.Measurement
    let speed: HostSpeed

    /// Takes the steps.
    ///
    /// - Parameters:
    ///   - configuration: What is trained, settled.
    ///   - threads: The threads of a host's ranks together.
    ///   - hosts: On how many hosts at most.
    ///   - seconds: About how long all of it takes.
    /// - Throws: `ConfigurationError` where this machine has not the memory, or what a step throws.
    init(_ configuration: TrainingConfiguration, threads: Int, hosts: Int, seconds: Double) throws {
        let shards = configuration.logicalShards ?? 1
        let part = HostSpeed.part(ofBatch: configuration.batchSize, shards: shards, hosts: hosts)
        let isDivided = part.shards < shards
        func measure(_ configuration: TrainingConfiguration) throws -> StepTrial.Measurement {
            try StepTrial(configuration, threads: threads).measure(seconds: seconds / (isDivided ? 2 : 1))
        }
        let whole = try measure(configuration)
        self.whole = whole
        guard isDivided else {
            speed = HostSpeed(whole.sample)
            return
        }
        var smaller = configuration
        (smaller.batchSize, smaller.logicalShards) = (part.batch, part.shards)
        speed = HostSpeed(whole.sample, try measure(smaller).sample)
    }
}

/// Steps of a configuration, taken by this process alone on images that mean nothing.
struct StepTrial {
    struct Measurement {
        let steps: Int
        let rows: Int
        /// The forward pass by itself.
        let forwardPass: Double
        let work: HostWork

        var sample: HostSpeed.Sample { HostSpeed.Sample(rows: rows, work: work) }
    }

    private let runner: StepRunner
    private let rows: Int
    private let stepsPerEpoch: Int
    private let learningRate = 1e-4

    init(_ configuration: TrainingConfiguration, threads: Int) throws {
        var configuration = configuration
        // As far as time goes one group of shards is as good as many.
        configuration.averaging = .none
        let shardCount = configuration.logicalShards ?? 1
        rows = configuration.batchSize
        let images = MeaninglessImages(
            format: configuration.format, trainingCount: 2 * configuration.batchSize)
        let shards = LogicalShards(
            records: Array(0..<images.trainingCount), count: shardCount, seed: configuration.seed)
        let assignment = ShardAssignment(worldSize: 1, shardCount: shardCount)
        let communicator = SingleProcessCommunicator()
        let mlp = MLP(configuration.model)
        var options = RunOptions.defaults
        options.evaluation = .sharded
        try MemoryPlan(
            configuration, mlp: mlp, assignment: assignment, trainingCount: images.trainingCount,
            validationCount: 0, testCount: 0, threads: threads, slices: configuration.slices,
            options: options, placement: communicator.placement
        ).check(over: communicator)
        let loader = try BatchLoader(
            dataset: images, shards: shards, ownedShards: 0..<shardCount,
            globalBatch: configuration.batchSize, shuffle: configuration.shuffle)
        loader.beginEpoch(0)
        stepsPerEpoch = loader.stepsPerEpoch
        let team = ProcessorAffinity.withAffinityToAllProcessors { WorkerTeam(upTo: threads) }
        (runner, _) = try StepRunner.make(
            communicator, .auto, configuration: configuration, mlp: mlp, loader: loader,
            assignment: assignment, team: team, slices: configuration.slices, note: { _ in })
        try runner.model.broadcast(to: runner.products)
    }

    func measure(seconds: Double) throws -> Measurement {
        let clock = ContinuousClock()
        // The first ones meet memory that the system has yet to hand out.
        for step in 0..<2 { try take(step) }
        let (before, start) = (runner.times.seconds, clock.now)
        var steps = 0
        while steps < 3 || clock.now - start < .seconds(seconds) {
            try take(2 + steps)
            steps += 1
        }
        let phases = zip(runner.times.seconds, before).map { ($0 - $1) / Double(steps) }
        func time(_ phase: StepPhase) -> Double { phases[phase.rawValue] }
        return Measurement(
            steps: steps, rows: rows, forwardPass: time(.forward),
            work: HostWork(
                forward: time(.batch) + time(.forward),
                backward: time(.backward) + time(.waiting) + time(.moving), update: time(.update)))
    }

    private func take(_ step: Int) throws {
        _ = try runner.step(step, stepInEpoch: step % stepsPerEpoch, learningRate: learningRate)
    }
}

/// Images of a format, of which only the number counts.
private struct MeaninglessImages: ImageDataset {
    let format: ImageFormat
    let trainingCount: Int

    var name: String { "images without a meaning" }
    var location: String { "built in" }

    func count(of split: DatasetSplit) -> Int { split == .training ? trainingCount : 0 }

    func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords {
        var pixels = [UInt8](repeating: 0, count: records.count * format.imageBytes)
        for index in pixels.indices { pixels[index] = UInt8(truncatingIfNeeded: index &* 0x9E37_79B1 >> 11) }
        return ImageRecords(
            pixels: pixels, labels: records.map { UInt8($0 % format.classCount) }, fingerprint: 0)
    }
}
