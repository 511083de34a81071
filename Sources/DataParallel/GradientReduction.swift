public import Collectives
public import MLPEngine
public import Tensors

/// A way to bring together, over all ranks, what a step computes of a global batch, and to update the model with it.
public protocol GradientReduction<Scalar>: BatchReducer where Scalar: CollectiveElement {
    /// The number of parts into which a rank divides its rows.
    var parts: Int { get }

    /// The time spent in each phase of the steps.
    var times: StepTimes { get }

    /// Where the backward pass writes those gradients that it computes itself.
    var gradients: Vector<Scalar> { get }

    /// Completes the step after the backward pass: reduces, and updates the model on all nodes. Collective: every rank
    /// must call it.
    ///
    /// - Parameters:
    ///   - model: The model, to be updated; the same bits on every node.
    ///   - learningRate: η.
    ///   - batchStatistics: [P, statistics] of the forward pass.
    ///   - losses: The records of this rank's parts.
    ///   - stopRequested: Whether this rank was asked to stop.
    ///   - checkpointRequested: Whether this rank wants a checkpoint.
    /// - Returns: The record of the whole batch, the same on every rank.
    /// - Throws: The communicator's error.
    func complete(
        _ model: ModelState<Scalar>, learningRate: Double, batchStatistics: Matrix<Scalar>,
        losses: [BatchLoss], stopRequested: Bool, checkpointRequested: Bool
    ) throws -> StepOutcome
}
