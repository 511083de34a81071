/// What a rank does in a training step.
public enum StepPhase: Int, Sendable, CaseIterable {
    /// Bringing the rows of the batch together.
    case batch
    /// The forward pass, and the loss.
    case forward
    /// The backward pass, without what comes under update.
    case backward
    /// Waiting for other ranks.
    case waiting
    /// Copying or sending what other ranks need, or taking in what they sent.
    case moving
    /// The optimiser's step; in reproducible arithmetic with the weight gradients, which are used up at once.
    case update
}
