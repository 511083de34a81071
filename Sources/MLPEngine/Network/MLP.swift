public import Tensors

/// A multi-layer perceptron for classification: for each hidden width linear, [batch norm,] activation, and where
/// asked for a residual block X + linear([batch norm,] activation of linear X); at the end a linear module, whose
/// logits go into a softmax cross-entropy.
///
/// Weights have Kaiming's standard deviation, √(1/M) in the input layer and √(2/M) behind it; biases are 0.
public struct MLP: Sendable, Hashable {
    /// The shape.
    public let configuration: MLPConfiguration
    /// The modules up to the logits.
    public let network: Sequential

    /// Composes the modules of `configuration`.
    public init(_ configuration: MLPConfiguration) {
        self.configuration = configuration
        var builder = SequentialBuilder(inputs: configuration.inputs, prefix: "layers")
        func hidden(_ builder: inout SequentialBuilder, _ width: Int, gain: Double) {
            builder.linear(outputs: width, gain: gain)
            if configuration.batchNorm { builder.batchNorm() }
            builder.activation(configuration.activation)
        }
        for (index, width) in configuration.hiddenDimensions.enumerated() {
            hidden(&builder, width, gain: index == 0 ? 1 : 2)
            guard configuration.residual else { continue }
            builder.residual { branch in
                hidden(&branch, width, gain: 2)
                branch.linear(outputs: width, gain: 2)
            }
        }
        builder.linear(outputs: configuration.classes, gain: configuration.hiddenDimensions.isEmpty ? 1 : 2)
        network = builder.build()
    }

    /// The number of learned scalars.
    public var parameterCount: Int { network.parameterLayout.count }

    /// Runs forward and backward on this part of a global batch: losses, and the gradient of the mean loss over the
    /// global batch.
    ///
    /// - Parameters:
    ///   - x: X [S, inputs].
    ///   - targets: One target per row.
    ///   - globalBatch: The number of rows B of all parts together.
    ///   - parameters: The flat parameters.
    ///   - gradients: The flat gradients, overwritten: (1/B) Σ over these rows of ∂loss/∂parameters.
    ///   - batchStatistics: Overwritten with batch norm's statistics of this batch.
    ///   - workspace: Memory for at least S rows.
    ///   - reducer: Brings batch norm's statistics together where the batch is spread. With a reducer over several
    ///     ranks every rank must call.
    /// - Returns: The losses of these rows.
    /// - Throws: What the reducer throws.
    public func computeGradients<Reducer: BatchStatisticsReducer>(
        _ x: Matrix<Reducer.Scalar>, targets: Targets<Reducer.Scalar>, globalBatch: Int,
        parameters: Vector<Reducer.Scalar>, gradients: Vector<Reducer.Scalar>,
        batchStatistics: Vector<Reducer.Scalar>,
        workspace: borrowing Workspace<Reducer.Scalar>, reducer: Reducer
    ) throws -> BatchLoss {
        let logits = try network.forward(
            x, parameters: parameters, batchStatistics: batchStatistics, workspace: workspace,
            reducer: reducer)
        // The last module is linear and does not need its output again.
        let loss = SoftmaxCrossEntropy().evaluate(
            logits, targets, factor: 1 / Reducer.Scalar(globalBatch), gradient: logits)
        try network.backward(
            x: x, outputGradient: logits, parameters: parameters, gradients: gradients, workspace: workspace,
            reducer: reducer)
        return loss
    }

    /// Returns the losses of samples in evaluation, with batch norm by the running statistics.
    public func evaluate<Scalar: TensorScalar>(
        _ x: Matrix<Scalar>, targets: Targets<Scalar>, parameters: Vector<Scalar>,
        runningStatistics: Vector<Scalar>,
        workspace: borrowing Workspace<Scalar>
    ) -> BatchLoss {
        let logits = network.evaluate(
            x, parameters: parameters, runningStatistics: runningStatistics, workspace: workspace)
        return SoftmaxCrossEntropy().evaluate(logits, targets, factor: 1, gradient: logits)
    }
}
