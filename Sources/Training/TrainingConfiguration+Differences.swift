internal import DataParallel
internal import MLPEngine

extension TrainingConfiguration {
    /// A setting in which two configurations differ.
    public struct Difference: Sendable, Equatable, CustomStringConvertible {
        /// The setting, as the command line names it.
        public let setting: String
        /// The value in the one that is compared with.
        public let old: String
        /// The value in this one.
        public let new: String

        /// The setting and both values.
        public var description: String { "\(setting) \(old) → \(new)" }
    }

    /// Returns the settings in which this configuration would lead to another result than `other`.
    ///
    /// More or fewer epochs are no difference, unless the learning rate follows their number.
    public func differences(from other: TrainingConfiguration) -> [Difference] {
        let pairs: [(String, String, String)] = [
            ("--hidden-dims", "\(other.hiddenDimensions)", "\(hiddenDimensions)"),
            ("--activation", "\(other.activation)", "\(activation)"),
            ("--batch-norm", other.batchNorm.rawValue, batchNorm.rawValue),
            ("--residual", "\(other.residual)", "\(residual)"),
            ("--batch-size", "\(other.batchSize)", "\(batchSize)"),
            ("--lr", "\(other.learningRate)", "\(learningRate)"),
            ("--momentum", "\(other.momentum)", "\(momentum)"),
            ("--nesterov", "\(other.nesterov)", "\(nesterov)"),
            ("--weight-decay", "\(other.weightDecay)", "\(weightDecay)"),
            ("--lr-schedule", "\(other.schedule)", "\(schedule)"),
            ("--warmup-epochs", "\(other.warmupEpochs)", "\(warmupEpochs)"),
            ("--lr-scaling", other.learningRateScaling.rawValue, learningRateScaling.rawValue),
            ("--seed", "\(other.seed)", "\(seed)"),
            ("--validation-size", "\(other.validationSize)", "\(validationSize)"),
            ("--logical-shards", "\(other.logicalShards ?? 0)", "\(logicalShards ?? 0)"),
            (
                "--epochs", schedule == .cosine ? "\(other.epochs)" : "",
                schedule == .cosine ? "\(epochs)" : ""
            ),
        ]
        return pairs.filter { $1 != $2 }.map(Difference.init)
    }
}
