import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

/// A batch computed in parts, as ranks do it.
@Suite struct SpreadBatchTests {
    /// How many rows each part has.
    static let splits = [[12], [6, 6], [7, 5], [1, 11], [5, 4, 3], [1, 1, 1, 9]]

    static let configurations = [
        MLPConfiguration(inputs: 7, hiddenDimensions: [6, 4], classes: 3),
        MLPConfiguration(inputs: 7, hiddenDimensions: [6, 4], classes: 3, batchNorm: true),
        MLPConfiguration(
            inputs: 7, hiddenDimensions: [6, 4], classes: 3, activation: .tanh, batchNorm: true,
            residual: true),
    ]

    private struct Pass: Sendable {
        var loss: BatchLoss
        var gradients: [Double]
        var statistics: [Double]
    }

    /// What each part makes of its rows of one batch.
    private func run<Scalar: TensorScalar>(
        _ configuration: MLPConfiguration, split: [Int], as type: Scalar.Type
    ) throws -> [Pass] {
        let scratch = Scratch(seed: 9)
        let mlp = MLP(configuration)
        let rows = split.reduce(0, +)
        let parameters: Vector<Scalar> = scratch.normals(mlp.parameterCount, stream: 1)
        let x: Matrix<Scalar> = scratch.normals(rows, configuration.inputs, stream: 2)
        let labels = scratch.vector((0..<rows).map { Int32($0 % configuration.classes) })
        let gradients: [Vector<Scalar>] = split.map { _ in scratch.unset(parameters.count) }
        let statistics: [Matrix<Scalar>] = split.map { _ in
            scratch.unset(1, mlp.network.statisticsLayout.count)
        }
        let starts = split.indices.map { split[..<$0].reduce(0, +) }
        let meeting = Meeting(parts: split.count)
        return try runParts(split.count) { part in
            let range = starts[part]..<starts[part] + split[part]
            let workspace = try Workspace<Scalar>(for: mlp.network, capacity: range.count)
            var losses = [BatchLoss.zero]
            try mlp.computeGradients(
                .numbers(x[rows: range]), targets: .labels(labels[range]), globalBatch: rows,
                parameters: parameters, batchStatistics: statistics[part], losses: &losses,
                workspace: workspace,
                collectives: ThreadedCollectives(part: part, meeting: meeting, gradients: gradients[part]))
            return Pass(
                loss: losses[0], gradients: gradients[part].doubles,
                statistics: statistics[part].vector.doubles)
        }
    }

    private func distance(_ first: [Double], _ second: [Double]) -> Double {
        let size = max(1, second.map(abs).max() ?? 0)
        return zip(first, second).map { abs($0 - $1) / size }.reduce(0) { $1.isNaN ? .infinity : max($0, $1) }
    }

    private func check<Scalar: TensorScalar>(
        _ configuration: MLPConfiguration, _ split: [Int], tolerance: Double, as type: Scalar.Type
    ) throws {
        let whole = try run(configuration, split: [12], as: type)[0]
        let parts = try run(configuration, split: split, as: type)
        var (loss, sum) = (BatchLoss.zero, [Double](repeating: 0, count: whole.gradients.count))
        for part in parts {
            loss += part.loss
            sum = zip(sum, part.gradients).map { $0 + $1 }
            // Every part sees the statistics of the whole batch, however few rows it has itself.
            #expect(part.statistics.count == whole.statistics.count)
            #expect(distance(part.statistics, whole.statistics) < tolerance)
        }
        #expect(distance(sum, whole.gradients) < tolerance)
        #expect(abs(loss.lossSum - whole.loss.lossSum) < 12 * tolerance)
        #expect(loss.correct == whole.loss.correct && loss.samples == 12)
    }

    @Test(
        "Parts of any size give the losses, gradients and statistics of the whole batch",
        arguments: configurations, splits)
    func parts(configuration: MLPConfiguration, split: [Int]) throws {
        try check(configuration, split, tolerance: 1e-12, as: Double.self)
        try check(configuration, split, tolerance: 1e-5, as: Float.self)
    }

    @Test("Without other parts batch norm's statistics are the part's own")
    func localStatisticsDiffer() throws {
        let scratch = Scratch(seed: 9)
        let mlp = MLP(Self.configurations[1])
        let parameters: Vector<Double> = scratch.normals(mlp.parameterCount, stream: 1)
        let x: Matrix<Double> = scratch.normals(12, 7, stream: 2)
        let workspace = try Workspace<Double>(for: mlp.network, capacity: 12)
        func statistics(_ rows: Range<Int>) throws -> [Double] {
            let statistics: Matrix<Double> = scratch.unset(1, mlp.network.statisticsLayout.count)
            _ = try mlp.network.forward(
                .numbers(x[rows: rows]), parameters: parameters, batchStatistics: statistics,
                workspace: workspace)
            return statistics.vector.array
        }
        #expect(try distance(statistics(0..<6), statistics(6..<12)) > 0.01)
    }

    private struct Failure: Error {}

    enum Place: CaseIterable, Sendable {
        case moments, sums, factors, partSums
    }

    private final class FailingCollectives: BatchCollectives {
        let place: Place
        let synchronizesBatchNorm = true
        init(place: Place) { self.place = place }
        func mergeMoments(_ moments: Matrix<Float>, partRows: Int) throws -> Int {
            if place == .moments { throw Failure() }
            return partRows
        }
        func sum(_ sums: Matrix<Float>) throws {
            if place == .sums { throw Failure() }
        }
        func contribute(factorsOf linear: Linear, x: BatchInput<Float>, dy: Matrix<Float>) throws {
            // The last to be asked.
            if place == .factors, linear.readsBatch { throw Failure() }
        }
        func contribute(partSums: Matrix<Float>, of parameters: VectorParameter) throws {
            if place == .partSums { throw Failure() }
        }
    }

    @Test("What the collectives throw comes out of the pass", arguments: Place.allCases)
    func errors(place: Place) throws {
        let scratch = Scratch()
        let mlp = MLP(Self.configurations[1])
        let workspace = try Workspace<Float>(for: mlp.network, capacity: 2)
        let labels = scratch.vector([Int32(0), 1])
        let parameters: Vector<Float> = scratch.normals(mlp.parameterCount, stream: 1)
        let x: Matrix<Float> = scratch.normals(2, 7, stream: 2)
        var thrown = false
        do {
            var losses = [BatchLoss.zero]
            try mlp.computeGradients(
                .numbers(x), targets: .labels(labels), globalBatch: 2, parameters: parameters,
                batchStatistics: scratch.unset(1, mlp.network.statisticsLayout.count), losses: &losses,
                workspace: workspace, collectives: FailingCollectives(place: place))
        } catch {
            thrown = error is Failure
        }
        #expect(thrown)
    }

    @Test("The bits do not depend on how many rows the workspace has room for", arguments: configurations)
    func capacity(configuration: MLPConfiguration) throws {
        let scratch = Scratch(seed: 9)
        let mlp = MLP(configuration)
        let parameters: Vector<Float> = scratch.normals(mlp.parameterCount, stream: 1)
        let x: Matrix<Float> = scratch.normals(12, 7, stream: 2)
        let labels = scratch.vector((0..<12).map { Int32($0 % 3) })
        let passes = try [12, 13, 100].map { capacity in
            let workspace = try Workspace<Float>(for: mlp.network, capacity: capacity)
            let gradients: Vector<Float> = scratch.unset(mlp.parameterCount)
            // Twice, as a second pass must find nothing of the first.
            for _ in 0..<2 {
                _ = try mlp.computeGradients(
                    x, targets: .labels(labels), globalBatch: 12, parameters: parameters,
                    gradients: gradients,
                    batchStatistics: scratch.unset(1, mlp.network.statisticsLayout.count),
                    workspace: workspace)
            }
            return gradients.array.map(\.bitPattern)
        }
        #expect(passes[1] == passes[0] && passes[2] == passes[0])
    }
}
