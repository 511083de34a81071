import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

@Suite struct BatchNormTests {
    private let width = 5

    /// A network of batch norm alone, that layer, and memory for so many rows.
    private func makeNetwork<Scalar: TensorScalar>(
        rows: Int, as type: Scalar.Type
    ) throws -> (network: Sequential, norm: BatchNorm, workspace: Workspace<Scalar>) {
        var builder = SequentialBuilder(inputs: width, prefix: "norm")
        builder.batchNorm()
        let network = builder.build()
        return (
            network, try #require(network.layers[0] as? BatchNorm),
            try Workspace<Scalar>(for: network, capacity: rows)
        )
    }

    @Test("In training every column comes out with mean 0 and variance 1, then scaled by γ and shifted by β")
    func normalizes() throws {
        let rows = 64
        let (network, module, workspace) = try makeNetwork(rows: rows, as: Double.self)
        let (layout, statistics) = (network.parameterLayout, network.statisticsLayout)
        let scratch = Scratch()
        let parameters: Vector<Double> = scratch.unset(layout.count)
        layout.initialize(parameters, seed: 1)
        parameters[module.gamma.range][2] = -3
        parameters[module.beta.range][2] = 0.5
        let x: Matrix<Double> = scratch.normals(rows, width, stream: 1)
        for row in 0..<rows {
            for column in 0..<width {
                x[row, column] = x[row, column] * Double(column + 1) + 10 * Double(column)
            }
        }
        let y = try network.forward(
            .numbers(x), parameters: parameters, batchStatistics: scratch.unset(1, statistics.count),
            workspace: workspace)
        for column in 0..<width {
            let values = (0..<rows).map { y[$0, column] }
            let mean = values.reduce(0, +) / Double(rows)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows)
            // ε keeps the variance a little below γ².
            let (beta, gamma) = column == 2 ? (0.5, 3.0) : (0, 1)
            #expect(abs(mean - beta) < 1e-12)
            #expect(abs(variance - gamma * gamma) < 2e-4 && variance < gamma * gamma)
        }
    }

    @Test("The batch's statistics are its mean and its unbiased variance")
    func batchStatistics() throws {
        let (network, module, workspace) = try makeNetwork(rows: 3, as: Double.self)
        let (layout, statistics) = (network.parameterLayout, network.statisticsLayout)
        let scratch = Scratch()
        let parameters: Vector<Double> = scratch.unset(layout.count)
        layout.initialize(parameters, seed: 1)
        let x: Matrix<Double> = scratch.vector((0..<15).map { Double($0 * $0) }).matrix(
            rows: 3, columns: width)
        let before = x.vector.array
        let batch: Vector<Double> = scratch.unset(statistics.count)
        _ = try network.forward(
            .numbers(x), parameters: parameters, batchStatistics: batch.matrix(rows: 1, columns: batch.count),
            workspace: workspace)
        for column in 0..<width {
            let values = [before[column], before[column + width], before[column + 2 * width]]
            let mean = values.reduce(0, +) / 3
            let unbiased = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2
            #expect(abs(batch[module.mean][column] - mean) < 1e-12)
            #expect(abs(batch[module.variance][column] - unbiased) < 1e-10)
        }
    }

    @Test("Running statistics start at 0 and 1 and follow the batch's with the momentum")
    func runningStatistics() throws {
        let (network, module, _) = try makeNetwork(rows: 1, as: Float.self)
        let statistics = network.statisticsLayout
        let scratch = Scratch()
        let running: Vector<Float> = scratch.unset(statistics.count)
        statistics.initialize(running, seed: 1)
        #expect(running[module.mean].array == [0, 0, 0, 0, 0])
        #expect(running[module.variance].array == [1, 1, 1, 1, 1])
        let batch = scratch.vector((0..<statistics.count).map { Float($0) })
        BatchNorm.update(running: running, towards: batch, momentum: 0.25)
        #expect(running[module.mean][3] == 0.25 * batch[module.mean][3])
        #expect(running[module.variance][4] == 0.75 + 0.25 * batch[module.variance][4])
        BatchNorm.update(running: running, towards: batch, momentum: 0.25)
        #expect(running[module.mean][3] == 0.4375 * batch[module.mean][3])
    }

    @Test("Evaluation normalises with the running statistics, each row for itself")
    func evaluation() throws {
        let scratch = Scratch()
        let rows = 4
        let (network, module, workspace) = try makeNetwork(rows: rows, as: Double.self)
        let (layout, statistics) = (network.parameterLayout, network.statisticsLayout)
        let parameters: Vector<Double> = scratch.normals(layout.count, stream: 1)
        let running = scratch.vector((0..<statistics.count).map { 0.5 + Double($0) })
        let x: Matrix<Double> = scratch.normals(rows, width, stream: 2)
        let before = x.vector.array
        let y = try network.evaluate(
            .numbers(x), parameters: parameters, runningStatistics: running, workspace: workspace)
        let second = y[rows: 1..<2].vector.array
        for (index, old) in before.enumerated() {
            let column = index % width
            let root = (running[module.variance][column] + 1e-5).squareRoot()
            let normalized = (old - running[module.mean][column]) / root
            let expected =
                parameters[module.gamma.range][column] * normalized + parameters[module.beta.range][column]
            #expect(abs(y.vector[index] - expected) < 1e-12)
        }
        let alone: Matrix<Double> = scratch.vector(Array(before[width..<2 * width])).matrix(
            rows: 1, columns: width)
        let one = try network.evaluate(
            .numbers(alone), parameters: parameters, runningStatistics: running, workspace: workspace)
        #expect(one.vector.array == second)
    }

    @Test("A constant column and a batch of one row give β, not NaN")
    func noVariance() throws {
        let (network, module, workspace) = try makeNetwork(rows: 8, as: Float.self)
        let (layout, statistics) = (network.parameterLayout, network.statisticsLayout)
        let scratch = Scratch()
        let parameters: Vector<Float> = scratch.normals(layout.count, stream: 1)
        for rows in [1, 8] {
            let x = scratch.vector([Float](repeating: 3, count: rows * width)).matrix(
                rows: rows, columns: width)
            let batch: Vector<Float> = scratch.unset(statistics.count)
            let y = try network.forward(
                .numbers(x), parameters: parameters,
                batchStatistics: batch.matrix(rows: 1, columns: batch.count), workspace: workspace)
            for row in 0..<rows {
                #expect(y[rows: row..<row + 1].vector.array == parameters[module.beta.range].array)
            }
            #expect(batch[module.variance].array == [0, 0, 0, 0, 0])
        }
    }
}
