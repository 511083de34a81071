public import MLPEngine

/// What all ranks know alike after a step.
public struct StepOutcome: Sendable, Hashable {
    /// The losses of the global batch, before the step.
    public var loss: BatchLoss
    /// Whether any rank was asked to stop.
    public var stopRequested: Bool
    /// Whether any rank asked for a checkpoint of the state after the step.
    public var checkpointRequested: Bool

    /// An outcome.
    public init(loss: BatchLoss, stopRequested: Bool, checkpointRequested: Bool = false) {
        self.loss = loss
        self.stopRequested = stopRequested
        self.checkpointRequested = checkpointRequested
    }
}
