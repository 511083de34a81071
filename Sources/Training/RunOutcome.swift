/// How a run ended that did not fail and left behind what it should.
public enum RunOutcome: Sendable, Equatable {
    /// It came to its end.
    case finished(RunSummary)
    /// It was asked to stop, and wrote a checkpoint to go on from.
    case stopped(epoch: Int, step: Int, directory: String)
}
