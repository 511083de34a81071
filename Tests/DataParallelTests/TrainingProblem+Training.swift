import Collectives
import DataParallel
import MLPEngine
import TensorTestSupport
import Tensors

/// Training on the ranks of a communicator, every rank with its own rows of every batch.
extension TrainingProblem {
    static func shards(of rank: Int, worldSize: Int) -> Range<Int> {
        rank * shards / worldSize..<(rank + 1) * shards / worldSize
    }

    /// The rows of a batch in memory that a node shares. A rank knows its own, and the others only if they are exchanged.
    private final class Batches<Scalar: TensorScalar & CollectiveElement>: BatchSource {
        private let problem: TrainingProblem
        private let region: SharedRegion
        private let scratch = Scratch()
        private let map: (scale: Vector<Scalar>, shift: Vector<Scalar>)
        private let group: NodeGroup
        private let rowsOfRank: [Int]
        private let rows: Range<Int>
        private let labels: Vector<Int32>

        init(_ problem: TrainingProblem, _ group: NodeGroup, rank: Int, worldSize: Int) throws {
            self.problem = problem
            self.group = group
            rowsOfRank = TrainingProblem.rowsOfRank(worldSize: worldSize)
            rows = TrainingProblem.rows(of: rank, worldSize: worldSize)
            labels = scratch.vector([Int32](repeating: 0, count: rows.count))
            let count = TrainingProblem.batch * problem.inputs
            region = try group.makeRegion(
                byteCount: problem.asPixels ? count : count * MemoryLayout<Scalar>.stride)
            map = (
                scratch.vector(
                    [Scalar](repeating: Scalar(TrainingProblem.pixelMap.scale), count: problem.channels)),
                scratch.vector(
                    [Scalar](repeating: Scalar(TrainingProblem.pixelMap.shift), count: problem.channels))
            )
        }

        private func matrix<Element>(of: Element.Type) -> Matrix<Element> {
            let count = TrainingProblem.batch * problem.inputs
            return Vector(base: region.base.bindMemory(to: Element.self, capacity: count), count: count)
                .matrix(rows: TrainingProblem.batch, columns: problem.inputs)
        }

        private var input: BatchInput<Scalar> {
            problem.asPixels
                ? .pixels(PixelMatrix(matrix(of: UInt8.self), scale: map.scale, shift: map.shift))
                : .numbers(matrix(of: Scalar.self))
        }

        func load(_ step: Int) -> StepBatch<Scalar> {
            let range = rows.lowerBound * problem.inputs..<rows.upperBound * problem.inputs
            let scratch = Scratch()
            if problem.asPixels {
                matrix(of: UInt8.self)[rows: rows].vector.copy(
                    from: scratch.vector(Array(problem.pixels(step: step)[range])))
            } else {
                matrix(of: Scalar.self)[rows: rows].vector.copy(
                    from: scratch.vector(rounding: Array(problem.inputs(step: step)[range])))
            }
            labels.copy(from: scratch.vector(Array(TrainingProblem.labels(step: step)[rows])))
            return StepBatch(
                own: input[rows: rows], targets: .labels(labels), all: input,
                exchange: { [unowned self] in try exchange(over: $0) })
        }

        private func exchange(over leaders: any Communicator) throws {
            let counts = (0..<leaders.size).map { node in
                zip(group.placement.nodeOfRank, rowsOfRank)
                    .reduce(0) { $0 + ($1.0 == node ? $1.1 : 0) } * problem.inputs
            }
            if problem.asPixels {
                try leaders.allgather(segmentsOf: matrix(of: UInt8.self).vector.buffer, counts: counts)
            } else {
                try leaders.allgather(segmentsOf: matrix(of: Scalar.self).vector.buffer, counts: counts)
            }
        }
    }

    /// The backend of products over so many rows, with the model's packed weights.
    func products<Scalar: TensorScalar & CollectiveElement>(
        _ model: ModelState<Scalar>, rows: Int, threads: Int = 1
    ) throws -> PackedProducts<Scalar> {
        let (network, team) = (model.mlp.network, try WorkerTeam(threadCount: threads))
        if let int8 = model.int8Weights, !model.bfloat16Weights.isEmpty,
            let model = model as? ModelState<Float>,
            let products = try BFloat16Products(
                network, rows: rows, batch: rows, weights: model.packedWeights, int8: int8,
                bfloat16: model.bfloat16Weights, team: team) as? PackedProducts<Scalar>
        {
            return products
        }
        if let int8 = model.int8Weights, let model = model as? ModelState<Float>,
            let products = try Int8Products(
                network, batch: rows, weights: model.packedWeights, int8: int8, team: team)
                as? PackedProducts<Scalar>
        {
            return products
        }
        if let bytes = model.byteWeights, let model = model as? ModelState<Float>,
            let products = try ByteProducts(
                network, rows: rows, batch: rows, weights: model.packedWeights, bytes: bytes, team: team)
                as? PackedProducts<Scalar>
        {
            return products
        }
        return try PackedProducts(network, batch: rows, weights: model.packedWeights, team: team)
    }

    func allreduce<Scalar: TensorScalar & CollectiveElement>(
        over communicator: any Communicator, group: NodeGroup, _ model: ModelState<Scalar>, threads: Int = 1
    ) throws -> GradientAllreduce<Scalar> {
        let shardsOfRank = (0..<communicator.size).map { Self.shards(of: $0, worldSize: communicator.size) }
        return try GradientAllreduce(
            communicator: communicator, group: group, network: mlp.network,
            products: products(
                model, rows: shardsOfRank[communicator.rank].count * Self.rowsPerShard, threads: threads),
            shardsOfRank: shardsOfRank, rowsPerShard: Self.rowsPerShard,
            synchronizesBatchNorm: mode == .sync)
    }

    func factorExchange<Scalar: TensorScalar & CollectiveElement>(
        over communicator: any Communicator, group: NodeGroup, _ model: ModelState<Scalar>, threads: Int = 1,
        exchangesGradients: Bool? = nil
    ) throws -> FactorExchange<Scalar> {
        try FactorExchange(
            communicator: communicator, group: group, network: mlp.network,
            products: products(model, rows: Self.batch, threads: threads),
            shardsOfRank: (0..<communicator.size).map { Self.shards(of: $0, worldSize: communicator.size) },
            rowsPerShard: Self.rowsPerShard, synchronizesBatchNorm: mode == .sync,
            exchangesGradients: exchangesGradients)
    }

    /// The initial model. Collective: every rank must call it.
    func model<Scalar: TensorScalar & CollectiveElement>(
        _ group: NodeGroup, as type: Scalar.Type
    ) throws -> ModelState<Scalar> {
        try ModelState<Scalar>(
            mlp: mlp, optimizer: optimizer, group: group, seed: Self.seed,
            pixels: Scalar.self == Float.self ? slices.map { (channels, $0) } : nil)
    }

    /// Trains by an allreduce of gradients, with one part for each logical shard. Collective: every rank must call it.
    func train<Scalar: TensorScalar & CollectiveElement>(
        steps: Int, over base: any Communicator, _ sharing: SharingMode = .shared, threads: Int = 1,
        learningRate: Double = learningRate, stopping: (_ step: Int) -> Bool = { _ in false },
        as type: Scalar.Type
    ) throws -> State {
        let (group, communicator) = try sharing.form(base)
        let model = try model(group, as: Scalar.self)
        return try train(
            steps: steps, communicator, group, model,
            allreduce(over: communicator, group: group, model, threads: threads), learningRate, stopping)
    }

    /// Trains by exchanging factors, with one part for each logical shard. Collective: every rank must call it.
    func trainReproducibly<Scalar: TensorScalar & CollectiveElement>(
        steps: Int, over base: any Communicator, _ sharing: SharingMode = .shared, threads: Int = 1,
        learningRate: Double = learningRate, stopping: (_ step: Int) -> Bool = { _ in false },
        as type: Scalar.Type
    ) throws -> State {
        let (group, communicator) = try sharing.form(base)
        let model = try model(group, as: Scalar.self)
        return try train(
            steps: steps, communicator, group, model,
            factorExchange(
                over: communicator, group: group, model, threads: threads,
                exchangesGradients: sharing.exchangesGradients), learningRate, stopping)
    }

    private func train<Scalar: TensorScalar & CollectiveElement>(
        steps: Int, _ communicator: any Communicator, _ group: NodeGroup, _ model: ModelState<Scalar>,
        _ strategy: any DataParallelStrategy<Scalar>, _ learningRate: Double, _ stopping: (Int) -> Bool
    ) throws -> State {
        if let fault, group.isLeader { fault.spoil(model.parameters, mlp.network.parameterLayout) }
        try model.broadcast(to: strategy.products)
        let (rank, worldSize) = (communicator.rank, communicator.size)
        let batches = try Batches<Scalar>(self, group, rank: rank, worldSize: worldSize)
        let training = try TrainingStep(
            model: model, source: batches, strategy: strategy,
            rows: Self.rows(of: rank, worldSize: worldSize).count, globalBatch: Self.batch, seed: Self.seed)
        let results = try (0..<steps).map { step in
            try training.take(
                step, batch: step, learningRate: learningRate, requests: .init(stop: stopping(step)))
        }
        return State(
            parameters: model.parameters.doubles, velocity: model.optimizerState.first?.doubles ?? [],
            statistics: model.runningStatistics.doubles, results: results,
            weightsArePacked: try hasPackedWeights(model))
    }

    /// Whether the packed weights are those of the parameters.
    func hasPackedWeights<Scalar: TensorScalar & CollectiveElement>(_ model: ModelState<Scalar>) throws
        -> Bool
    {
        // Integers would show in the bits of the next step.
        guard model.int8Weights == nil, model.byteWeights == nil else { return true }
        let scratch = Scratch()
        let packed: Vector<Scalar> = scratch.unset(model.packedWeights.count)
        try PackedProducts(
            model.mlp.network, batch: 0, weights: packed, team: WorkerTeam(threadCount: 1)
        ).packWeights(model.parameters)
        return packed.array == model.packedWeights.array
    }
}
