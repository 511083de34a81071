/// What is recorded of one step of training.
public struct StepRecord: Sendable, Equatable {
    /// The epoch that the step belongs to, from 1.
    public var epoch: Int
    /// Steps completed since the beginning of the run, this one included.
    public var step: Int
    /// The learning rate that the step used.
    public var learningRate: Double
    /// Mean loss per record of the global batch, before the step.
    public var loss: Double
    /// Correct predictions / records of the global batch, before the step, 0 to 1.
    public var accuracy: Double
    /// How long the step took, in seconds; nil if it was not measured.
    public var seconds: Double?

    /// Gathers the record of a step.
    public init(
        epoch: Int, step: Int, learningRate: Double, loss: Double, accuracy: Double, seconds: Double? = nil
    ) {
        self.epoch = epoch
        self.step = step
        self.learningRate = learningRate
        self.loss = loss
        self.accuracy = accuracy
        self.seconds = seconds
    }
}

/// What is recorded of one epoch of training.
public struct EpochRecord: Sendable, Equatable {
    /// The epoch, from 1: epochs completed, this one included.
    public var epoch: Int
    /// Steps completed since the beginning of the run.
    public var step: Int
    /// The learning rate of the epoch's last step.
    public var learningRate: Double
    /// Mean loss per record over the epoch's batches, each before its step.
    public var trainLoss: Double
    /// Correct predictions / records over the epoch's batches, 0 to 1.
    public var trainAccuracy: Double
    /// Mean loss per validation record after the epoch; nil if there was no validation.
    public var validationLoss: Double?
    /// Correct predictions / validation records after the epoch, 0 to 1; nil if there was no validation.
    public var validationAccuracy: Double?
    /// How long the epoch took, in seconds.
    public var seconds: Double
    /// Training records per second.
    public var imagesPerSecond: Double

    /// Gathers the record of an epoch.
    public init(
        epoch: Int, step: Int, learningRate: Double, trainLoss: Double, trainAccuracy: Double,
        validationLoss: Double? = nil, validationAccuracy: Double? = nil, seconds: Double,
        imagesPerSecond: Double
    ) {
        self.epoch = epoch
        self.step = step
        self.learningRate = learningRate
        self.trainLoss = trainLoss
        self.trainAccuracy = trainAccuracy
        self.validationLoss = validationLoss
        self.validationAccuracy = validationAccuracy
        self.seconds = seconds
        self.imagesPerSecond = imagesPerSecond
    }
}

/// The position from which a resumed run goes on: what was recorded after it is dropped.
public struct MetricsPosition: Sendable, Equatable {
    /// Completed epochs.
    public var epoch: Int
    /// Completed steps since the beginning of the run.
    public var step: Int

    /// A position after `epoch` epochs and `step` steps.
    public init(epoch: Int, step: Int) {
        self.epoch = epoch
        self.step = step
    }
}

/// How the file of a sink is opened.
public enum MetricsOpening: Sendable, Equatable {
    /// From the beginning; a file that is there is replaced.
    case new
    /// Going on after a position; what the file holds of later steps or epochs is dropped.
    case continuing(MetricsPosition)
}
