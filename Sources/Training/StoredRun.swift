internal import Checkpoints
internal import Datasets
internal import Foundation
internal import MLPEngine

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
        if let prefix = checkpoint.prefix(of: .best), !prefix.isEmpty {
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
