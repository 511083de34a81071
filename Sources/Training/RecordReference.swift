internal import Checkpoints
public import Datasets

// Which records of a data set a run trained on, validated on and tested on.

/// A part of a data set, as a run divided it.
public enum RunSplit: String, Sendable, CaseIterable {
    /// What it learned from.
    case train
    /// What it held out of that.
    case validation
    /// What it looked at in the end.
    case test

    /// Where its records are in a data set, ascending.
    ///
    /// - Parameters:
    ///   - dataset: The run's.
    ///   - configuration: The run's: its seed, and how many records it held out.
    /// - Throws: ``ConfigurationError`` where the run held none out, or the data set has fewer than that.
    public func records(
        of dataset: any ImageDataset, _ configuration: TrainingConfiguration
    ) throws(ConfigurationError) -> (split: DatasetSplit, indices: [Int]) {
        guard self != .test else { return (.test, Array(0..<dataset.count(of: .test))) }
        let (count, held) = (dataset.count(of: .training), configuration.validationSize)
        guard count >= held else {
            throw ConfigurationError(
                "--data", found: "\(count) training records (\(dataset.location))",
                expected: "at least the \(held) that the run held out for validation")
        }
        let split = ValidationSplit(
            count: count, validationSize: held, seed: configuration.splitSeed ?? configuration.seed)
        let indices = self == .train ? split.training : split.validation
        guard !indices.isEmpty else {
            throw ConfigurationError(
                "\(self)", found: "--validation-size \(held) of \(count) training records",
                expected: "a run with \(self == .train ? "training" : "validation") records")
        }
        return (.training, indices)
    }
}

/// A record of a run's data set by its split and its number in it, as in `test:17`.
public struct RecordReference: Sendable, Hashable, CustomStringConvertible {
    /// The split.
    public let split: RunSplit
    /// The number among the split's records in the order of the data set, from 0.
    public let number: Int

    /// Reads `test:17`; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let split = RunSplit(rawValue: String(parts[0])),
            parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(parts[1])
        else { return nil }
        (self.split, self.number) = (split, number)
    }

    /// As it is read.
    public var description: String { "\(split):\(number)" }

    /// Reads the record.
    ///
    /// - Throws: ``ConfigurationError`` where there is no such record, or what the data set throws.
    public func read(
        from dataset: any ImageDataset, _ configuration: TrainingConfiguration
    ) throws -> (pixels: [UInt8], label: Int) {
        let (split, indices) = try self.split.records(of: dataset, configuration)
        guard indices.indices.contains(number) else {
            throw ConfigurationError(
                "\(self)", found: "number \(number)", expected: "a record from 0 to \(indices.count - 1)")
        }
        let records = try dataset.read(split, records: [indices[number]])
        return (records.pixels, Int(records.labels[0]))
    }
}
