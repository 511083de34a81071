import Collectives
import DataParallel
import MLPEngine
import TensorTestSupport
import Tensors

/// A short training run on global batches of 8 logical shards, of which each rank gets a contiguous block; blocks
/// differ by up to one shard.
struct TrainingProblem: Sendable {
    static let shards = 8
    static let rowsPerShard = 5
    static let batch = shards * rowsPerShard
    static let inputs = 7
    static let classes = 3
    static let learningRate = 0.05
    static let seed: UInt64 = 3

    var mode: BatchNormMode
    var residual = false
    var optimizer = SGD()

    var mlp: MLP {
        MLP(
            MLPConfiguration(
                inputs: Self.inputs, hiddenDimensions: [6, 5], classes: Self.classes, activation: .tanh,
                batchNorm: mode != .none, residual: residual))
    }

    /// Where a rank stands after some steps.
    struct State: Sendable, Equatable {
        var parameters: [Double]
        var velocity: [Double]
        var statistics: [Double]
        /// Those of the last step.
        var gradients: [Double]
        var outcomes: [StepOutcome]
    }

    static func rows(of rank: Int, worldSize: Int) -> Range<Int> {
        rank * shards / worldSize * rowsPerShard..<(rank + 1) * shards / worldSize * rowsPerShard
    }

    static func rowsOfRank(worldSize: Int) -> [Int] {
        (0..<worldSize).map { rows(of: $0, worldSize: worldSize).count }
    }

    /// The inputs of a global batch, the same in every precision.
    static func inputs(step: Int) -> [Double] {
        Scratch.normals(batch * inputs, seed: 21, stream: step)
    }

    static func labels(step: Int) -> [Int32] {
        var random = RandomStream(seed: 22, purpose: .testing, shard: step)
        return (0..<batch).map { _ in Int32(random.integer(below: classes)) }
    }

    func reduction<Scalar: TensorScalar & CollectiveElement>(
        over communicator: any Communicator
    ) -> AllreduceReduction<Scalar> {
        AllreduceReduction(
            communicator: communicator, network: mlp.network,
            rowsOfRank: Self.rowsOfRank(worldSize: communicator.size),
            synchronizesBatchNorm: mode == .sync)
    }

    /// Trains with this rank's rows of every batch. Collective: every rank must call it.
    func train<Scalar: TensorScalar & CollectiveElement>(
        steps: Int, over communicator: any Communicator, as type: Scalar.Type
    ) throws -> State {
        let method: AllreduceReduction<Scalar> = reduction(over: communicator)
        let range = Self.rows(of: communicator.rank, worldSize: communicator.size)
        let replica = Replica<Scalar>(
            mlp: mlp, optimizer: optimizer, rows: range.count, parts: method.parts, seed: Self.seed)
        var outcomes: [StepOutcome] = []
        for step in 0..<steps {
            let scratch = Scratch()
            let x: Matrix<Scalar> = scratch.vector(
                rounding: Array(
                    Self.inputs(step: step)[range.lowerBound * Self.inputs..<range.upperBound * Self.inputs])
            )
            .matrix(rows: range.count, columns: Self.inputs)
            outcomes.append(
                try replica.step(
                    x, targets: .labels(scratch.vector(Array(Self.labels(step: step)[range]))),
                    globalBatch: Self.batch, learningRate: Self.learningRate, method: method))
        }
        return State(
            parameters: replica.parameters.doubles, velocity: replica.velocity?.doubles ?? [],
            statistics: replica.runningStatistics.doubles, gradients: replica.gradients.doubles,
            outcomes: outcomes)
    }

    /// The same by the engine's single passes and plain loops: no replica, no communicator.
    ///
    /// Where batch norm is local, each rank's rows make a pass of their own; gradients add up, and the statistics are
    /// the mean of the ranks', weighted by their rows. Else one pass takes the whole batch.
    func reference(steps: Int, worldSize: Int) throws -> State {
        let scratch = Scratch()
        let network = mlp.network
        let parameters: Vector<Double> = scratch.unset(mlp.parameterCount)
        let running: Vector<Double> = scratch.unset(network.statisticsLayout.count)
        network.parameterLayout.initialize(parameters, seed: Self.seed)
        network.statisticsLayout.initialize(running, seed: Self.seed)
        var velocity = [Double](repeating: 0, count: optimizer.hasVelocity ? mlp.parameterCount : 0)
        var gradients: [Double] = []
        var outcomes: [StepOutcome] = []
        let blocks =
            mode == .local
            ? (0..<worldSize).map { Self.rows(of: $0, worldSize: worldSize) } : [0..<Self.batch]
        for step in 0..<steps {
            let x: Matrix<Double> = scratch.vector(Self.inputs(step: step)).matrix(
                rows: Self.batch, columns: Self.inputs)
            let labels = scratch.vector(Self.labels(step: step))
            gradients = [Double](repeating: 0, count: mlp.parameterCount)
            var statistics = [Double](repeating: 0, count: running.count)
            var sum = BatchLoss.zero
            for block in blocks {
                let workspace = Workspace<Double>(for: network, capacity: block.count)
                let part: Vector<Double> = scratch.unset(mlp.parameterCount)
                let partStatistics: Matrix<Double> = scratch.unset(1, running.count)
                var losses = [BatchLoss.zero]
                try mlp.computeGradients(
                    x[rows: block], targets: .labels(labels[block]), globalBatch: Self.batch,
                    parameters: parameters, gradients: part, batchStatistics: partStatistics,
                    losses: &losses, workspace: workspace, reducer: LocalBatch())
                for (index, value) in part.array.enumerated() { gradients[index] += value }
                for (index, value) in partStatistics.vector.array.enumerated() {
                    statistics[index] += value * Double(block.count) / Double(Self.batch)
                }
                sum += losses[0]
            }
            for index in 0..<parameters.count {
                var change = gradients[index] + optimizer.weightDecay * parameters[index]
                if optimizer.hasVelocity {
                    velocity[index] = optimizer.momentum * velocity[index] + change
                    change =
                        optimizer.nesterov ? change + optimizer.momentum * velocity[index] : velocity[index]
                }
                parameters[index] -= Self.learningRate * change
            }
            for index in 0..<running.count { running[index] += 0.1 * (statistics[index] - running[index]) }
            outcomes.append(StepOutcome(loss: sum, stopRequested: false))
        }
        return State(
            parameters: parameters.array, velocity: velocity, statistics: running.array,
            gradients: gradients, outcomes: outcomes)
    }
}

extension TrainingProblem: CustomStringConvertible {
    var description: String {
        "batch norm \(mode.rawValue)\(residual ? ", residual" : ""), momentum \(optimizer.momentum)"
            + (optimizer.nesterov ? " (Nesterov)" : "") + ", weight decay \(optimizer.weightDecay)"
    }

    /// Batch norm in every mode, without and with everything else.
    static let all: [TrainingProblem] = BatchNormMode.allCases.flatMap { mode in
        [
            TrainingProblem(mode: mode),
            TrainingProblem(mode: mode, residual: true, optimizer: SGD(momentum: 0.9)),
            TrainingProblem(
                mode: mode, residual: true, optimizer: SGD(momentum: 0.8, nesterov: true, weightDecay: 0.01)),
        ]
    }
}

extension TrainingProblem.State {
    /// Whether everything is the same; for expectations, which would print all of it.
    func hasBits(of other: TrainingProblem.State) -> Bool { self == other }

    /// The largest |a − b| / max(1, |b|) over parameters, velocity, statistics, gradients and mean losses; infinite where
    /// anything is missing, is not a number, or is counted differently.
    func distance(to other: TrainingProblem.State) -> Double {
        let pairs = [
            (parameters, other.parameters), (velocity, other.velocity), (statistics, other.statistics),
            (gradients, other.gradients),
            (outcomes.map(\.loss.meanLoss), other.outcomes.map(\.loss.meanLoss)),
        ]
        guard pairs.allSatisfy({ $0.0.count == $0.1.count }),
            outcomes.map(\.loss.correct) == other.outcomes.map(\.loss.correct),
            outcomes.map(\.loss.samples) == other.outcomes.map(\.loss.samples),
            outcomes.map(\.stopRequested) == other.outcomes.map(\.stopRequested)
        else { return .infinity }
        return pairs.flatMap { zip($0.0, $0.1) }.reduce(0) { worst, pair in
            let error = abs(pair.0 - pair.1) / max(1, abs(pair.1))
            return error.isNaN ? .infinity : max(worst, error)
        }
    }
}

extension Vector where Scalar: TensorScalar {
    /// The scalars in double precision.
    var doubles: [Double] { array.map { Double($0) } }
}
