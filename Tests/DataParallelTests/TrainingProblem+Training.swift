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
    private final class Batch<Scalar: TensorScalar & CollectiveElement> {
        private let problem: TrainingProblem
        private let region: SharedRegion
        private let scratch = Scratch()
        private let map: (scale: Vector<Scalar>, shift: Vector<Scalar>)

        init(_ problem: TrainingProblem, _ group: NodeGroup) throws {
            self.problem = problem
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

        var input: BatchInput<Scalar> {
            problem.asPixels
                ? .pixels(PixelMatrix(matrix(of: UInt8.self), scale: map.scale, shift: map.shift))
                : .numbers(matrix(of: Scalar.self))
        }

        func load(step: Int, rows: Range<Int>) {
            let range = rows.lowerBound * problem.inputs..<rows.upperBound * problem.inputs
            let scratch = Scratch()
            if problem.asPixels {
                matrix(of: UInt8.self)[rows: rows].vector.copy(
                    from: scratch.vector(Array(problem.pixels(step: step)[range])))
            } else {
                matrix(of: Scalar.self)[rows: rows].vector.copy(
                    from: scratch.vector(rounding: Array(problem.inputs(step: step)[range])))
            }
        }

        func exchange(over leaders: any Communicator, rowsOfNode: [Int]) throws {
            let counts = rowsOfNode.map { $0 * problem.inputs }
            if problem.asPixels {
                try leaders.allgather(segmentsOf: matrix(of: UInt8.self).vector.buffer, counts: counts)
            } else {
                try leaders.allgather(segmentsOf: matrix(of: Scalar.self).vector.buffer, counts: counts)
            }
        }
    }

    func fastReduction<Scalar: TensorScalar & CollectiveElement>(
        over communicator: any Communicator, group: NodeGroup, _ model: ModelState<Scalar>, threads: Int = 1
    ) throws -> GradientSumReduction<Scalar> {
        try GradientSumReduction(
            communicator: communicator, group: group, model: model,
            rowsOfRank: Self.rowsOfRank(worldSize: communicator.size),
            synchronizesBatchNorm: mode == .sync, team: WorkerTeam(threadCount: threads))
    }

    func reproducibleReduction<Scalar: TensorScalar & CollectiveElement>(
        over communicator: any Communicator, group: NodeGroup, _ model: ModelState<Scalar>, threads: Int = 1,
        exchangesGradients: Bool? = nil
    ) throws -> FactorReduction<Scalar> {
        try FactorReduction(
            communicator: communicator, group: group, model: model,
            shardsOfRank: (0..<communicator.size).map { Self.shards(of: $0, worldSize: communicator.size) },
            rowsPerShard: Self.rowsPerShard, synchronizesBatchNorm: mode == .sync,
            team: WorkerTeam(threadCount: threads),
            exchangesGradients: exchangesGradients)
    }

    /// The initial model. Collective: every rank must call it.
    func model<Scalar: TensorScalar & CollectiveElement>(
        _ group: NodeGroup, as type: Scalar.Type
    ) throws -> ModelState<Scalar> {
        let model = try ModelState<Scalar>(
            mlp: mlp, optimizer: optimizer, group: group, seed: Self.seed,
            pixels: Scalar.self == Float.self ? slices.map { (channels, $0) } : nil)
        try model.broadcast()
        return model
    }

    /// Trains in fast arithmetic. Collective: every rank must call it.
    func train<Scalar: TensorScalar & CollectiveElement>(
        steps: Int, over base: any Communicator, _ sharing: SharingMode = .shared, threads: Int = 1,
        learningRate: Double = learningRate, stopping: (_ step: Int) -> Bool = { _ in false },
        as type: Scalar.Type
    ) throws -> State {
        let (group, communicator) = try sharing.form(base)
        let model = try model(group, as: Scalar.self)
        let method = try fastReduction(over: communicator, group: group, model, threads: threads)
        return try train(
            steps: steps, communicator, group, model, Batch(self, group), method, learningRate, stopping)
    }

    /// Trains in reproducible arithmetic, with one part for each logical shard. Collective: every rank must call it.
    func trainReproducibly<Scalar: TensorScalar & CollectiveElement>(
        steps: Int, over base: any Communicator, _ sharing: SharingMode = .shared, threads: Int = 1,
        learningRate: Double = learningRate, stopping: (_ step: Int) -> Bool = { _ in false },
        as type: Scalar.Type
    ) throws -> State {
        let (group, communicator) = try sharing.form(base)
        let model = try model(group, as: Scalar.self)
        let method = try reproducibleReduction(
            over: communicator, group: group, model, threads: threads,
            exchangesGradients: sharing.exchangesGradients)
        let batch = try Batch<Scalar>(self, group)
        method.batch = batch.input
        let nodes = group.placement.nodeOfRank
        let rows = Self.rowsOfRank(worldSize: base.size)
        method.exchangeBatch = { leaders in
            let rowsOfNode = (0..<leaders.size).map { node in
                zip(nodes, rows).reduce(0) { $0 + ($1.0 == node ? $1.1 : 0) }
            }
            try batch.exchange(over: leaders, rowsOfNode: rowsOfNode)
        }
        return try train(steps: steps, communicator, group, model, batch, method, learningRate, stopping)
    }

    private func train<Method: GradientReduction>(
        steps: Int, _ communicator: any Communicator, _ group: NodeGroup, _ model: ModelState<Method.Scalar>,
        _ batch: Batch<Method.Scalar>, _ method: Method, _ learningRate: Double, _ stopping: (Int) -> Bool
    ) throws -> State {
        let range = Self.rows(of: communicator.rank, worldSize: communicator.size)
        let replica = try Replica(model: model, rows: range.count, parts: method.parts)
        var outcomes: [StepOutcome] = []
        for step in 0..<steps {
            let scratch = Scratch()
            batch.load(step: step, rows: range)
            outcomes.append(
                try replica.step(
                    batch.input[rows: range],
                    targets: .labels(scratch.vector(Array(Self.labels(step: step)[range]))),
                    globalBatch: Self.batch, learningRate: learningRate, stopRequested: stopping(step),
                    method: method))
        }
        return State(
            parameters: model.parameters.doubles, velocity: model.velocity?.doubles ?? [],
            statistics: model.runningStatistics.doubles, outcomes: outcomes,
            weightsArePacked: try Self.hasPackedWeights(model))
    }

    /// Whether the packed weights are those of the parameters.
    private static func hasPackedWeights<Scalar: TensorScalar & CollectiveElement>(
        _ model: ModelState<Scalar>
    ) throws -> Bool {
        // Bytes would show in the bits of the next step.
        guard model.packedWeights.slices == nil else { return true }
        let scratch = Scratch()
        let packed: Vector<Scalar> = scratch.unset(model.packedWeights.numbers.count)
        try LinearProducts(model.mlp.network, batch: 0, packed: PackedWeights(numbers: packed), threads: 1)
            .packWeights(model.parameters)
        return packed.array == model.packedWeights.numbers.array
    }
}
