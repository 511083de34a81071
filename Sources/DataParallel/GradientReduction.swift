public import MLPEngine
public import Tensors

/// A way to bring together, over all ranks, what a step computes of a global batch.
public protocol GradientReduction<Scalar>: BatchReducer {
    /// The number of parts into which a rank divides its rows.
    var parts: Int { get }

    /// Completes the step's gradients after the backward pass. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - buffer: Its gradients become those of the mean loss over the global batch, the same bits on every rank, and
    ///     its statistics those of the batch.
    ///   - batchStatistics: [P, statistics] of the forward pass.
    ///   - losses: The records of this rank's parts.
    ///   - stopRequested: Whether this rank was asked to stop.
    /// - Returns: The record of the whole batch, the same on every rank.
    /// - Throws: The communicator's error.
    func complete(
        _ buffer: borrowing ReductionBuffer<Scalar>, batchStatistics: Matrix<Scalar>, losses: [BatchLoss],
        stopRequested: Bool
    ) throws -> StepOutcome
}
