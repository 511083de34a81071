/// What a checkpoint says about the run besides the tensors.
///
/// In the file it is safetensors metadata, one key for each field, all values strings: `format_version`,
/// `configuration`, `logical_shards`, `epoch`, `step`, `step_in_epoch`, `best_validation_epoch`, `_step`, `_accuracy`
/// and `_loss` (absent before the first validation), `data_fingerprint`, `kernels`, `world_size`,
/// `tensors_sha256`, `program_version`, `additional.` followed by a key of `additional`, and `metadata_sha256`
/// (``MetadataDigest``; absent in checkpoints of earlier programs).
public struct CheckpointMetadata: Codable, Sendable, Equatable {
    /// The version of the format that this library writes, and the only one it reads.
    public static let currentFormatVersion = 1

    /// How far training has come.
    public struct Position: Codable, Sendable, Equatable {
        /// Completed epochs.
        public var epoch: Int
        /// Completed steps since the beginning of the run.
        public var step: Int
        /// Completed steps of the epoch under way; 0 between epochs.
        public var stepInEpoch: Int

        /// A position after `epoch` epochs, `step` steps in all, `stepInEpoch` of them in the epoch under way.
        public init(epoch: Int, step: Int, stepInEpoch: Int) {
            self.epoch = epoch
            self.step = step
            self.stepInEpoch = stepInEpoch
        }
    }

    /// The best result on the validation records so far.
    public struct BestValidation: Codable, Sendable, Equatable {
        /// Epochs completed when it was reached.
        public var epoch: Int
        /// Steps completed when it was reached: the step of its checkpoint.
        public var step: Int
        /// Correct predictions / records, 0 to 1.
        public var accuracy: Double
        /// Mean loss per record.
        public var loss: Double

        /// A result after `epoch` epochs and `step` steps.
        public init(epoch: Int, step: Int, accuracy: Double, loss: Double) {
            self.epoch = epoch
            self.step = step
            self.accuracy = accuracy
            self.loss = loss
        }
    }

    /// The version of the format.
    public var formatVersion = CheckpointMetadata.currentFormatVersion
    /// The whole configuration of the run as JSON; opaque here.
    public var configuration: String
    /// The number of logical shards V.
    public var logicalShards: Int
    /// How far training has come.
    public var position: Position
    /// The best validation so far; nil before the first.
    public var bestValidation: BestValidation?
    /// A hexadecimal hash of the training data.
    public var dataFingerprint: String
    /// The name of the kernels that computed the weights.
    public var kernels: String
    /// How many processes wrote it: a note, nothing depends on it.
    public var worldSize: Int
    /// `TensorDigest.sha256` of all tensors. `CheckpointFile.encode` fills it in, `CheckpointFile.read` verifies it.
    public var tensorsSHA256 = ""
    /// The version of the program that wrote it.
    public var programVersion: String
    /// Whatever else the trainer needs to continue, such as running sums.
    public var additional: [String: String]

    /// Gathers the metadata of a checkpoint; `tensorsSHA256` is filled in when it is encoded.
    public init(
        configuration: String, logicalShards: Int, position: Position, bestValidation: BestValidation? = nil,
        dataFingerprint: String, kernels: String, worldSize: Int, programVersion: String,
        additional: [String: String] = [:]
    ) {
        self.configuration = configuration
        self.logicalShards = logicalShards
        self.position = position
        self.bestValidation = bestValidation
        self.dataFingerprint = dataFingerprint
        self.kernels = kernels
        self.worldSize = worldSize
        self.programVersion = programVersion
        self.additional = additional
    }
}
