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

    /// Runs forward and backward on some rows of a global batch: losses, and the gradient of the mean loss over the
    /// global batch.
    ///
    /// - Parameters:
    ///   - x: X [S, inputs].
    ///   - targets: One target per row.
    ///   - globalBatch: The number of rows B of the whole batch.
    ///   - parameters: The flat parameters.
    ///   - gradients: The flat gradients, overwritten as the reducer does: (1/B) Σ ∂loss/∂parameters, over these rows or
    ///     over the whole batch.
    ///   - batchStatistics: [P, statistics], overwritten with batch norm's statistics.
    ///   - losses: One record for each of the P parts, overwritten.
    ///   - workspace: Memory for at least S rows in P parts, which divide S.
    ///   - reducer: Brings the parts of the batch together. With a reducer over several ranks every rank must call.
    /// - Throws: What the reducer throws.
    public func computeGradients<Reducer: BatchReducer>(
        _ x: BatchInput<Reducer.Scalar>, targets: Targets<Reducer.Scalar>, globalBatch: Int,
        parameters: Vector<Reducer.Scalar>, gradients: Vector<Reducer.Scalar>,
        batchStatistics: Matrix<Reducer.Scalar>,
        losses: inout [BatchLoss], workspace: borrowing Workspace<Reducer.Scalar>, reducer: Reducer
    ) throws {
        precondition(losses.count == workspace.parts, "a loss record for each part")
        let logits = try network.forward(
            x, parameters: parameters, batchStatistics: batchStatistics, workspace: workspace,
            reducer: reducer)
        let partRows = x.rows / workspace.parts
        for part in 0..<workspace.parts {
            let rows = part * partRows..<(part + 1) * partRows
            // The last module is linear and does not need its output again: the gradient may take its place.
            losses[part] = SoftmaxCrossEntropy().evaluate(
                logits[rows: rows], targets[rows: rows], factor: 1 / Reducer.Scalar(globalBatch),
                gradient: logits[rows: rows])
        }
        try network.backward(
            x: x, outputGradient: logits, parameters: parameters, gradients: gradients, workspace: workspace,
            reducer: reducer)
    }

    /// Returns the losses of samples in evaluation, with batch norm by the running statistics.
    public func evaluate<Scalar: TensorScalar>(
        _ x: BatchInput<Scalar>, targets: Targets<Scalar>, parameters: Vector<Scalar>,
        runningStatistics: Vector<Scalar>, workspace: borrowing Workspace<Scalar>,
        products: LinearProducts<Scalar>? = nil
    ) -> BatchLoss {
        let logits = network.evaluate(
            x, parameters: parameters, runningStatistics: runningStatistics, workspace: workspace,
            products: products)
        return SoftmaxCrossEntropy().evaluate(logits, targets, factor: 1, gradient: logits)
    }
}
