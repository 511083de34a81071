internal import Checkpoints
internal import DataParallel
package import Datasets
public import Foundation
internal import MLPEngine

/// Where a run goes on, read on rank 0: a checkpoint, or the beginning of a run that was ended before its first one.
public struct ResumePoint: Sendable {
    /// An error about what a run was to go on from.
    public struct Failure: Error, CustomStringConvertible, LocalizedError {
        /// One line that names the file or folder, what was expected, and what was found.
        public let description: String
        /// The same as ``description``.
        public var errorDescription: String? { description }
    }

    /// The run directory to go on in; nil where the checkpoint lies outside one.
    public let directory: RunDirectory?
    /// The configuration of the run.
    public let configuration: TrainingConfiguration
    /// What a person should know: damaged checkpoints that were passed over.
    public let notes: [String]

    /// How far the run had come: completed epochs, and steps of the one under way.
    package var position: (epoch: Int, stepInEpoch: Int) {
        checkpoint.map { ($0.metadata.position.epoch, $0.metadata.position.stepInEpoch) } ?? (0, 0)
    }

    /// What training goes on from; nil: from the beginning.
    let checkpoint: Checkpoint?
    /// Where that was found.
    let origin: String
    /// The lock of `directory`, taken before anything there was read; nil where the run goes on elsewhere.
    let lock: RunLock?

    /// Finds what `--resume` means.
    ///
    /// - Parameters:
    ///   - text: A run directory, a checkpoint file, or `latest`: the run directory with the newest checkpoint in `parent`.
    ///   - parent: Where `latest` looks.
    ///   - output: Where the run is to go on; nil for its own directory. A run is locked if it goes on in its own directory,
    ///     and left as it is if it goes on in another.
    /// - Throws: `CheckpointError`; ``Failure`` where there is nothing to go on from; `RunDirectory.Failure` where another
    ///   process works on the run.
    public init(
        resolving text: String, latestIn parent: String = "runs", output: String? = nil
    ) throws {
        if text == "latest" {
            try self.init(run: try RunDirectory.latest(in: parent), output: output)
            return
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: text, isDirectory: &isFolder) else {
            throw Failure(
                description:
                    "--resume \(text): expected a run directory, a checkpoint, or the word latest, found nothing there"
            )
        }
        if isFolder.boolValue {
            try self.init(run: RunDirectory(path: text), output: output)
        } else {
            let lock = try RunDirectory.containing(checkpoint: text).flatMap { run in
                try Self.lock(run, output: output)
            }
            try self.init(path: text, lock: lock)
        }
    }

    /// Reads a checkpoint, and changes nothing.
    ///
    /// - Parameter path: The file.
    /// - Throws: `CheckpointError`, or ``Failure``.
    public init(path: String) throws { try self.init(path: path, lock: nil) }

    private init(path: String, lock: RunLock?) throws {
        let checkpoint = try CheckpointFile.read(path)
        self.lock = lock
        self.checkpoint = checkpoint
        directory = RunDirectory.containing(checkpoint: path)
        configuration = try Self.configuration(of: checkpoint, path: path)
        notes = []
        origin = path
    }

    /// Reads the newest good checkpoint of a run. Damaged ones that are newer are named in ``notes``, and set aside if the run
    /// goes on in its own directory.
    ///
    /// A run without checkpoints, ended before its first one, goes on from the beginning with the configuration of its
    /// `config.json`.
    ///
    /// - Parameters:
    ///   - directory: The run.
    ///   - output: As above.
    /// - Throws: `CheckpointError` where all are damaged, ``Failure`` where nothing of a run is there, `RunDirectory.Failure`
    ///   where another process works on it.
    public init(run directory: RunDirectory, output: String? = nil) throws {
        self.directory = directory
        lock = directory.holdsRun ? try Self.lock(directory, output: output) : nil
        let stored = directory.storedConfiguration
        if let restored = try Self.newestCheckpoint(of: directory, settingAside: lock != nil) {
            checkpoint = restored.checkpoint
            origin = restored.entry.path
            notes = restored.damaged.map { "\($0.description); going on from \(restored.entry.path)" }
            var configuration = try Self.configuration(of: restored.checkpoint, path: restored.entry.path)
            // More epochs may have been asked for since the checkpoint was written.
            if let stored, stored.differences(from: configuration).isEmpty {
                configuration.epochs = stored.epochs
            }
            self.configuration = configuration
        } else {
            // To begin again over a run whose checkpoints were all lost is for a person to decide.
            guard directory.damagedCheckpoints.isEmpty else {
                throw Failure(
                    description:
                        "--resume \(directory.path): expected a good checkpoint, found only damaged ones set aside: "
                        + directory.damagedCheckpoints.joined(separator: ", "))
            }
            guard let stored = try directory.readConfiguration() else {
                throw Failure(
                    description:
                        "--resume \(directory.path): expected a run with a checkpoint or a config.json, found neither"
                )
            }
            checkpoint = nil
            configuration = stored
            origin = directory.path
            notes = []
        }
    }

    /// The lock of a run that goes on in its own directory; nil if it goes on in another.
    private static func lock(_ directory: RunDirectory, output: String?) throws -> RunLock? {
        let isOwn = output.map { directory.isSame(as: RunDirectory(path: $0)) } ?? true
        return isOwn ? try RunLock(directory, setting: "--resume") : nil
    }

    private static func newestCheckpoint(
        of directory: RunDirectory, settingAside: Bool
    ) throws -> CheckpointStore.Restored? {
        do {
            return try CheckpointStore(directory: directory.checkpoints)
                .restoreNewest(settingAside: settingAside)
        } catch CheckpointError.noneFound {
            return nil
        }
    }

    private static func configuration(of checkpoint: Checkpoint, path: String) throws -> TrainingConfiguration
    {
        let configuration = try TrainingConfiguration(
            stored: Data(checkpoint.metadata.configuration.utf8), at: path)
        try checkpoint.metadata.check(against: configuration, path: path)
        return configuration
    }
}

// What a checkpoint or config.json says is as foreign as a flag: it is checked as one before anything is built on it.

extension TrainingConfiguration {
    /// Reads a configuration that was stored as JSON and checks its values as those of flags.
    ///
    /// - Parameters:
    ///   - json: The text.
    ///   - path: The file, for the message.
    /// - Throws: ``ResumePoint/Failure`` if it is none, or for the first value that cannot be used.
    init(stored json: Data, at path: String) throws(ResumePoint.Failure) {
        do {
            self = try JSONDecoder().decode(TrainingConfiguration.self, from: json)
        } catch {
            throw ResumePoint.Failure(
                description: "\(path): expected the configuration of a training run, found another one")
        }
        do throws(ConfigurationError) { try validate() } catch {
            throw ResumePoint.Failure(
                description: "\(path): its configuration cannot be used: \(error.description)")
        }
    }
}

extension CheckpointMetadata {
    /// Checks what a run goes on from, as far as that is possible without the data set.
    ///
    /// - Throws: ``ResumePoint/Failure`` that names the file and the field.
    func check(against configuration: TrainingConfiguration, path: String) throws(ResumePoint.Failure) {
        func check(_ isValid: Bool, _ field: String, _ expected: String, _ found: some Any)
            throws(ResumePoint.Failure)
        {
            guard isValid else {
                throw ResumePoint.Failure(
                    description: "\(path): \(field): expected \(expected), found \(found)")
            }
        }
        if let shards = configuration.logicalShards {
            try check(logicalShards == shards, "logical_shards", "\(shards) as configured", logicalShards)
        }
        // 2⁵³ steps would take longer than any machine lasts; sums of such numbers cannot overflow.
        let steps = 0...(1 << 53)
        try check(steps.contains(position.step), "step", "at most 2⁵³", position.step)
        try check(
            (0...position.step).contains(position.stepInEpoch), "step_in_epoch",
            "at most the \(position.step) steps in all", position.stepInEpoch)
        let before = position.step - position.stepInEpoch
        if position.epoch == 0 {
            try check(
                before == 0, "step", "\(position.stepInEpoch), as no epoch is completed", position.step)
        } else {
            let (stepsPerEpoch, rest) = before.quotientAndRemainder(dividingBy: position.epoch)
            try check(
                rest == 0 && stepsPerEpoch > 0, "epoch", "as many steps in each of \(position.epoch) epochs",
                "\(before) steps")
            try check(
                position.stepInEpoch <= stepsPerEpoch, "step_in_epoch",
                "at most the \(stepsPerEpoch) steps of an epoch", position.stepInEpoch)
        }
        if let best = bestValidation {
            try check(
                (0...position.epoch).contains(best.epoch), "best_validation_epoch",
                "at most \(position.epoch)",
                best.epoch)
            try check(
                (0...position.step).contains(best.step), "best_validation_step", "at most \(position.step)",
                best.step)
            try check(
                best.accuracy >= 0 && best.accuracy <= 1, "best_validation_accuracy", "a share from 0 to 1",
                best.accuracy)
        }
        let progress = Progress(self)
        try check(
            steps.contains(progress.totals.samples), "epoch_samples", "a number from 0 to 2⁵³",
            progress.totals.samples)
        try check(
            (0...progress.totals.samples).contains(progress.totals.correct), "epoch_correct",
            "at most the \(progress.totals.samples) samples", progress.totals.correct)
        try check(
            progress.seconds >= 0 && progress.seconds.isFinite, "epoch_seconds", "a number ≥ 0",
            progress.seconds)
    }
}

extension CheckpointMetadata.Position {
    /// Checks that it is one of a run whose epochs have `stepsPerEpoch` steps.
    ///
    /// - Throws: ``ResumePoint/Failure``.
    func check(stepsPerEpoch: Int, path: String) throws(ResumePoint.Failure) {
        let (steps, overflow) = epoch.multipliedReportingOverflow(by: stepsPerEpoch)
        guard !overflow, stepInEpoch <= stepsPerEpoch, step - stepInEpoch == steps else {
            throw ResumePoint.Failure(
                description:
                    "\(path): position: expected epochs of \(stepsPerEpoch) steps, as the data set has"
                    + " them, found step \(step) after \(epoch) epochs and \(stepInEpoch) steps")
        }
    }
}

extension ResumePoint {
    /// Checks that the checkpoint, if there is one, has the tensors of its configuration's model in their shapes: before
    /// memory is taken for the model.
    ///
    /// - Throws: ``Failure`` that names the file and the tensor.
    public func checkTensors() throws(Failure) {
        guard let checkpoint else { return }
        let shapes = Dictionary(checkpoint.tensors.map { ($0.name, $0.shape) }) { first, _ in first }
        let network = MLP(configuration.model).network
        let model = network.parameterLayout.entries + network.statisticsLayout.entries
        var expected = model.map { ($0.name, $0.shape) }
        for state in configuration.optimizer.stateNames {
            expected += network.parameterLayout.entries.map {
                (ModelTensors.prefix(ofState: state) + $0.name, $0.shape)
            }
        }
        var prefixes = [checkpoint.prefix(of: .best), checkpoint.prefix(of: .averaged)]
        if configuration.averaging.hasAverage(afterEpochs: checkpoint.metadata.position.epoch) {
            prefixes.append(Checkpoint.averagedPrefix)
        }
        for prefix in Set(prefixes.compactMap(\.self)).sorted() where !prefix.isEmpty {
            expected += model.map { (prefix + $0.name, $0.shape) }
        }
        for (name, shape) in expected {
            guard shapes[name] == shape else {
                let found = shapes[name].map { "\($0)" } ?? "no such tensor"
                throw Failure(
                    description: "\(origin): tensor \(name): expected \(shape), found \(found)")
            }
        }
    }
}

extension ResumePoint {
    /// What the names of a model's tensors begin with. Before the first validation the checkpoint's own model is the best one.
    ///
    /// - Throws: ``Failure`` where there is no mean of the weights.
    func prefix(of model: Checkpoint.Model) throws(Failure) -> String {
        if let prefix = checkpoint?.prefix(of: model) { return prefix }
        guard model != .averaged else {
            throw Failure(
                description:
                    "\(origin): expected a mean of the weights (\(Checkpoint.averagedPrefix)…), found none: its run has"
                    + " --average-weights \(configuration.averaging.rawValue)")
        }
        return ""
    }
}

extension ResumePoint {
    /// Whether a data set has the records of the run that wrote the checkpoint. All of them are read.
    ///
    /// - Throws: What the data set throws.
    package func wasTrained(on dataset: any ImageDataset) throws -> Bool {
        guard let checkpoint, dataset.format == configuration.dataFormat else { return false }
        var fingerprint: UInt64 = 0
        for split in DatasetSplit.allCases {
            let count = dataset.count(of: split)
            for first in stride(from: 0, to: count, by: 5000) {
                let records = try dataset.read(split, records: Array(first..<min(first + 5000, count)))
                fingerprint &+= records.fingerprint
            }
        }
        return checkpoint.metadata.dataFingerprint == hexadecimal(fingerprint)
    }
}

// JSON has no notation for numbers that are not finite, such as the loss of a run that diverges.

extension JSONEncoder {
    /// Encodes such numbers, too, as `JSONDecoder.ofAnyNumber` reads them.
    static var ofAnyNumber: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return encoder
    }
}

extension JSONDecoder {
    /// Reads what `JSONEncoder.ofAnyNumber` has encoded.
    static var ofAnyNumber: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return decoder
    }
}
