internal import Checkpoints
internal import MLPEngine

/// How far a run has come, in whole steps.
struct Progress {
    /// Completed epochs.
    var epoch = 0
    /// Completed steps of the run.
    var step = 0
    /// Completed steps of the epoch under way.
    var stepInEpoch = 0
    /// The losses of the epoch under way.
    var totals = BatchLoss.zero
    /// Seconds of training in the epoch under way.
    var seconds = 0.0
    /// ‖Δw‖₂ of each tensor in the epoch's last step, on rank 0 of a run with diagnostics while that step is the last one.
    var updateNorms: [Double] = []

    private static let lossSumKey = "epoch_loss_sum"
    private static let correctKey = "epoch_correct"
    private static let samplesKey = "epoch_samples"
    private static let secondsKey = "epoch_seconds"
    private static let updateNormsKey = "update_norms"

    init() {}

    /// The progress that a checkpoint tells of.
    init(_ metadata: CheckpointMetadata) {
        epoch = metadata.position.epoch
        step = metadata.position.step
        stepInEpoch = metadata.position.stepInEpoch
        totals.lossSum = metadata.additional[Self.lossSumKey].flatMap(Double.init) ?? 0
        totals.correct = metadata.additional[Self.correctKey].flatMap(Int.init) ?? 0
        totals.samples = metadata.additional[Self.samplesKey].flatMap(Int.init) ?? 0
        seconds = metadata.additional[Self.secondsKey].flatMap(Double.init) ?? 0
        updateNorms = (metadata.additional[Self.updateNormsKey] ?? "").split(separator: " ").compactMap {
            Double($0)
        }
    }

    var position: CheckpointMetadata.Position { .init(epoch: epoch, step: step, stepInEpoch: stepInEpoch) }

    /// What a checkpoint needs besides the position. Decimals are the shortest that read back the same.
    var additional: [String: String] {
        var values = [
            Self.lossSumKey: "\(totals.lossSum)", Self.correctKey: "\(totals.correct)",
            Self.samplesKey: "\(totals.samples)", Self.secondsKey: "\(seconds)",
        ]
        if !updateNorms.isEmpty {
            values[Self.updateNormsKey] = updateNorms.map { "\($0)" }.joined(separator: " ")
        }
        return values
    }

    /// In words, where a run of so many epochs goes on that was found at `path`.
    func origin(_ path: String, epochs: Int) -> String {
        if step == 0 { return "from the beginning, as \(path) has no checkpoint yet" }
        if epoch >= epochs { return "\(path), where training was finished: what is left is the test" }
        return "\(path), after step \(step) in epoch \(epoch + (stepInEpoch > 0 ? 1 : 0))"
    }

    mutating func endStep(_ loss: BatchLoss, seconds: Double) {
        step += 1
        stepInEpoch += 1
        totals += loss
        self.seconds += seconds
    }

    mutating func endEpoch() {
        epoch += 1
        stepInEpoch = 0
        totals = .zero
        seconds = 0
        updateNorms = []
    }
}

/// What a process has trained since its start.
struct RunTotals {
    private(set) var seconds = 0.0
    private var images = 0

    var imagesPerSecond: Double { seconds > 0 ? Double(images) / seconds : 0 }

    mutating func add(_ images: Int, seconds: Double) {
        self.images += images
        self.seconds += seconds
    }
}

/// When the last checkpoint was taken, and for how long training stood still at most.
struct CheckpointTimes {
    private(set) var last: ContinuousClock.Instant
    private(set) var longestPause = 0.0

    init(last: ContinuousClock.Instant) { self.last = last }

    mutating func measure(_ clock: ContinuousClock, _ body: () throws -> Void) rethrows {
        let start = clock.now
        try body()
        last = clock.now
        longestPause = max(longestPause, (last - start) / .seconds(1))
    }
}
