/// What a finished run came to; `summary.json`.
public struct RunSummary: Codable, Sendable, Equatable {
    /// The share of test records classified correctly, in 0...1.
    public var testAccuracy: Double
    /// The mean loss of a test record, in nats.
    public var testLoss: Double
    /// The epoch, from 1, whose model was tested: the best on validation, or the last.
    public var bestEpoch: Int
    /// That model's accuracy on the validation records; nil without validation.
    public var bestValidationAccuracy: Double?
    /// The number of learned scalars.
    public var parameterCount: Int
    /// SHA-256 over the model's tensors (parameters and running statistics) after the last step.
    public var tensorsSHA256: String
    /// The number of ranks at the end.
    public var worldSize: Int
    /// The number of logical shards.
    public var logicalShards: Int
    /// Epochs trained.
    public var epochs: Int
    /// Seconds spent training, without evaluation and checkpoints, since the last start.
    public var trainSeconds: Double
    /// Training records per second of that time.
    public var imagesPerSecond: Double
    /// The longest time in seconds for which training stood still to hand a checkpoint over.
    public var checkpointPauseSeconds: Double

    /// Takes over what only the process that trained could measure.
    mutating func keepMeasurements(of other: RunSummary) {
        worldSize = other.worldSize
        trainSeconds = other.trainSeconds
        imagesPerSecond = other.imagesPerSecond
        checkpointPauseSeconds = other.checkpointPauseSeconds
    }

    enum CodingKeys: String, CodingKey {
        case testAccuracy = "test_accuracy"
        case testLoss = "test_loss"
        case bestEpoch = "best_epoch"
        case bestValidationAccuracy = "best_validation_accuracy"
        case parameterCount = "parameter_count"
        case tensorsSHA256 = "tensors_sha256"
        case worldSize = "world_size"
        case logicalShards = "logical_shards"
        case epochs
        case trainSeconds = "train_seconds"
        case imagesPerSecond = "images_per_second"
        case checkpointPauseSeconds = "checkpoint_pause_seconds"
    }
}
