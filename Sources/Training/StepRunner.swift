package import Collectives
package import DataParallel
package import Datasets
package import MLPEngine
package import Tensors

/// Takes one rank's part in training steps: batch, forward, backward, reduction, update.
package final class StepRunner {
    private enum Method {
        case fast(GradientSumReduction<Float>)
        case reproducible(FactorReduction<Float>)
    }

    /// The model, which the ranks of a node share.
    package let model: ModelState<Float>

    private let replica: Replica<Float>
    private let pixels: BatchPixels
    private let method: Method
    private let globalBatch: Int

    /// Makes a runner over shared memory or MPI, as asked for or as can be had. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - reduction: What carries the numbers; `auto` takes MPI, and says why, where memory cannot be shared.
    ///   - team: The threads of this rank.
    ///   - digits: The bytes of a number in a product with pixels; nil for Float products.
    ///   - note: Called with what people should know.
    /// - Returns: The runner, and the ranks in its order.
    /// - Throws: `SharedMemoryError`, on all ranks together, or the communicator's error.
    package static func make(
        _ communicator: any Communicator, _ reduction: RunOptions.Reduction,
        configuration: TrainingConfiguration, mlp: MLP, loader: BatchLoader, assignment: ShardAssignment,
        team: WorkerTeam, digits: Int?, note: (String) -> Void
    ) throws -> (StepRunner, RankGroup) {
        func make(sharingMemory: Bool) throws -> (StepRunner, RankGroup) {
            let ranks = try RankGroup(communicator, sharingMemory: sharingMemory)
            let runner = try StepRunner(
                ranks: ranks, configuration: configuration, mlp: mlp, loader: loader, assignment: assignment,
                team: team, digits: digits)
            return (runner, ranks)
        }
        switch reduction {
        case .mpi: return try make(sharingMemory: false)
        case .shared: return try make(sharingMemory: true)
        case .auto:
            do {
                return try make(sharingMemory: true)
            } catch let error as any AgreedFailure where error.isSharedMemoryError {
                note("\(error): the ranks exchange everything through MPI instead (--reduction mpi)")
                return try make(sharingMemory: false)
            }
        }
    }

    /// Allocates everything that steps need. Collective: every rank must call it.
    ///
    /// - Throws: `SharedMemoryError`, on all ranks together, or the communicator's error.
    private init(
        ranks: RankGroup, configuration: TrainingConfiguration, mlp: MLP, loader: BatchLoader,
        assignment: ShardAssignment, team: WorkerTeam, digits: Int?
    ) throws {
        let (communicator, node) = (ranks.communicator, ranks.node)
        globalBatch = configuration.batchSize
        let shardsOfRank = (0..<communicator.size).map { assignment.shards(of: $0) }
        let rowsOfRank = shardsOfRank.map { $0.count * loader.rowsPerShard }
        let pixels = try BatchPixels(
            loader: loader, group: node, rowsOfRank: rowsOfRank, rank: communicator.rank,
            exchanged: configuration.arithmetic == .reproducible)
        let model = try ModelState<Float>(
            mlp: mlp, optimizer: configuration.optimizer, group: node, seed: configuration.seed,
            pixels: digits.map { (CIFAR10.channelMean.count, $0) })
        let synchronizesBatchNorm = configuration.batchNorm == .sync
        switch configuration.arithmetic {
        case .fast:
            method = .fast(
                try GradientSumReduction(
                    communicator: communicator, group: node, model: model, rowsOfRank: rowsOfRank,
                    synchronizesBatchNorm: synchronizesBatchNorm, team: team))
        case .reproducible:
            let reduction = try FactorReduction(
                communicator: communicator, group: node, model: model, shardsOfRank: shardsOfRank,
                rowsPerShard: loader.rowsPerShard, synchronizesBatchNorm: synchronizesBatchNorm, team: team)
            reduction.exchangeBatch = { try pixels.exchange(over: $0) }
            method = .reproducible(reduction)
        }
        self.pixels = pixels
        self.model = model
        let parts = configuration.arithmetic == .fast ? 1 : loader.ownedShards.count
        replica = try communicator.agree(on: "making room for a step") {
            try Replica(model: model, rows: loader.rows, parts: parts)
        }
    }

    /// Takes a step. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - stepInEpoch: The step's number in the epoch that the loader has begun, from 0.
    ///   - learningRate: η.
    ///   - stopRequested: Whether this rank was asked to stop.
    ///   - checkpointRequested: Whether this rank wants a checkpoint.
    /// - Returns: What all ranks know alike.
    /// - Throws: The communicator's error.
    package func step(
        _ stepInEpoch: Int, learningRate: Double, stopRequested: Bool, checkpointRequested: Bool = false
    ) throws -> StepOutcome {
        times.enter(.batch)
        pixels.load(step: stepInEpoch)
        switch method {
        case .fast(let reduction):
            return try step(
                reduction, learningRate: learningRate, stopRequested: stopRequested,
                checkpointRequested: checkpointRequested)
        case .reproducible(let reduction):
            reduction.batch = pixels.all
            return try step(
                reduction, learningRate: learningRate, stopRequested: stopRequested,
                checkpointRequested: checkpointRequested)
        }
    }

    /// Waits for what is still on its way between nodes; more steps may follow. Collective: every rank must call it, after
    /// its last step unless that ended an epoch, was asked to stop or diverged.
    ///
    /// - Throws: The communicator's error.
    package func finish() throws {
        try pixels.finish()
    }

    /// The time spent in each phase of the steps.
    package var times: StepTimes {
        switch method {
        case .fast(let reduction): reduction.times
        case .reproducible(let reduction): reduction.times
        }
    }

    private func step<Reduction: GradientReduction<Float>>(
        _ reduction: Reduction, learningRate: Double, stopRequested: Bool, checkpointRequested: Bool
    ) throws -> StepOutcome {
        let outcome = try replica.step(
            pixels.own, targets: .labels(pixels.labels), globalBatch: globalBatch,
            learningRate: learningRate, stopRequested: stopRequested,
            checkpointRequested: checkpointRequested, method: reduction)
        // Nobody trains on: the run ends.
        if outcome.stopRequested || !outcome.loss.lossSum.isFinite { try finish() }
        return outcome
    }
}
