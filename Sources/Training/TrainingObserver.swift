public import Metrics

/// Watches a run on the rank that reports, rank 0.
public protocol TrainingObserver: AnyObject {
    /// The run is about to begin: what it is, as names and values in the order to be shown.
    func runBegins(_ header: [(name: String, value: String)])

    /// An epoch begins, or goes on after a restart.
    ///
    /// - Parameters:
    ///   - epoch: Its number, from 1.
    ///   - epochs: All epochs of the run.
    ///   - steps: The steps of an epoch.
    ///   - imagesPerStep: The rows of a global batch.
    func epochBegins(_ epoch: Int, of epochs: Int, steps: Int, imagesPerStep: Int)

    /// A step has ended.
    ///
    /// - Parameters:
    ///   - record: What it came to.
    ///   - stepInEpoch: Its number in the epoch, from 1.
    func stepEnded(_ record: StepRecord, stepInEpoch: Int)

    /// An epoch has ended, evaluation included.
    func epochEnded(_ record: EpochRecord)

    /// Something that a person should know, in one line.
    func note(_ text: String)

    /// The run has ended.
    func runEnded(_ summary: RunSummary, directory: String)
}
