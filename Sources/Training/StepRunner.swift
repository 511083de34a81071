internal import Collectives
internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors

/// Takes one rank's part in training steps: batch, forward, backward, reduction, update.
final class StepRunner {
    private enum Method {
        case fast(AllreduceReduction<Float>)
        case reproducible(ReproducibleReduction<Float>, GlobalInput?)
    }

    let replica: Replica<Float>

    private let loader: BatchLoader
    private let method: Method
    private let globalBatch: Int
    private let input: AlignedBuffer<Float>
    private let labels: AlignedBuffer<Int32>

    private var x: Matrix<Float> { input.matrix(rows: loader.rows, columns: CIFAR10.imageBytes) }

    /// Allocates the replica and everything that steps need.
    init(
        communicator: any Communicator, configuration: TrainingConfiguration, mlp: MLP, loader: BatchLoader,
        assignment: ShardAssignment, threads: Int
    ) {
        self.loader = loader
        globalBatch = configuration.batchSize
        input = AlignedBuffer(repeating: 0, count: loader.rows * CIFAR10.imageBytes)
        labels = AlignedBuffer(repeating: 0, count: loader.rows)
        let shardsOfRank = (0..<communicator.size).map { assignment.shards(of: $0) }
        let rowsOfRank = shardsOfRank.map { $0.count * loader.rowsPerShard }
        let parts: Int
        switch configuration.arithmetic {
        case .fast:
            parts = 1
            method = .fast(
                AllreduceReduction(
                    communicator: communicator, network: mlp.network, rowsOfRank: rowsOfRank,
                    synchronizesBatchNorm: configuration.batchNorm == .sync))
        case .reproducible:
            parts = loader.ownedShards.count
            // One rank has the whole batch as it is.
            let global: GlobalInput? =
                communicator.size == 1
                ? nil
                : GlobalInput(
                    communicator: communicator, loader: loader, rowsOfRank: rowsOfRank,
                    columns: ReproducibleReduction<Float>.columns(
                        loader.ownedShards, of: CIFAR10.imageBytes, shardCount: assignment.shardCount))
            let networkInput = global?.matrix ?? input.matrix(rows: loader.rows, columns: CIFAR10.imageBytes)
            // Launchers bind a rank to a core; its threads may use the others.
            let reduction = ProcessorAffinity.withAffinityToAllProcessors {
                ReproducibleReduction(
                    communicator: communicator, network: mlp.network, shardsOfRank: shardsOfRank,
                    rowsPerShard: loader.rowsPerShard, networkInput: networkInput,
                    synchronizesBatchNorm: configuration.batchNorm == .sync, threadCount: threads)
            }
            method = .reproducible(reduction, global)
        }
        replica = Replica(
            mlp: mlp, optimizer: configuration.optimizer, rows: loader.rows, parts: parts,
            seed: configuration.seed)
    }

    /// Takes a step. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - stepInEpoch: The step's number in the epoch that the loader has begun, from 0.
    ///   - learningRate: η.
    ///   - stopRequested: Whether this rank was asked to stop.
    /// - Returns: What all ranks know alike.
    /// - Throws: The communicator's error.
    func step(_ stepInEpoch: Int, learningRate: Double, stopRequested: Bool) throws -> StepOutcome {
        loader.load(step: stepInEpoch, into: x, labels: labels.vector)
        let targets = Targets<Float>.labels(labels.vector)
        switch method {
        case .fast(let reduction):
            return try replica.step(
                x, targets: targets, globalBatch: globalBatch, learningRate: learningRate,
                stopRequested: stopRequested, method: reduction)
        case .reproducible(let reduction, let global):
            try global?.load(step: stepInEpoch)
            return try replica.step(
                x, targets: targets, globalBatch: globalBatch, learningRate: learningRate,
                stopRequested: stopRequested, method: reduction)
        }
    }
}
