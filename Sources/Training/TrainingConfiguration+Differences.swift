internal import DataParallel
internal import MLPEngine
internal import Tensors

extension TrainingConfiguration {
    /// A setting in which two configurations differ.
    public struct Difference: Sendable, Equatable, CustomStringConvertible {
        /// The setting, as the command line names it.
        public let setting: String
        /// The value in the one that is compared with, in the words of the command line; empty where the setting does
        /// not apply.
        public let old: String
        /// The value in this one.
        public let new: String

        /// The setting and both values, as in `--lr 0.1 → 0.2` or `--no-residual → --residual`.
        public var description: String {
            let values = [old, new].map { $0.isEmpty ? "none" : $0 }.joined(separator: " → ")
            return old.hasPrefix("--") && new.hasPrefix("--") ? values : "\(setting) \(values)"
        }
    }

    /// Returns the settings in which this configuration would lead to another result than `other`.
    ///
    /// More or fewer epochs are no difference, unless the learning rate follows their number. Of settings that only one
    /// of the two has, such as ELU's α, the one that decides on them is named.
    public func differences(from other: TrainingConfiguration) -> [Difference] {
        allDifferences(from: other).filter { difference in
            if difference.setting == "--epochs" { return schedule == .cosine || other.schedule == .cosine }
            return !difference.old.isEmpty && !difference.new.isEmpty
        }
    }

    /// Returns all settings in which this configuration differs from `other`.
    public func allDifferences(from other: TrainingConfiguration) -> [Difference] {
        zip(other.settings, settings).compactMap { old, new in
            old.value == new.value ? nil : Difference(setting: new.name, old: old.value, new: new.value)
        }
    }

    /// All settings in the words of the command line; an empty value where one does not apply.
    private var settings: [(name: String, value: String)] {
        var alpha = ""
        if case .elu(let value) = activation { alpha = Self.text(value) }
        var (stepEpochs, stepFactor) = ("", "")
        if case .step(let epochs, let factor) = schedule {
            (stepEpochs, stepFactor) = ("\(epochs)", Self.text(factor))
        }
        let widths = hiddenDimensions.map(String.init).joined(separator: ",")
        let scaling = learningRateScaling.rawValue
        return [
            ("--hidden-dims", widths.isEmpty ? "\"\"" : widths), ("--activation", activation.name),
            ("--elu-alpha", alpha), ("--batch-norm", batchNorm.rawValue),
            ("--residual", residual ? "--residual" : "--no-residual"),
            ("--epochs", "\(epochs)"), ("--batch-size", "\(batchSize)"),
            ("--lr", Self.text(learningRate)), ("--momentum", Self.text(momentum)),
            ("--nesterov", nesterov ? "--nesterov" : "--no-nesterov"),
            ("--weight-decay", Self.text(weightDecay)),
            ("--lr-schedule", schedule.name), ("--lr-step-epochs", stepEpochs),
            ("--lr-step-factor", stepFactor), ("--warmup-epochs", Self.text(warmupEpochs)),
            (
                "--lr-scaling",
                learningRateScaling == .linear ? "\(scaling) (\(learningRateRanks ?? 1) ranks)" : scaling
            ),
            ("--seed", "\(seed)"), ("--validation-size", "\(validationSize)"),
            ("--logical-shards", logicalShards.map(String.init) ?? ""),
            ("--arithmetic", arithmetic.rawValue),
            ("--matmul-precision", matmulPrecision?.rawValue ?? ""),
        ]
    }

    /// The shortest decimal that reads back the same, without a fraction where there is none.
    static func text(_ value: Double) -> String {
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}

extension Activation {
    /// The name on the command line.
    fileprivate var name: String {
        switch self {
        case .elu: "elu"
        case .relu: "relu"
        case .tanh: "tanh"
        }
    }
}

extension LearningRateSchedule.Shape {
    /// The name on the command line.
    fileprivate var name: String {
        switch self {
        case .constant: "constant"
        case .step: "step"
        case .cosine: "cosine"
        }
    }
}
