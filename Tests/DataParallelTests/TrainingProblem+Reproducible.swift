import Collectives
import DataParallel
import MLPEngine
import TensorTestSupport
import Tensors

extension TrainingProblem {
    /// Trains with the logical shards of this rank, one part each. Collective: every rank must call it.
    func trainReproducibly<Scalar: TensorScalar & CollectiveElement>(
        steps: Int, over communicator: any Communicator, threads: Int = 1, as type: Scalar.Type
    ) throws -> State {
        let scratch = Scratch()
        let shardsOfRank = (0..<communicator.size).map {
            $0 * Self.shards / communicator.size..<($0 + 1) * Self.shards / communicator.size
        }
        let wholeBatch: Matrix<Scalar> = scratch.unset(Self.batch, Self.inputs)
        let method = ReproducibleReduction<Scalar>(
            communicator: communicator, network: mlp.network, shardsOfRank: shardsOfRank,
            rowsPerShard: Self.rowsPerShard, networkInput: wholeBatch, synchronizesBatchNorm: mode == .sync,
            threadCount: threads)
        let range = Self.rows(of: communicator.rank, worldSize: communicator.size)
        let replica = Replica<Scalar>(
            mlp: mlp, optimizer: optimizer, rows: range.count, parts: method.parts, seed: Self.seed)
        var outcomes: [StepOutcome] = []
        for step in 0..<steps {
            let input: Vector<Scalar> = scratch.vector(rounding: Self.inputs(step: step))
            wholeBatch.vector.copy(from: input)
            outcomes.append(
                try replica.step(
                    input.matrix(rows: Self.batch, columns: Self.inputs)[rows: range],
                    targets: .labels(scratch.vector(Array(Self.labels(step: step)[range]))),
                    globalBatch: Self.batch, learningRate: Self.learningRate, method: method))
        }
        return State(
            parameters: replica.parameters.doubles, velocity: replica.velocity?.doubles ?? [],
            statistics: replica.runningStatistics.doubles, gradients: replica.gradients.doubles,
            outcomes: outcomes)
    }
}
