internal import Foundation
package import Metrics
package import Reports
package import Training

// What the runs of a study have come to, and the statistics of it.

/// How a run of a study ended.
package enum RunEnd: Codable, Sendable, Equatable {
    /// It came to its end.
    case finished(RunSummary)
    /// Its numbers became infinite or none, which is a result, too.
    case diverged(epoch: Int, message: String)
    /// It was not trained, and why.
    case notRun(reason: String)

    /// What it came to, if it came to its end.
    package var summary: RunSummary? { if case .finished(let summary) = self { summary } else { nil } }
}

/// What a run of a study has come to with one seed.
package struct RunResult: Sendable {
    /// The run.
    package let run: StudyRun
    /// Its seed.
    package let seed: UInt64
    /// The flags by which it differs from train's defaults, but for seeds.
    package let settings: String
    /// How it ended.
    package let end: RunEnd
    /// Its epochs.
    package let epochs: [EpochRecord]
    /// What was recorded of the inside of the model after each epoch, if that was asked for.
    package let diagnostics: [EpochDiagnostics]
    /// What was measured on its checkpoints.
    package let measured: [StudyMeasurement.Value]

    /// A result.
    package init(
        run: StudyRun, seed: UInt64, settings: String, end: RunEnd, epochs: [EpochRecord],
        diagnostics: [EpochDiagnostics] = [], measured: [StudyMeasurement.Value] = []
    ) {
        self.run = run
        self.seed = seed
        self.settings = settings
        self.end = end
        self.epochs = epochs
        self.diagnostics = diagnostics
        self.measured = measured
    }
}

/// What all runs of a study have come to.
package struct StudyResults: Sendable {
    /// The runs, in the study's order.
    package let runs: [StudyRun]
    /// The seeds.
    package let seeds: [UInt64]
    /// The results: of each run those of all seeds.
    package let results: [RunResult]

    /// How long the training of all runs that came to their end took together, in seconds.
    package var trainSeconds: Double { results.reduce(0) { $0 + ($1.end.summary?.trainSeconds ?? 0) } }

    /// Gathers results.
    package init(runs: [StudyRun], seeds: [UInt64], results: [RunResult]) {
        self.runs = runs
        self.seeds = seeds
        self.results = results
    }

    /// The results of a run, in the order of the seeds.
    package func of(_ label: String) -> [RunResult] {
        seeds.compactMap { seed in results.first { $0.run.label == label && $0.seed == seed } }
    }

    /// Mean and deviation of a metric of a run over the seeds; nil where no seed has it.
    package func spread(_ metric: Metric, _ label: String) -> Spread? {
        Spread(of(label).compactMap(metric.value))
    }

    /// Mean and deviation over the seeds of a quantity that each run has at several places, such as epochs.
    ///
    /// - Parameters:
    ///   - label: The run.
    ///   - values: The places and the quantity of a result.
    /// - Returns: For every place that some seed has, in ascending order.
    package func spreads(
        _ label: String, _ values: (RunResult) -> [(x: Double, y: Double)]
    ) -> [(x: Double, spread: Spread)] {
        var found: [Double: [Double]] = [:]
        for result in of(label) {
            for (x, y) in values(result) where y.isFinite { found[x, default: []].append(y) }
        }
        return found.sorted { $0.key < $1.key }.compactMap { x, values in Spread(values).map { (x, $0) } }
    }

    /// By how much a metric of a run is above that of another, for every seed for which both have it.
    package func difference(_ metric: Metric, _ label: String, minus other: String) -> PairedDifference? {
        PairedDifference(
            zip(of(label), of(other)).compactMap { first, second in
                guard let value = metric.value(first), let base = metric.value(second) else { return nil }
                return value - base
            })
    }
}

/// Differences between two runs, seed by seed: what the seed does to both falls out.
package struct PairedDifference: Sendable, Equatable {
    /// The differences.
    package let values: [Double]
    /// Their mean and deviation.
    package let spread: Spread

    /// Nil of no differences.
    package init?(_ values: [Double]) {
        guard let spread = Spread(values) else { return nil }
        self.values = values
        self.spread = spread
    }

    /// The sign that all have: −1, 0 or 1; nil where they have not the same.
    package var sign: Int? {
        let signs = Set(values.map { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 })
        return signs.count == 1 ? signs.first : nil
    }
}

/// A number that every run has.
package struct Metric: Sendable {
    /// How it is written.
    package enum Unit: Sendable, Equatable {
        /// A share from 0 to 1, in percent; differences in percentage points.
        case share
        /// A whole number, the same with every seed.
        case count
        /// A number with so many decimals.
        case number(decimals: Int)
        /// A number of any size, with two digits behind the point and an exponent.
        case scientific
    }

    /// What it is called, as in "test accuracy".
    package let name: String
    /// How it is written.
    package let unit: Unit
    /// Reads it; nil where a result does not have it.
    package let value: @Sendable (RunResult) -> Double?

    /// A metric.
    package init(_ name: String, _ unit: Unit, value: @escaping @Sendable (RunResult) -> Double?) {
        self.name = name
        self.unit = unit
        self.value = value
    }

    /// A value of it.
    package func text(_ value: Double) -> String {
        switch unit {
        case .share: String(format: "%.2f %%", value * 100)
        case .count: String(format: "%.0f", value)
        case .number(let decimals): String(format: "%.\(decimals)f", value)
        case .scientific: String(format: "%.2e", value)
        }
    }

    /// Mean ± sample deviation.
    package func text(_ spread: Spread) -> String {
        guard let deviation = spread.deviation, unit != .count else { return text(spread.mean) }
        return switch unit {
        case .count: text(spread.mean)
        case .share: String(format: "%.2f ± %.2f %%", spread.mean * 100, deviation * 100)
        case .number(let decimals):
            String(format: "%.\(decimals)f ± %.\(decimals)f", spread.mean, deviation)
        case .scientific: String(format: "%.2e ± %.1e", spread.mean, deviation)
        }
    }

    /// The size of a difference, without its sign: mean ± sample deviation.
    package func text(of difference: PairedDifference) -> String {
        let mean = abs(difference.spread.mean)
        guard let deviation = difference.spread.deviation else {
            return switch unit {
            case .share: String(format: "%.2f percentage points", mean * 100)
            case .count, .number, .scientific: text(mean)
            }
        }
        return switch unit {
        case .count: text(mean)
        case .share: String(format: "%.2f ± %.2f percentage points", mean * 100, deviation * 100)
        case .number(let decimals): String(format: "%.\(decimals)f ± %.\(decimals)f", mean, deviation)
        case .scientific: String(format: "%.2e ± %.1e", mean, deviation)
        }
    }
}

extension Metric {
    /// The share of test records classified correctly by the model that was best on validation.
    package static let testAccuracy = Metric("test accuracy", .share) { $0.end.summary?.testAccuracy }
    /// That model's loss on the test records.
    package static let testLoss = Metric("test loss", .number(decimals: 4)) { $0.end.summary?.testLoss }
    /// The share of test records classified correctly by the mean over views, where a run was tested so, too.
    package static let testViewsAccuracy = Metric("test accuracy, views", .share) {
        $0.end.summary?.testViewsAccuracy
    }
    /// The best accuracy on the validation records.
    package static let bestValidation = Metric("best validation accuracy", .share) {
        $0.end.summary?.bestValidationAccuracy
    }
    /// The epoch after which that was.
    package static let bestEpoch = Metric("best epoch", .number(decimals: 1)) {
        $0.end.summary.map { Double($0.bestEpoch) }
    }
    /// The accuracy over the batches of the last epoch, of a run that came to its end.
    package static let lastTraining = Metric("training accuracy, last epoch", .share) {
        $0.end.summary == nil ? nil : $0.epochs.last?.trainAccuracy
    }
    /// The accuracy on the validation records after the last epoch.
    package static let lastValidation = Metric("validation accuracy, last epoch", .share) {
        $0.end.summary == nil ? nil : $0.epochs.last?.validationAccuracy
    }
    /// How much better the last epoch's batches were classified than the validation records after it.
    package static let gap = Metric("training − validation accuracy, last epoch", .share) { result in
        guard let training = lastTraining.value(result), let validation = lastValidation.value(result) else {
            return nil
        }
        return training - validation
    }
    /// The learned scalars.
    package static let parameters = Metric("parameters", .count) {
        $0.end.summary.map { Double($0.parameterCount) }
    }
}
