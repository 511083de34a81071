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
