package import DataParallel
package import MLPEngine
public import Metrics

/// Watches a run on the rank that reports, rank 0.
public protocol TrainingObserver: AnyObject {
    /// The run is about to begin.
    ///
    /// - Parameters:
    ///   - header: What it is, as names and values in the order to be shown.
    ///   - plan: How long it will be.
    func runBegins(_ header: [(key: String, value: String)], plan: ConsoleReporter.Plan)

    /// A step has ended.
    func stepEnded(_ record: StepRecord)

    /// An epoch has ended, evaluation included.
    func epochEnded(_ record: EpochRecord)

    /// Something that a person should know, in one line.
    func note(_ text: String)

    /// The run has ended.
    func runEnded(_ summary: RunSummary, directory: String)
}

/// What a run has come to, as every rank sees it.
package enum RunEvent {
    /// A step has been taken: the steps taken so far, the loss of its batch, and the model after it. All ranks see the
    /// model before any of them changes it again.
    case step(Int, loss: BatchLoss, model: ModelState<Float>)
    /// The model after an epoch, counted from 1, has been evaluated on the validation records.
    case validation(epoch: Int, loss: BatchLoss)
}
