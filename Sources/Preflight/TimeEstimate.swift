internal import Collectives
internal import DataParallel
internal import Datasets
internal import Foundation
internal import MLPEngine
internal import Tensors
internal import Training

/// How long a run takes, from steps that were taken on this machine, and what that rests on.
///
/// One process takes whole steps of the network, with as many threads as a host's ranks have together: on one host that is what
/// its ranks do. On several hosts each does its part of the passes and, unless gradients are exchanged, the whole update, and
/// waits for what comes from the others.
package struct TimeEstimate: Encodable, Sendable {
    /// The seconds of a step.
    package let secondsPerStep: Double
    /// Those of an evaluation of the validation images.
    package let secondsPerEvaluation: Double
    /// Those of the whole run, with its evaluations and the test; without reading, whitening and writing.
    package let seconds: Double
    /// What was tried: steps, and the seconds of each for what hosts divide among them and for the update.
    package let measuredSteps: Int
    package let measuredPassSeconds: Double
    package let measuredUpdateSeconds: Double
    /// The threads that took them.
    package let threads: Int
    /// The bytes that reach a host in a second, as assumed.
    package let linkBytesPerSecond: Double

    private let groups: Int
    private let isSummed: Bool

    private enum CodingKeys: String, CodingKey {
        case secondsPerStep, secondsPerEvaluation, seconds, measuredSteps, measuredPassSeconds
        case measuredUpdateSeconds, threads, linkBytesPerSecond
    }

    /// Takes steps for about half a second, at least three.
    ///
    /// - Parameters:
    ///   - plan: What is estimated.
    ///   - linkBytesPerSecond: What the network brings to a host in a second.
    /// - Throws: `ConfigurationError` where this machine has not the memory, or what a step throws.
    package init(of plan: RunPlan, linkBytesPerSecond: Double) throws {
        let shape = plan.shape
        let localRanks = shape.placement.localSizes.max() ?? 1
        let threads = max(1, min(localRanks * shape.threads, ProcessorAffinity.processorsOfNode))
        let trial = try StepTrial(shape, threads: threads)
        let measured = try trial.measure(seconds: 0.5)
        let groups = Set(shape.sharers).count
        let isSummed = shape.configuration.strategy == .allreduce
        let forwardPerImage = measured.forward / Double(shape.configuration.batchSize)
        // With a process on each rank and no shared memory every rank is on its own.
        let crowd = shape.options.transport == .mpi ? Double(localRanks) : 1
        self.groups = groups
        self.isSummed = isSummed
        self.linkBytesPerSecond = linkBytesPerSecond
        self.threads = threads
        measuredSteps = measured.steps
        measuredPassSeconds = measured.passes
        measuredUpdateSeconds = measured.update
        let isDivided =
            isSummed
            || Self.exchangesGradients(
                update: measured.update, groups: groups,
                gradientBytes: plan.gradientBytes, linkBytesPerSecond: linkBytesPerSecond)
        let bytes = plan.bytesPerStep(withGradients: isDivided && !isSummed)
        let update = isDivided ? measured.update / Double(groups) : measured.update
        secondsPerStep =
            (measured.passes / Double(groups) + update) * crowd + Double(bytes) / linkBytesPerSecond
        secondsPerEvaluation = forwardPerImage * Double(plan.validationRecords)
        let tests =
            shape.options.isTested
            ? forwardPerImage * Double(plan.testRecords) * Double(1 + (shape.options.testViews?.count ?? 0))
            : 0
        seconds =
            Double(plan.steps) * secondsPerStep + Double(plan.epochs) * secondsPerEvaluation + tests
    }

    /// Whether nodes gain by an exchange of gradients of so many bytes: each then computes a part of them alone.
    func exchangesGradients(gradientBytes: Int) -> Bool {
        !isSummed
            && Self.exchangesGradients(
                update: measuredUpdateSeconds, groups: groups, gradientBytes: gradientBytes,
                linkBytesPerSecond: linkBytesPerSecond)
    }

    private static func exchangesGradients(
        update: Double, groups: Int, gradientBytes: Int, linkBytesPerSecond: Double
    ) -> Bool {
        update * (1 - 1 / Double(groups)) > Double(gradientBytes) / linkBytesPerSecond && groups > 1
    }
}

extension RunPlan {
    private func bytes(_ name: String) -> Int {
        exchanges.first { $0.name == name }?.bytesPerStep ?? 0
    }

    /// What gradients add to an exchange of factors.
    var gradientBytes: Int { bytes("factor-exchange and gradients") - bytes("factor-exchange") }

    /// The bytes of a step of this run's strategy.
    func bytesPerStep(withGradients: Bool) -> Int {
        guard shape.configuration.strategy == .factorExchange else { return bytes("allreduce") }
        return bytes(withGradients ? "factor-exchange and gradients" : "factor-exchange")
    }
}

/// Steps of a configuration, taken by this process alone on images that mean nothing.
private struct StepTrial {
    struct Measurement {
        let steps: Int
        let forward: Double
        /// Loading, forward and backward, and what else hosts divide among them.
        let passes: Double
        let update: Double
    }

    private let runner: StepRunner
    private let stepsPerEpoch: Int
    private let learningRate = 1e-4

    init(_ shape: RunPlan.Shape, threads: Int) throws {
        var configuration = shape.configuration
        // As far as time goes one group of shards is as good as many.
        configuration.averaging = .none
        let shardCount = configuration.logicalShards ?? 1
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
            steps: steps, forward: time(.forward), passes: phases.reduce(0, +) - time(.update),
            update: time(.update))
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
