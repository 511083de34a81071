package import Collectives
package import DataParallel
package import Datasets
package import MLPEngine
package import Tensors

/// What one rank takes training steps with: model, batches, products, strategy.
package final class StepRunner {
    /// The model, which the ranks of a node share.
    package let model: ModelState<Float>
    /// The backend of matrix products.
    package let products: any MatrixProducts<Float>

    private let batches: BatchPixels
    private let strategy: any DataParallelStrategy<Float>
    private let training: TrainingStep<Float>

    /// Makes a runner over shared memory or MPI, as asked for or as can be had. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - transport: What carries the numbers; `auto` takes MPI, and says why, where memory cannot be shared.
    ///   - team: The threads of this rank.
    ///   - slices: The bytes of a number in a product with pixels; nil for Float products.
    ///   - note: Called with what people should know.
    /// - Returns: The runner, and the ranks in its order.
    /// - Throws: `SharedMemoryError`, on all ranks together, or the communicator's error.
    package static func make(
        _ communicator: any Communicator, _ transport: RunOptions.Transport,
        configuration: TrainingConfiguration, mlp: MLP, loader: BatchLoader, assignment: ShardAssignment,
        team: WorkerTeam, slices: Int?, note: (String) -> Void
    ) throws -> (StepRunner, RankGroup) {
        func make(sharingMemory: Bool) throws -> (StepRunner, RankGroup) {
            let ranks = try RankGroup(communicator, sharingMemory: sharingMemory)
            let runner = try StepRunner(
                ranks: ranks, configuration: configuration, mlp: mlp, loader: loader, assignment: assignment,
                team: team, slices: slices)
            return (runner, ranks)
        }
        switch transport {
        case .mpi: return try make(sharingMemory: false)
        case .shared: return try make(sharingMemory: true)
        case .auto:
            do {
                return try make(sharingMemory: true)
            } catch let error as any AgreedFailure where error.isSharedMemoryError {
                note("\(error): the ranks exchange everything through MPI instead (--transport mpi)")
                return try make(sharingMemory: false)
            }
        }
    }

    /// Allocates everything that steps need. Collective: every rank must call it.
    ///
    /// - Throws: `SharedMemoryError`, on all ranks together, or the communicator's error.
    private init(
        ranks: RankGroup, configuration: TrainingConfiguration, mlp: MLP, loader: BatchLoader,
        assignment: ShardAssignment, team: WorkerTeam, slices: Int?
    ) throws {
        try ranks.requireOneInstructionSet()
        let (communicator, node, network) = (ranks.communicator, ranks.node, mlp.network)
        let shardsOfRank = (0..<communicator.size).map { assignment.shards(of: $0) }
        let rowsOfRank = shardsOfRank.map { $0.count * loader.rowsPerShard }
        let batches = try BatchPixels(
            configuration, loader: loader, ranks: ranks, rowsOfRank: rowsOfRank,
            wantsAll: configuration.strategy != .allreduce)
        let model = try ModelState<Float>(
            mlp: mlp, optimizer: configuration.optimizer, group: node, seed: configuration.seed,
            pixels: slices.map { (loader.format.channels, $0) }, averaging: configuration.averaging)
        func packedProducts(rows: Int) throws -> PackedProducts<Float> {
            try communicator.agree(on: "making room for products") {
                if let bytes = model.byteWeights {
                    return try ByteProducts(
                        network, rows: loader.rows, batch: rows, weights: model.packedWeights, bytes: bytes,
                        team: team)
                }
                guard let int8 = model.int8Weights else {
                    return try PackedProducts(network, batch: rows, weights: model.packedWeights, team: team)
                }
                guard !model.bfloat16Weights.isEmpty else {
                    return try Int8Products(
                        network, batch: rows, weights: model.packedWeights, int8: int8, team: team)
                }
                return try BFloat16Products(
                    network, rows: loader.rows, batch: rows, weights: model.packedWeights, int8: int8,
                    bfloat16: model.bfloat16Weights, team: team)
            }
        }

        // An allreduce takes products of any kind; with those of a library no bits are promised.
        func shardProducts() throws -> any MatrixProducts<Float> {
            switch configuration.products {
            case .own: return try packedProducts(rows: loader.rowsPerShard)
            case .openBLAS:
                return try communicator.agree(on: "making room for products") {
                    try BLASProducts(network, batch: loader.rows, team: team)
                }
            }
        }

        // A further strategy is a further case.
        let strategy: any DataParallelStrategy<Float>
        let synchronizesBatchNorm = configuration.batchNorm == .sync
        switch configuration.strategy {
        // It is settled by now; where nobody has done that, there is no other node.
        case .factorExchange, .auto:
            strategy = try FactorExchange(
                communicator: communicator, group: node, network: network,
                products: packedProducts(rows: configuration.batchSize), shardsOfRank: shardsOfRank,
                rowsPerShard: loader.rowsPerShard, synchronizesBatchNorm: synchronizesBatchNorm)
        case .allreduce:
            strategy = try GradientAllreduce(
                communicator: communicator, group: node, network: network,
                products: shardProducts(), shardsOfRank: shardsOfRank,
                rowsPerShard: loader.rowsPerShard, synchronizesBatchNorm: synchronizesBatchNorm)
        }
        (self.batches, self.model, self.strategy) = (batches, model, strategy)
        products = strategy.products
        training = try communicator.agree(on: "making room for a step") {
            try TrainingStep(
                model: model, source: batches, strategy: strategy, rows: loader.rows,
                globalBatch: configuration.batchSize, seed: configuration.seed)
        }
    }

    /// Takes a step. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - step: The steps taken before, since training began.
    ///   - stepInEpoch: The step's number in the epoch that the loader has begun, from 0.
    ///   - learningRate: η.
    ///   - requests: What this rank asks of all.
    /// - Returns: What all ranks know alike.
    /// - Throws: The communicator's error.
    package func step(
        _ step: Int, stepInEpoch: Int, learningRate: Double, requests: StepRequests = .init()
    ) throws -> StepResult {
        let result = try training.take(
            step, batch: stepInEpoch, learningRate: learningRate, requests: requests)
        // Nobody trains on: the run ends.
        if result.requests.stop || result.origin != nil || !result.loss.lossSum.isFinite { try finish() }
        return result
    }

    /// Waits for what is still on its way between nodes; more steps may follow. Collective: every rank must call it, after
    /// its last step unless that ended an epoch, was asked to stop or diverged.
    ///
    /// - Throws: The communicator's error.
    package func finish() throws {
        try batches.finish()
    }

    /// The time spent in each phase of the steps.
    package var times: StepTimes { strategy.times }
}
