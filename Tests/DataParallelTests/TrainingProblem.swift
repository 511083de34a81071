import Collectives
import DataParallel
import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors

/// A short training run on global batches of 8 logical shards, of which each rank gets a contiguous block; blocks
/// differ by up to one shard.
struct TrainingProblem: Sendable {
    static let shards = 8
    static let rowsPerShard = 5
    static let batch = shards * rowsPerShard
    static let classes = 3
    static let learningRate = 0.05
    static let seed: UInt64 = 3

    var mode: BatchNormMode
    var residual = false
    var layerNorm = false
    var optimizer = SGD()
    /// Inputs and hidden widths; weights of more than 32 columns are divided among ranks.
    var inputs = 7
    var hidden = [6, 5]
    /// Whether the network sees its input as pixels.
    var asPixels = false
    /// The bytes of a number in a product with pixels, in Float networks; nil for products of numbers.
    var slices: Int?
    /// What makes numbers infinite or NaN; nil for nothing.
    var fault: NumericFault?
    /// The colour channels of the inputs, which are all mapped alike.
    var channels: Int { inputs % 96 == 0 ? 3 : 1 }

    var mlp: MLP {
        MLP(
            MLPConfiguration(
                inputs: inputs, hiddenDimensions: hidden, classes: Self.classes, activation: .tanh,
                batchNorm: mode != .none, layerNorm: layerNorm, residual: residual))
    }

    /// Where a rank stands after some steps.
    struct State: Sendable, Equatable {
        var parameters: [Double]
        var velocity: [Double]
        var statistics: [Double]
        var results: [StepResult]
        /// Whether the packed weights are those of the parameters.
        var weightsArePacked = true
    }

    static func rows(of rank: Int, worldSize: Int) -> Range<Int> {
        rank * shards / worldSize * rowsPerShard..<(rank + 1) * shards / worldSize * rowsPerShard
    }

    static func rowsOfRank(worldSize: Int) -> [Int] {
        (0..<worldSize).map { rows(of: $0, worldSize: worldSize).count }
    }

    /// What a pixel is multiplied with, and what is added to that: every number is exact.
    static let pixelMap = (scale: 1.0 / 64, shift: -2.0)

    /// The inputs of a global batch as bytes.
    func pixels(step: Int) -> [UInt8] {
        var random = RandomStream(seed: 21, purpose: .testing, shard: step)
        return (0..<Self.batch * inputs).map { _ in UInt8(random.integer(below: 256)) }
    }

    /// The same as numbers, the same in every precision.
    func inputs(step: Int) -> [Double] {
        var all = pixels(step: step).map { Double($0) * Self.pixelMap.scale + Self.pixelMap.shift }
        if case .input(let row, step)? = fault { all[row * inputs] = .nan }
        return all
    }

    static func labels(step: Int) -> [Int32] {
        var random = RandomStream(seed: 22, purpose: .testing, shard: step)
        return (0..<batch).map { _ in Int32(random.integer(below: classes)) }
    }

    /// Training by the engine's single passes and plain loops: no strategy, no communicator.
    ///
    /// Where batch norm is local, each rank's rows make a pass of their own; gradients add up, and the statistics are
    /// the mean of the ranks', weighted by their rows. Else one pass takes the whole batch.
    func reference(steps: Int, worldSize: Int, learningRate: Double = learningRate) throws -> State {
        let scratch = Scratch()
        let network = mlp.network
        let parameters: Vector<Double> = scratch.unset(mlp.parameterCount)
        let running: Vector<Double> = scratch.unset(network.statisticsLayout.count)
        network.parameterLayout.initialize(parameters, seed: Self.seed)
        network.statisticsLayout.initialize(running, seed: Self.seed)
        var velocity = [Double](repeating: 0, count: optimizer.momentum != 0 ? mlp.parameterCount : 0)
        var results: [StepResult] = []
        let blocks =
            mode == .local
            ? (0..<worldSize).map { Self.rows(of: $0, worldSize: worldSize) } : [0..<Self.batch]
        for step in 0..<steps {
            let x: Matrix<Double> = scratch.vector(inputs(step: step)).matrix(
                rows: Self.batch, columns: inputs)
            let labels = scratch.vector(Self.labels(step: step))
            var gradients = [Double](repeating: 0, count: mlp.parameterCount)
            var statistics = [Double](repeating: 0, count: running.count)
            var sum = BatchLoss.zero
            for block in blocks {
                let workspace = try Workspace<Double>(for: network, capacity: block.count)
                let part: Vector<Double> = scratch.unset(mlp.parameterCount)
                let partStatistics: Matrix<Double> = scratch.unset(1, running.count)
                sum += try mlp.computeGradients(
                    x[rows: block], targets: .labels(labels[block]), globalBatch: Self.batch,
                    parameters: parameters, gradients: part, batchStatistics: partStatistics,
                    workspace: workspace)
                for (index, value) in part.array.enumerated() { gradients[index] += value }
                for (index, value) in partStatistics.vector.array.enumerated() {
                    statistics[index] += value * Double(block.count) / Double(Self.batch)
                }
            }
            for index in 0..<parameters.count {
                var change = gradients[index] + optimizer.weightDecay * parameters[index]
                if optimizer.momentum != 0 {
                    velocity[index] = optimizer.momentum * velocity[index] + change
                    change =
                        optimizer.nesterov ? change + optimizer.momentum * velocity[index] : velocity[index]
                }
                parameters[index] -= learningRate * change
            }
            for index in 0..<running.count { running[index] += 0.1 * (statistics[index] - running[index]) }
            results.append(StepResult(loss: sum))
        }
        return State(
            parameters: parameters.array, velocity: velocity, statistics: running.array, results: results)
    }
}

extension TrainingProblem: CustomStringConvertible {
    var description: String {
        "batch norm \(mode.rawValue)\(residual ? ", residual" : "")\(layerNorm ? ", layer norm" : ""), momentum \(optimizer.momentum)"
            + (optimizer.nesterov ? " (Nesterov)" : "") + ", weight decay \(optimizer.weightDecay)"
            + ", \([inputs] + hidden)\(asPixels ? ", pixels" : "")"
            + (slices.map { " times \($0) bytes" } ?? "")
    }

    /// Batch norm in every mode, without and with everything else, small layers and large ones; no hidden layers.
    static let all: [TrainingProblem] =
        BatchNormMode.allCases.flatMap { mode in
            [
                TrainingProblem(mode: mode),
                TrainingProblem(
                    mode: mode, optimizer: SGD(momentum: 0.9), inputs: 301, hidden: [70, 33], asPixels: true),
                TrainingProblem(mode: mode, residual: true, optimizer: SGD(momentum: 0.9)),
                TrainingProblem(
                    mode: mode, residual: true,
                    optimizer: SGD(momentum: 0.8, nesterov: true, weightDecay: 0.01)),
            ]
        } + [
            TrainingProblem(mode: .none, optimizer: SGD(momentum: 0.9), inputs: 65, hidden: []),
            TrainingProblem(mode: .none, inputs: 1, hidden: [], asPixels: true),
            TrainingProblem(
                mode: .none, residual: true, layerNorm: true, optimizer: SGD(momentum: 0.9), inputs: 65,
                hidden: [34, 5], asPixels: true),
        ]
}

extension TrainingProblem.State {
    /// Whether everything is the same; for expectations, which would print all of it.
    func hasBits(of other: TrainingProblem.State) -> Bool { self == other }

    /// The largest |a − b| / max(1, |b|) over parameters, velocity, statistics and mean losses; infinite where
    /// anything is missing, is not a number, or is counted differently.
    func distance(to other: TrainingProblem.State) -> Double {
        let pairs = [
            (parameters, other.parameters), (velocity, other.velocity), (statistics, other.statistics),
            (results.map(\.loss.meanLoss), other.results.map(\.loss.meanLoss)),
        ]
        guard weightsArePacked, pairs.allSatisfy({ $0.0.count == $0.1.count }),
            results.map(\.loss.correct) == other.results.map(\.loss.correct),
            results.map(\.loss.samples) == other.results.map(\.loss.samples),
            results.map(\.requests.stop) == other.results.map(\.requests.stop)
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
