internal import Foundation
package import Plotting
package import Training

// Several runs in one picture: which of them belong together, and what each is called.

/// Runs that differ in their seed alone, shown as one: a mean with a deviation.
package struct RunGroup: Sendable {
    /// The settings in which it differs from the others, or what tells it from them besides.
    package let name: String
    /// Its runs, with different seeds.
    package let runs: [RunRecords]

    /// The configuration of its first run.
    package var configuration: TrainingConfiguration { runs[0].configuration }

    /// Groups runs and names the groups, in the order in which they were given.
    ///
    /// Runs with the same settings and the same seed are no samples of anything: each is shown by itself, with the name of its
    /// directory.
    package static func grouping(_ runs: [RunRecords]) -> [RunGroup] {
        var settings: [TrainingConfiguration] = []
        var members: [[RunRecords]] = []
        for run in runs {
            let unseeded = run.configuration.withoutSeed
            if let index = settings.firstIndex(of: unseeded) {
                members[index].append(run)
            } else {
                settings.append(unseeded)
                members.append([run])
            }
        }
        let names = RunNames.names(of: settings)
        return zip(names, members).flatMap { name, runs -> [RunGroup] in
            guard Set(runs.map(\.configuration.seed)).count < runs.count else {
                let only = members.count == 1
                return [RunGroup(name: only && runs.count == 1 ? runs[0].name : name, runs: runs)]
            }
            return runs.map { run in
                RunGroup(name: members.count == 1 ? run.name : "\(name) (\(run.name))", runs: [run])
            }
        }
    }
}

extension TrainingConfiguration {
    /// The same for all seeds, and for settings that came from a recipe or were typed. Where the choice of validation records
    /// followed the seed it follows it still.
    fileprivate var withoutSeed: TrainingConfiguration {
        var copy = self
        (copy.seed, copy.recipe) = (0, nil)
        return copy
    }
}

/// Names for configurations, by what they differ in.
package enum RunNames {
    /// A name for each: the settings that are not the same in all, in the words of the command line, as in
    /// `hidden-dims 256,128, batch-norm sync`. A setting that belongs to another one, as SGD's momentum, is no difference where
    /// it has its default.
    package static func names(of configurations: [TrainingConfiguration]) -> [String] {
        let shown = configurations.map { configuration in
            Dictionary(uniqueKeysWithValues: configuration.shownSettings.map { ($0.flag, $0) })
        }
        let flags = TrainingConfiguration.settings.map { "--\($0.flag)" }.filter { flag in
            let values = shown.compactMap { $0[flag] }
            return Set(values.map(\.words)).count > 1
                || values.count < shown.count && values.contains { !$0.isDefault }
        }
        return shown.enumerated().map { index, own in
            let words = flags.compactMap { own[$0] }.map { setting in
                // A switch is its own value.
                (setting.words.count > 1 ? "\(setting.flag) \(setting.value)" : setting.words[0]).dropFirst(2)
            }
            return words.isEmpty
                ? (configurations.count > 1 ? "run \(index + 1)" : "all runs") : words.joined(separator: ", ")
        }
    }
}

/// Mean and sample deviation.
package struct Spread: Sendable, Equatable {
    /// Σ x / n.
    package let mean: Double
    /// √(Σ (x − mean)² / (n − 1)); nil of a single value.
    package let deviation: Double?
    /// n.
    package let count: Int

    /// Of values; nil without any.
    package init?(_ values: [Double]) {
        guard !values.isEmpty else { return nil }
        count = values.count
        let mean = values.reduce(0, +) / Double(values.count)
        self.mean = mean
        deviation =
            values.count < 2
            ? nil
            : (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
    }
}

extension RunGroup {
    /// A quantity over epochs or steps: of one run its values, of several the mean over runs with a band of a deviation to
    /// either side, as far as all have come.
    package func curve(_ values: (RunRecords) throws -> [Point]) rethrows -> (
        points: [Point], band: [LineChart.Band]
    ) {
        let all = try runs.map(values)
        guard all.count > 1 else { return (all[0], []) }
        let byPlace = all.map { points in
            Dictionary(points.map { ($0.x, $0.y) }) { _, last in last }
        }
        var points: [Point] = []
        var band: [LineChart.Band] = []
        for x in all[0].map(\.x) {
            let there = byPlace.compactMap { $0[x] }
            guard there.count == all.count, let spread = Spread(there) else { continue }
            points.append(Point(x, spread.mean))
            guard let deviation = spread.deviation else { continue }
            band.append(LineChart.Band(x, spread.mean - deviation, spread.mean + deviation))
        }
        return (points, band)
    }
}
