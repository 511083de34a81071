import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

@Suite struct GoldenTrajectoryTests {
    static let names = [
        "ELU, plain SGD", "ReLU, momentum and weight decay", "Tanh, Nesterov momentum",
        "ELU with batch norm, momentum", "ELU with batch norm and residual blocks, momentum",
        "Tanh with residual blocks, plain SGD", "logistic regression, plain SGD",
        "ELU with alpha 0.5, soft targets, plain SGD",
    ]

    @Test("All of the fixture's runs are tested")
    func complete() throws {
        #expect(try GoldenRuns.load().cases.map(\.name) == Self.names)
    }

    @Test(
        "Ten steps give PyTorch's losses, weights, running statistics and evaluation logits", arguments: names
    )
    func trajectory(name: String) throws {
        let run = try #require(try GoldenRuns.load().cases.first { $0.name == name })
        try check(run, tolerance: 1e-9, as: Double.self)
        try check(run, tolerance: 1e-4, as: Float.self)
    }

    private func check<Scalar: TensorScalar>(
        _ run: GoldenRuns.Case, tolerance: Double, as type: Scalar.Type
    ) throws {
        let mlp = MLP(run.configuration)
        let (layout, statisticsLayout) = (mlp.network.parameterLayout, mlp.network.statisticsLayout)
        let tensors = layout.entries + statisticsLayout.entries
        #expect(Set(tensors.map(\.name)) == Set(run.initial.keys))
        #expect(tensors.count == run.initial.count && run.batches.count == 10 && run.losses.count == 10)

        let scratch = Scratch()
        let (parameters, gradients): (Vector<Scalar>, Vector<Scalar>) = (
            scratch.unset(layout.count), scratch.unset(layout.count)
        )
        let running: Vector<Scalar> = scratch.unset(statisticsLayout.count)
        let batchStatistics: Matrix<Scalar> = scratch.unset(1, statisticsLayout.count)
        let velocity: Vector<Scalar> = scratch.vector([Scalar](repeating: 0, count: layout.count))
        try set(parameters, layout, to: run.initial, scratch)
        try set(running, statisticsLayout, to: run.initial, scratch)

        let optimizer = SGD(
            momentum: run.optimizer.momentum, nesterov: run.optimizer.nesterov,
            weightDecay: run.optimizer.weightDecay)
        let rows = run.batches[0].x.count
        let workspace = try Workspace<Scalar>(for: mlp.network, capacity: rows)
        for (batch, loss) in zip(run.batches, run.losses) {
            let record = try mlp.computeGradients(
                matrix(batch.x, scratch), targets: targets(of: batch, scratch), globalBatch: rows,
                parameters: parameters, gradients: gradients, batchStatistics: batchStatistics,
                workspace: workspace)
            #expect(abs(record.meanLoss - loss) < tolerance)
            BatchNorm.update(running: running, towards: batchStatistics.vector, momentum: 0.1)
            optimizer.step(
                parameters: parameters, gradients: gradients,
                velocity: velocity, learningRate: run.optimizer.lr)
        }
        try expect(parameters, layout, equal: run.final, tolerance)
        try expect(running, statisticsLayout, equal: run.final, tolerance)

        let x: Matrix<Scalar> = matrix(run.batches[0].x, scratch)
        let logits = try mlp.network.evaluate(
            .numbers(x), parameters: parameters, runningStatistics: running, workspace: workspace)
        let exact = run.evaluationLogits.flatMap { $0 }
        #expect(logits.count == exact.count)
        // Logits sum over products of weights, each off by up to the tolerance.
        for (logit, exact) in zip(logits.vector.doubles, exact) {
            #expect(abs(logit - exact) < 5 * tolerance)
        }
    }

    private func set<Scalar: TensorScalar>(
        _ values: Vector<Scalar>, _ layout: ParameterLayout, to tensors: [String: GoldenRuns.Tensor],
        _ scratch: borrowing Scratch
    ) throws {
        for entry in layout.entries {
            let tensor = try #require(tensors[entry.name], "\(entry.name)")
            #expect(tensor.shape == entry.shape, "\(entry.name)")
            values[entry.range].copy(from: scratch.vector(rounding: tensor.values))
        }
    }

    private func expect<Scalar: TensorScalar>(
        _ values: Vector<Scalar>, _ layout: ParameterLayout, equal tensors: [String: GoldenRuns.Tensor],
        _ tolerance: Double
    ) throws {
        for entry in layout.entries {
            let tensor = try #require(tensors[entry.name], "\(entry.name)")
            let worst = zip(values[entry.range].doubles, tensor.values).map { abs($0 - $1) }
                .reduce(0) { $1.isNaN ? .infinity : max($0, $1) }
            #expect(worst < tolerance, "\(entry.name)")
        }
    }

    private func targets<Scalar: TensorScalar>(
        of batch: GoldenRuns.Batch, _ scratch: borrowing Scratch
    ) -> Targets<Scalar> {
        if let labels = batch.labels { return .labels(scratch.vector(labels)) }
        return .probabilities(matrix(batch.targets ?? [], scratch))
    }

    private func matrix<Scalar: TensorScalar>(
        _ rows: [[Double]], _ scratch: borrowing Scratch
    ) -> Matrix<Scalar> {
        scratch.vector(rounding: rows.flatMap { $0 }).matrix(rows: rows.count, columns: rows[0].count)
    }
}
