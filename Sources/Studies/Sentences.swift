internal import Foundation
internal import Reports

// What results say, in sentences that are computed from them. They say what is seen, whether or not it was expected.

/// What was expected of a difference.
package enum Expectation: Sendable {
    /// That it is above 0.
    case higher
    /// That it is below 0.
    case lower
    /// Nothing.
    case none
}

extension StudyResults {
    /// Compares a metric of two runs: by how much they differ over the seeds, whether all seeds agree on the sign, and
    /// whether it is what was expected.
    ///
    /// - Parameters:
    ///   - metric: What is compared.
    ///   - label: A run.
    ///   - other: The run that it is compared with.
    ///   - subject: What the sentence begins with: how the first run differs from the other.
    ///   - expectation: What was expected of the first in comparison with the other.
    /// - Returns: A sentence; where a run has no results, one that says so.
    package func compare(
        _ metric: Metric, _ label: String, with other: String, subject: String,
        expecting expectation: Expectation = .none
    ) -> String {
        guard let difference = difference(metric, label, minus: other), let mean = spread(metric, label),
            let base = spread(metric, other)
        else {
            let missing = [label, other].filter { spread(metric, $0) == nil }
            let names = missing.isEmpty ? "\(label) and \(other)" : missing.joined(separator: " and ")
            return
                "\(subject): \(metric.name) cannot be compared, as \(names) \(missing.count == 1 ? "has" : "have")"
                + " no result\(missing.isEmpty ? " for the same seed" : "")\(endNote(missing))."
        }
        let values = "\(metric.text(mean)) against \(metric.text(base))"
        let partial = seeds.count - difference.values.count
        let seedsNote =
            partial == 0
            ? "" : " (\(partial) of \(seeds.count) seeds left out, for which one of the two has no result)"
        return
            "\(subject): \(metric.name) \(values), \(Self.phrase(difference, metric, expectation))\(seedsNote)."
    }

    /// The difference in words.
    static func phrase(
        _ difference: PairedDifference, _ metric: Metric, _ expectation: Expectation
    ) -> String {
        let count = difference.values.count
        let higher = difference.values.count { $0 > 0 }
        let lower = difference.values.count { $0 < 0 }
        guard let sign = difference.sign else {
            let direction =
                difference.spread.mean > 0 ? "higher" : difference.spread.mean < 0 ? "lower" : "apart"
            return
                "\(metric.text(of: difference)) \(direction) in the mean, but the sign is not the same for all seeds"
                + " (higher for \(higher), equal for \(count - higher - lower), lower for \(lower)): no difference is shown"
        }
        let seeds = count == 1 ? "for the one seed" : "for each of the \(count) seeds"
        guard sign != 0 else {
            return "exactly the same \(seeds)" + (expectation == .none ? "" : ", which was not expected")
        }
        let isExpected = expectation == (sign > 0 ? .higher : .lower)
        let judgement =
            expectation == .none
            ? "" : isExpected ? ", as expected" : ", against what was expected"
        return "\(metric.text(of: difference)) \(sign > 0 ? "higher" : "lower"), \(seeds)\(judgement)"
    }

    /// Says where a metric of a run lies in comparison with a range that was expected.
    package func place(
        _ metric: Metric, _ label: String, subject: String, in range: ClosedRange<Double>
    ) -> String {
        guard let spread = spread(metric, label) else {
            return "\(subject): no \(metric.name)\(endNote([label]))."
        }
        let expected =
            metric.unit == .share
            ? String(format: "the %.4g to %.4g %%", range.lowerBound * 100, range.upperBound * 100)
            : "the range from \(metric.text(range.lowerBound)) to \(metric.text(range.upperBound))"
        let position =
            spread.mean < range.lowerBound
            ? "below" : spread.mean > range.upperBound ? "above" : "within"
        let values = of(label).compactMap(metric.value)
        let lowest = values.min().map { values.count > 1 ? "; the lowest seed has \(metric.text($0))" : "" }
        return
            "\(subject): \(metric.name) \(metric.text(spread)), \(position) \(expected) expected\(lowest ?? "")."
    }

    /// How the runs ended that have no result, for the end of a sentence.
    private func endNote(_ labels: [String]) -> String {
        let ends = Set(labels.flatMap(of).map(\.end.note)).filter { !$0.isEmpty }.sorted()
        return ends.isEmpty ? "" : " (\(ends.joined(separator: "; ")))"
    }

    /// Says of each run that diverged with some seed, when.
    package var divergences: [String] {
        runs.compactMap { run in
            let ends = of(run.label).compactMap { result -> String? in
                guard case .diverged(let epoch, _) = result.end else { return nil }
                return "in epoch \(epoch) with seed \(result.seed)"
            }
            return ends.isEmpty ? nil : "\(run.label) diverged \(ends.joined(separator: ", "))."
        }
    }
}

extension RunEnd {
    /// In a few words, how it ended, if not as it should.
    package var note: String {
        switch self {
        case .finished: ""
        case .diverged(let epoch, _): "diverged in epoch \(epoch)"
        case .notRun(let reason): "not run: \(reason)"
        }
    }
}
