import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

/// A batch that one pass divides into parts.
@Suite struct PartTests {
    static let rows = 12
    static let configurations =
        SpreadBatchTests.configurations + [
            MLPConfiguration(
                inputs: 7, hiddenDimensions: [3, 6, 5], classes: 3, activation: .relu, batchNorm: true,
                residual: true)
        ]

    private struct Pass {
        var losses: [BatchLoss]
        var gradients: [Double]
        /// A row for each part.
        var statistics: [[Double]]
    }

    /// Makes one pass over `range` of the same batch, in parts.
    private func pass<Scalar: TensorScalar>(
        _ configuration: MLPConfiguration, _ range: Range<Int> = 0..<rows, parts: Int,
        synchronizing: Bool = true, as type: Scalar.Type
    ) throws -> Pass {
        let scratch = Scratch(seed: 10)
        let mlp = MLP(configuration)
        let workspace = try Workspace<Scalar>(for: mlp.network, capacity: Self.rows, parts: parts)
        let parameters: Vector<Scalar> = scratch.normals(mlp.parameterCount, stream: 1)
        let x: Matrix<Scalar> = scratch.normals(Self.rows, configuration.inputs, stream: 2)
        let labels = scratch.vector((0..<Self.rows).map { Int32($0 * 5 % 7 % configuration.classes) })
        let gradients: Vector<Scalar> = scratch.unset(mlp.parameterCount)
        let statistics: Matrix<Scalar> = scratch.unset(parts, mlp.network.statisticsLayout.count)
        var losses = [BatchLoss](repeating: .zero, count: parts)
        try mlp.computeGradients(
            .numbers(x[rows: range]), targets: .labels(labels[range]), globalBatch: Self.rows,
            parameters: parameters, batchStatistics: statistics, losses: &losses, workspace: workspace,
            collectives: LocalBatch(gradients: gradients, synchronizesBatchNorm: synchronizing))
        return Pass(
            losses: losses, gradients: gradients.doubles,
            statistics: (0..<parts).map { statistics[rows: $0..<$0 + 1].vector.doubles })
    }

    private func distance(_ first: [Double], _ second: [Double]) -> Double {
        if first.count != second.count { return .infinity }
        let size = max(1, second.map(abs).max() ?? 0)
        return zip(first, second).map { abs($0 - $1) / size }.reduce(0) { $1.isNaN ? .infinity : max($0, $1) }
    }

    private func checkSynchronized<Scalar: TensorScalar>(
        _ configuration: MLPConfiguration, parts: Int, tolerance: Double, as type: Scalar.Type
    ) throws {
        let whole = try pass(configuration, parts: 1, as: type)
        let divided = try pass(configuration, parts: parts, as: type)
        #expect(distance(divided.gradients, whole.gradients) < tolerance)
        #expect(distance(divided.statistics[0], whole.statistics[0]) < tolerance)
        // The first row is the whole batch's; the others are nobody's.
        #expect(divided.statistics.dropFirst().allSatisfy { $0.allSatisfy(\.isNaN) })
        #expect(divided.losses.map(\.samples) == Array(repeating: Self.rows / parts, count: parts))
        let loss = divided.losses.reduce(into: BatchLoss.zero) { $0 += $1 }
        #expect(abs(loss.lossSum - whole.losses[0].lossSum) < 12 * tolerance)
        #expect(loss.correct == whole.losses[0].correct)
    }

    @Test(
        "Synchronised, a batch in parts gives the gradients and the statistics of the whole batch",
        arguments: configurations, [1, 2, 3, 4, 6, 12])
    func synchronized(configuration: MLPConfiguration, parts: Int) throws {
        try checkSynchronized(configuration, parts: parts, tolerance: 1e-12, as: Double.self)
        try checkSynchronized(configuration, parts: parts, tolerance: 1e-5, as: Float.self)
    }

    private func checkLocal<Scalar: TensorScalar>(
        _ configuration: MLPConfiguration, parts: Int, tolerance: Double, as type: Scalar.Type
    ) throws {
        let divided = try pass(configuration, parts: parts, synchronizing: false, as: type)
        var sum = [Double](repeating: 0, count: divided.gradients.count)
        for part in 0..<parts {
            let range = Self.rows / parts * part..<Self.rows / parts * (part + 1)
            let alone = try pass(configuration, range, parts: 1, as: type)
            sum = zip(sum, alone.gradients).map { $0 + $1 }
            #expect(distance(divided.statistics[part], alone.statistics[0]) < tolerance)
            #expect(abs(divided.losses[part].lossSum - alone.losses[0].lossSum) < 12 * tolerance)
            #expect(divided.losses[part].correct == alone.losses[0].correct)
            #expect(divided.losses[part].samples == range.count)
        }
        #expect(distance(divided.gradients, sum) < tolerance)
    }

    @Test(
        "Otherwise each part is normalised as if it were alone, and the gradient is the sum of the parts'",
        arguments: configurations, [1, 2, 3, 4, 6])
    func local(configuration: MLPConfiguration, parts: Int) throws {
        try checkLocal(configuration, parts: parts, tolerance: 1e-11, as: Double.self)
        try checkLocal(configuration, parts: parts, tolerance: 2e-5, as: Float.self)
    }

    @Test("With batch norm the two differ", arguments: [2, 4])
    func modesDiffer(parts: Int) throws {
        let configuration = Self.configurations[1]
        let synchronized = try pass(configuration, parts: parts, as: Double.self)
        let local = try pass(configuration, parts: parts, synchronizing: false, as: Double.self)
        #expect(distance(synchronized.gradients, local.gradients) > 0.01)
        #expect(distance(synchronized.statistics[0], local.statistics[0]) > 0.01)
    }

    @Test(
        "The rows of a part decide its output, bit by bit, not where the part stands nor what stands beside it"
    )
    func outputsOfParts() throws {
        // The same five rows twice in a batch of fifteen.
        let scratch = Scratch(seed: 11)
        let mlp = MLP(MLPConfiguration(inputs: 7, hiddenDimensions: [6, 4], classes: 3))
        let parameters: Vector<Float> = scratch.normals(mlp.parameterCount, stream: 1)
        let (part, other): (Vector<Float>, Vector<Float>) = (
            scratch.normals(5 * 7, stream: 2), scratch.normals(5 * 7, stream: 3)
        )
        let x = scratch.vector(part.array + other.array + part.array).matrix(rows: 15, columns: 7)
        let workspace = try Workspace<Float>(for: mlp.network, capacity: 15, parts: 3)
        let y = try mlp.network.forward(
            .numbers(x), parameters: parameters, batchStatistics: scratch.unset(3, 0), workspace: workspace)
        #expect(y[rows: 0..<5].vector.array == y[rows: 10..<15].vector.array)
        #expect(y[rows: 0..<5].vector.array != y[rows: 5..<10].vector.array)
        let alone = try Workspace<Float>(for: mlp.network, capacity: 5)
        let expected = try mlp.network.forward(
            .numbers(x[rows: 0..<5]), parameters: parameters, batchStatistics: scratch.unset(1, 0),
            workspace: alone)
        #expect(y[rows: 0..<5].vector.array == expected.vector.array)
    }

    @Test("The only part of a batch stays as it is")
    func onePart() {
        let scratch = Scratch()
        let values: Matrix<Double> = scratch.normals(1, 10, stream: 1)
        let before = values.vector.array
        let gradient: Vector<Double> = scratch.unset(10)
        var layout = ParameterLayout()
        let parameter = layout.appendVector(name: "a", count: 10, initialization: .constant(0))
        for synchronized in [false, true] {
            let local = LocalBatch(gradients: gradient, synchronizesBatchNorm: synchronized)
            #expect(local.mergeMoments(values, partRows: 17) == 17)
            #expect(values.vector.array == before)
            local.contribute(partSums: values, of: parameter)
            #expect(values.vector.array == before && gradient.array == before)
            local.sum(values)
            #expect(values.vector.array == before)
        }
    }
}
