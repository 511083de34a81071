public import Collectives
public import MLPEngine
public import Tensors

/// One rank's copy of the model with everything that a training step needs: parameters, optimiser state, running
/// statistics and the memory to compute in. After its making it allocates nothing.
public final class Replica<Scalar: TensorScalar & CollectiveElement> {
    /// The model.
    public let mlp: MLP
    /// The optimiser.
    public let optimizer: SGD
    /// PyTorch's momentum of batch norm's running statistics.
    public static var statisticsMomentum: Scalar { 0.1 }

    private let parameterBuffer: AlignedBuffer<Scalar>
    private let velocityBuffer: AlignedBuffer<Scalar>
    private let statisticsBuffer: AlignedBuffer<Scalar>
    private let batchStatistics: AlignedBuffer<Scalar>
    private let reduction: ReductionBuffer<Scalar>
    private let workspace: Workspace<Scalar>
    private var losses: [BatchLoss]

    /// Allocates a replica with initial parameters from the seed.
    ///
    /// - Parameters:
    ///   - mlp: The model.
    ///   - optimizer: The optimiser.
    ///   - rows: The rows of this rank's part of a global batch.
    ///   - parts: The parts into which they are divided.
    ///   - seed: The run's seed.
    public init(mlp: MLP, optimizer: SGD, rows: Int, parts: Int, seed: UInt64) {
        self.mlp = mlp
        self.optimizer = optimizer
        let network = mlp.network
        parameterBuffer = AlignedBuffer(repeating: 0, count: mlp.parameterCount)
        velocityBuffer = AlignedBuffer(repeating: 0, count: optimizer.hasVelocity ? mlp.parameterCount : 0)
        statisticsBuffer = AlignedBuffer(repeating: 0, count: network.statisticsLayout.count)
        batchStatistics = AlignedBuffer(repeating: 0, count: parts * network.statisticsLayout.count)
        reduction = ReductionBuffer(for: network)
        workspace = Workspace(for: network, capacity: rows, parts: parts)
        losses = Array(repeating: .zero, count: parts)
        network.parameterLayout.initialize(parameterBuffer.vector, seed: seed)
        network.statisticsLayout.initialize(statisticsBuffer.vector, seed: seed)
    }

    /// The flat parameters.
    public var parameters: Vector<Scalar> { parameterBuffer.vector }

    /// The optimiser's velocities, in the parameters' layout; nil without momentum.
    public var velocity: Vector<Scalar>? { optimizer.hasVelocity ? velocityBuffer.vector : nil }

    /// Batch norm's running statistics.
    public var runningStatistics: Vector<Scalar> { statisticsBuffer.vector }

    /// The gradients of the last step.
    public var gradients: Vector<Scalar> { reduction.gradients }

    /// Copies parameters, velocities and running statistics from the root to all ranks. Collective: every rank must
    /// call it.
    ///
    /// - Throws: The communicator's error.
    public func broadcast(from root: Int, over communicator: any Communicator) throws {
        try communicator.broadcast(parameters.buffer, root: root)
        try communicator.broadcast(runningStatistics.buffer, root: root)
        if let velocity { try communicator.broadcast(velocity.buffer, root: root) }
    }

    /// Takes one training step. Collective: every rank must call it, with its part of the same global batch.
    ///
    /// - Parameters:
    ///   - x: This rank's rows [S, inputs].
    ///   - targets: One target per row.
    ///   - globalBatch: The number of rows on all ranks.
    ///   - learningRate: η of this step.
    ///   - stopRequested: Whether this rank was asked to stop after this step.
    ///   - method: How the ranks' gradients come together.
    /// - Returns: The losses of the global batch, and whether any rank was asked to stop.
    /// - Throws: The communicator's error.
    public func step<Method: GradientReduction>(
        _ x: Matrix<Scalar>, targets: Targets<Scalar>, globalBatch: Int, learningRate: Double,
        stopRequested: Bool = false, method: Method
    ) throws -> StepOutcome where Method.Scalar == Scalar {
        let statistics = batchStatistics.matrix(
            rows: workspace.parts, columns: mlp.network.statisticsLayout.count)
        try mlp.computeGradients(
            x, targets: targets, globalBatch: globalBatch, parameters: parameters,
            gradients: reduction.gradients,
            batchStatistics: statistics, losses: &losses, workspace: workspace, reducer: method)
        let outcome = try method.complete(
            reduction, batchStatistics: statistics, losses: losses, stopRequested: stopRequested)
        optimizer.step(
            parameters: parameters, gradients: reduction.gradients, velocity: velocity,
            learningRate: learningRate)
        BatchNorm.update(
            running: runningStatistics, towards: reduction.statistics, momentum: Self.statisticsMomentum)
        return outcome
    }
}
