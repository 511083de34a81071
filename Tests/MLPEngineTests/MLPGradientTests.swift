import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

/// A whole MLP with its loss, of the input and of the parameters.
struct MLPCase: GradientCase {
    let mlp: MLP
    let soft: Bool
    /// Rows of the global batch, of which ``rows`` are here.
    var globalBatch: Int { 11 }
    var rows: Int { 8 }

    var testDescription: String { "\(mlp.configuration)" }

    var variables: [[Double]] {
        let layout = mlp.network.parameterLayout
        let scratch = Scratch()
        let parameters: Vector<Float> = scratch.unset(layout.count)
        layout.initialize(parameters, seed: 1)
        // Biases, γ and β away from 0 and 1, where a wrong one would not show.
        let noise = Scratch.normals(layout.count, seed: 8, stream: 1)
        return [
            Scratch.normals(rows * mlp.configuration.inputs, seed: 8, stream: 2),
            zip(parameters.array, noise).map { Double($0 + Float($1) / 4) },
        ]
    }

    func evaluate<Scalar: TensorScalar>(_ variables: [[Double]], as type: Scalar.Type) throws -> (
        value: Double, gradients: [[Double]]
    ) {
        let scratch = Scratch()
        let (network, inputs) = (mlp.network, mlp.configuration.inputs)
        let workspace = try Workspace<Scalar>(for: network, capacity: rows)
        let x: Matrix<Scalar> = scratch.vector(rounding: variables[0]).matrix(rows: rows, columns: inputs)
        let parameters: Vector<Scalar> = scratch.vector(rounding: variables[1])
        let (gradients, again): (Vector<Scalar>, Vector<Scalar>) = (
            scratch.unset(parameters.count), scratch.unset(parameters.count)
        )
        let statistics: Matrix<Scalar> = scratch.unset(1, network.statisticsLayout.count)
        let targets = LossCase.targets(
            rows: rows, classes: mlp.configuration.classes, soft: soft, scratch, as: Scalar.self)
        let loss = try mlp.computeGradients(
            x, targets: targets, globalBatch: globalBatch, parameters: parameters, gradients: gradients,
            batchStatistics: statistics, workspace: workspace)

        let logits = try network.forward(
            .numbers(x), parameters: parameters, batchStatistics: statistics, workspace: workspace)
        _ = SoftmaxCrossEntropy().evaluate(
            logits, targets, factor: 1 / Scalar(globalBatch), gradient: logits)
        let dx: Matrix<Scalar> = scratch.unset(x.count).matrix(rows: rows, columns: inputs)
        try network.backward(
            x: .numbers(x), outputGradient: logits, parameters: parameters, gradients: again,
            workspace: workspace, inputGradient: dx)
        #expect(again.doubles == gradients.doubles, "asking for the input's gradient changes no other")
        return (loss.lossSum / Double(globalBatch), [dx.vector.doubles, gradients.doubles])
    }
}

@Suite struct MLPGradientTests {
    static let configurations: [MLPConfiguration] = [[], [5], [5, 4], [4, 6, 3]].flatMap { hidden in
        [Activation.elu(alpha: 1), .elu(alpha: 0.5), .relu, .tanh].flatMap { activation in
            [false, true].flatMap { batchNorm in
                [false, true].map { residual in
                    MLPConfiguration(
                        inputs: 6, hiddenDimensions: hidden, classes: 3, activation: activation,
                        batchNorm: batchNorm, residual: residual)
                }
            }
        }
    }

    @Test(
        "Gradients of all parameters and of the input equal differences", arguments: configurations,
        [false, true])
    func gradients(configuration: MLPConfiguration, soft: Bool) throws {
        try MLPCase(mlp: MLP(configuration), soft: soft).checkGradient()
    }
}
