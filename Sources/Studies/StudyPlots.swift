internal import Metrics
package import Plotting
package import Reports

// The pictures that studies have in common.

extension StudyPlot {
    /// A quantity over epochs, a line for each run: the mean over the seeds, and mean ± sample deviation shaded.
    ///
    /// - Parameters:
    ///   - file: The name of its file.
    ///   - title: What stands above it.
    ///   - axis: What the quantity is.
    ///   - labels: The runs; nil for all.
    ///   - references: Values to compare with.
    ///   - caption: What is to be seen.
    ///   - value: The quantity after each epoch of a result.
    package static func overEpochs(
        _ file: String, _ title: String, axis: Axis, labels: [String]? = nil,
        references: [LineChart.ReferenceLine] = [], caption: String,
        value: @escaping @Sendable (RunResult) -> [(epoch: Int, value: Double)]
    ) -> StudyPlot {
        StudyPlot(file, caption: caption) { results in
            let shown = results.runs.filter { labels?.contains($0.label) ?? true }
            return LineChart(
                title, x: Axis("epoch", format: .integer), y: axis,
                series: shown.map { run in
                    LineChart.Series(
                        run.series,
                        of: results.spreads(run.label) { result in
                            value(result).map { (Double($0.epoch), $0.value) }
                        })
                }, references: references)
        }
    }

    /// A metric of all runs over the places at which they stand, a line for each series.
    ///
    /// - Parameters:
    ///   - file: The name of its file.
    ///   - title: What stands above it.
    ///   - x: What the places are.
    ///   - axis: What the metric is.
    ///   - metric: The metric.
    ///   - series: The lines; nil for all.
    ///   - caption: What is to be seen.
    package static func overPlaces(
        _ file: String, _ title: String, x: Axis, axis: Axis, metric: Metric, series: [String]? = nil,
        caption: String
    ) -> StudyPlot {
        StudyPlot(file, caption: caption) { results in
            let placed = results.runs.filter { $0.place != nil }
            let names = series ?? placed.map(\.series).uniqued
            return LineChart(
                title, x: x, y: axis,
                series: names.map { name in
                    LineChart.Series(
                        name,
                        of: placed.filter { $0.series == name }.compactMap { run in
                            guard let place = run.place, let spread = results.spread(metric, run.label)
                            else { return nil }
                            return (place, spread)
                        })
                })
        }
    }

    /// The accuracy over the batches of each epoch.
    package static func trainingAccuracy(
        _ file: String = "training-accuracy", _ title: String = "Training accuracy", labels: [String]? = nil,
        caption: String
    ) -> StudyPlot {
        overEpochs(file, title, axis: Axis("accuracy", format: .percent), labels: labels, caption: caption) {
            $0.epochs.map { ($0.epoch, $0.trainAccuracy) }
        }
    }

    /// The accuracy on the validation records after each epoch.
    package static func validationAccuracy(
        _ file: String = "validation-accuracy", _ title: String = "Validation accuracy",
        labels: [String]? = nil, caption: String
    ) -> StudyPlot {
        overEpochs(file, title, axis: Axis("accuracy", format: .percent), labels: labels, caption: caption) {
            $0.epochs.compactMap { record in record.validationAccuracy.map { (record.epoch, $0) } }
        }
    }
}

extension LineChart.Series {
    /// Means as a line, mean ± deviation as its band.
    package init(_ name: String, of spreads: [(x: Double, spread: Spread)]) {
        let band = spreads.compactMap { x, spread in
            spread.deviation.map { LineChart.Band(x, spread.mean - $0, spread.mean + $0) }
        }
        self.init(name, spreads.map { Point($0.x, $0.spread.mean) }, band: band)
    }
}

extension Array where Element: Hashable {
    /// Each element once, where it comes first.
    var uniqued: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
