/// What a checkpoint says about the run besides the tensors.
///
/// In the file it is safetensors metadata, one key for each field, all values strings: `format_version`,
/// `configuration`, `logical_shards`, `epoch`, `step`, `step_in_epoch`, `best_validation_epoch`, `_step`, `_accuracy`
/// and `_loss` (absent before the first validation), `data_fingerprint`, `arithmetic`, `world_size`,
/// `whitening_sha256` (absent where images are not whitened), `tensors_sha256`, `program_version`, `additional.` followed by a key of `additional`, and `metadata_sha256`
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
    /// The SHA-256 of the map by which images are whitened; nil where they are not.
    public var whiteningSHA256: String?
    /// The arithmetic that computed the weights; `kernels` in records of earlier versions, which named the CPU's.
    public var arithmetic: String
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
        dataFingerprint: String, whiteningSHA256: String? = nil, arithmetic: String, worldSize: Int,
        programVersion: String,
        additional: [String: String] = [:]
    ) {
        self.configuration = configuration
        self.logicalShards = logicalShards
        self.position = position
        self.bestValidation = bestValidation
        self.dataFingerprint = dataFingerprint
        self.whiteningSHA256 = whiteningSHA256
        self.arithmetic = arithmetic
        self.worldSize = worldSize
        self.programVersion = programVersion
        self.additional = additional
    }
}

extension CheckpointMetadata {
    private static let additionalPrefix = "additional."

    /// The metadata as it stands in the safetensors header.
    var strings: [String: String] {
        var strings = [
            "format_version": "\(formatVersion)",
            "configuration": configuration,
            "logical_shards": "\(logicalShards)",
            "epoch": "\(position.epoch)",
            "step": "\(position.step)",
            "step_in_epoch": "\(position.stepInEpoch)",
            "data_fingerprint": dataFingerprint,
            "arithmetic": arithmetic,
            "world_size": "\(worldSize)",
            "tensors_sha256": tensorsSHA256,
            "program_version": programVersion,
        ]
        if let best = bestValidation {
            strings["best_validation_epoch"] = "\(best.epoch)"
            strings["best_validation_step"] = "\(best.step)"
            // Swift writes the shortest decimals that read back as the same number.
            strings["best_validation_accuracy"] = "\(best.accuracy)"
            strings["best_validation_loss"] = "\(best.loss)"
        }
        if let whiteningSHA256 { strings["whitening_sha256"] = whiteningSHA256 }
        for (key, value) in additional { strings[Self.additionalPrefix + key] = value }
        return strings
    }

    /// Reads the metadata from a safetensors header, of the current format version.
    init(strings: [String: String]) throws(MetadataFieldError) {
        func value<Value: LosslessStringConvertible>(_ key: String) throws(MetadataFieldError) -> Value {
            guard let text = strings[key] else { throw MetadataFieldError(key: key, found: nil) }
            guard let value = Value(text) else { throw MetadataFieldError(key: key, found: text) }
            return value
        }
        func count(_ key: String) throws(MetadataFieldError) -> Int {
            let count: Int = try value(key)
            guard count >= 0 else { throw MetadataFieldError(key: key, found: "\(count)") }
            return count
        }
        self.init(
            configuration: try value("configuration"),
            logicalShards: try count("logical_shards"),
            position: Position(
                epoch: try count("epoch"), step: try count("step"), stepInEpoch: try count("step_in_epoch")),
            dataFingerprint: try value("data_fingerprint"),
            whiteningSHA256: strings["whitening_sha256"],
            arithmetic: try value(strings["kernels"] == nil ? "arithmetic" : "kernels"),
            worldSize: try count("world_size"),
            programVersion: try value("program_version"))
        formatVersion = try count("format_version")
        tensorsSHA256 = try value("tensors_sha256")
        if strings.keys.contains(where: { $0.hasPrefix("best_validation_") }) {
            bestValidation = BestValidation(
                epoch: try count("best_validation_epoch"), step: try count("best_validation_step"),
                accuracy: try value("best_validation_accuracy"), loss: try value("best_validation_loss"))
        }
        for (key, value) in strings where key.hasPrefix(Self.additionalPrefix) {
            additional[String(key.dropFirst(Self.additionalPrefix.count))] = value
        }
    }
}

/// A field of the metadata that is missing or not what it should be.
struct MetadataFieldError: Error, CustomStringConvertible {
    let key: String
    let found: String?

    var description: String {
        found.map { "metadata \(key): found \"\($0.prefix(40))\", which is not a value it can have" }
            ?? "metadata \(key): expected a value, found none"
    }
}
