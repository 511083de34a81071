public import Collectives
public import MLPEngine
public import Tensors

/// One rank's part in training a model: the memory to compute in. After its making it allocates nothing.
public final class Replica<Scalar: TensorScalar & CollectiveElement> {
    /// The model, which the ranks of a node share.
    public let model: ModelState<Scalar>

    private let batchStatistics: AlignedBuffer<Scalar>
    private let workspace: Workspace<Scalar>
    private var losses: [BatchLoss]

    /// Allocates what steps need.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - rows: The rows of this rank's part of a global batch.
    ///   - parts: The parts into which they are divided.
    /// - Throws: `AllocationError`.
    public init(model: ModelState<Scalar>, rows: Int, parts: Int) throws(AllocationError) {
        self.model = model
        let network = model.mlp.network
        batchStatistics = try AlignedBuffer(allocating: parts * network.statisticsLayout.count)
        workspace = try Workspace(for: network, capacity: rows, parts: parts)
        losses = Array(repeating: .zero, count: parts)
    }

    /// Takes one training step. Collective: every rank must call it, with its part of the same global batch.
    ///
    /// - Parameters:
    ///   - x: This rank's rows [S, inputs].
    ///   - targets: One target per row.
    ///   - globalBatch: The number of rows on all ranks.
    ///   - learningRate: η of this step.
    ///   - stopRequested: Whether this rank was asked to stop after this step.
    ///   - checkpointRequested: Whether this rank wants a checkpoint after this step.
    ///   - method: How the ranks' gradients come together.
    /// - Returns: The losses of the global batch, and what any rank asked for.
    /// - Throws: The communicator's error.
    public func step<Method: GradientReduction>(
        _ x: BatchInput<Scalar>, targets: Targets<Scalar>, globalBatch: Int, learningRate: Double,
        stopRequested: Bool = false, checkpointRequested: Bool = false, method: Method
    ) throws -> StepOutcome where Method.Scalar == Scalar {
        let statistics = batchStatistics.matrix(
            rows: workspace.parts, columns: model.mlp.network.statisticsLayout.count)
        method.times.enter(.forward)
        try model.mlp.computeGradients(
            x, targets: targets, globalBatch: globalBatch, parameters: model.parameters,
            gradients: method.gradients, batchStatistics: statistics, losses: &losses, workspace: workspace,
            reducer: method)
        return try method.complete(
            model, learningRate: learningRate, batchStatistics: statistics, losses: losses,
            stopRequested: stopRequested, checkpointRequested: checkpointRequested)
    }
}
