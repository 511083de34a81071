internal import Datasets
internal import Foundation
internal import Metrics
package import Plotting
internal import Training

/// What can be drawn of runs.
package enum Quantity: String, CaseIterable, Sendable {
    /// Training's and validation's.
    case loss
    /// Training's and validation's.
    case accuracy
    case trainLoss = "train-loss"
    case trainAccuracy = "train-accuracy"
    case validationLoss = "validation-loss"
    case validationAccuracy = "validation-accuracy"
    case rate
    case throughput
    case seconds
    /// Of each step's batch.
    case stepLoss = "step-loss"
    /// Of each step's batch.
    case stepAccuracy = "step-accuracy"
    case deadUnits = "dead-units"
    case activationMean = "activation-mean"
    case activationVariance = "activation-variance"
    /// Of weights.
    case norms
    case gradientNorms = "gradient-norms"
    case updateNorms = "update-norms"

    /// What stands above its charts.
    package var title: String {
        switch self {
        case .loss: "Loss"
        case .accuracy: "Accuracy"
        case .trainLoss: "Training loss"
        case .trainAccuracy: "Training accuracy"
        case .validationLoss: "Validation loss"
        case .validationAccuracy: "Validation accuracy"
        case .rate: "Learning rate"
        case .throughput: "Throughput"
        case .seconds: "Time of an epoch"
        case .stepLoss: "Loss of each step's batch"
        case .stepAccuracy: "Accuracy on each step's batch"
        case .deadUnits: "Dead units"
        case .activationMean: "Mean of the outputs"
        case .activationVariance: "Variance of the outputs"
        case .norms: "Norms of the parameters"
        case .gradientNorms: "Norms of the gradients"
        case .updateNorms: "Norms of the updates"
        }
    }

    /// Whether it is recorded only with `--diagnostics`.
    package var needsDiagnostics: Bool {
        if case .parts = source { return true }
        return false
    }

    private var axis: Axis {
        switch self {
        case .loss, .trainLoss, .validationLoss, .stepLoss: Axis("loss", unit: "nats per image")
        case .accuracy, .trainAccuracy, .validationAccuracy, .stepAccuracy:
            Axis("accuracy", format: .percent)
        case .rate: Axis("learning rate", includesZero: true)
        case .throughput: Axis("images per second", format: .integer, includesZero: true)
        case .seconds: Axis("time", unit: "s", includesZero: true)
        case .deadUnits: Axis("share of units", format: .percent, includesZero: true)
        case .activationMean: Axis("mean")
        case .activationVariance: Axis("variance", scale: .logarithmic)
        case .norms: Axis("‖w‖₂", scale: .logarithmic)
        case .gradientNorms: Axis("‖∂L/∂w‖₂", scale: .logarithmic)
        case .updateNorms: Axis("‖Δw‖₂ of the last step", scale: .logarithmic)
        }
    }

    /// Where its numbers are.
    private enum Source {
        /// In each epoch's record; by name where there are two.
        case epochs([(name: String, value: @Sendable (EpochRecord) -> Double?)])
        /// In each step's record.
        case steps(@Sendable (StepRecord) -> Double)
        /// In an epoch's diagnostics, by layer or tensor.
        case parts(@Sendable (EpochDiagnostics) -> [(name: String, value: Double)])
    }

    private var source: Source {
        switch self {
        case .loss: .epochs([("training", \.trainLoss), ("validation", \.validationLoss)])
        case .accuracy: .epochs([("training", \.trainAccuracy), ("validation", \.validationAccuracy)])
        case .trainLoss: .epochs([("", \.trainLoss)])
        case .trainAccuracy: .epochs([("", \.trainAccuracy)])
        case .validationLoss: .epochs([("", \.validationLoss)])
        case .validationAccuracy: .epochs([("", \.validationAccuracy)])
        case .rate: .epochs([("", \.learningRate)])
        case .throughput: .epochs([("", \.imagesPerSecond)])
        case .seconds: .epochs([("", \.seconds)])
        case .stepLoss: .steps(\.loss)
        case .stepAccuracy: .steps(\.accuracy)
        case .deadUnits:
            .parts { $0.layers.compactMap { layer in layer.deadUnits.map { (layer.name, $0) } } }
        case .activationMean: .parts { $0.layers.map { ($0.name, $0.mean) } }
        case .activationVariance: .parts { $0.layers.map { ($0.name, $0.variance) } }
        case .norms: .parts { $0.tensors.map { ($0.name, $0.norm) } }
        case .gradientNorms: .parts { $0.tensors.map { ($0.name, $0.gradientNorm) } }
        case .updateNorms: .parts { $0.tensors.map { ($0.name, $0.updateNorm) } }
        }
    }

    /// Lines of so many layers nobody can tell apart.
    private static let mostLines = 7

    /// The charts of the groups: one with all of them; of layers, one for each layer where there are several groups, and a table
    /// of shades for each group where there are many layers.
    ///
    /// - Throws: What reading the steps throws.
    package func charts(of groups: [RunGroup], size: ChartSize) throws -> [any Chart] {
        switch source {
        case .epochs(let parts): return [try epochChart(of: groups, parts, size)]
        case .steps(let value):
            let series = try groups.enumerated().map { index, group in
                let curve = try group.curve { run in
                    try run.steps().map { Point(Double($0.step), value($0)) }
                }
                return LineChart.Series(
                    group.name, curve.points, band: curve.band, style: SeriesStyle(color: index, dash: index))
            }
            return [chart(title, over: Axis("step", format: .integer), series, groups, size)]
        case .parts(let values): return partCharts(of: groups, values, size)
        }
    }

    private func epochChart(
        of groups: [RunGroup], _ parts: [(name: String, value: @Sendable (EpochRecord) -> Double?)],
        _ size: ChartSize
    ) throws -> LineChart {
        let series = groups.enumerated().flatMap { index, group in
            parts.enumerated().map { part, source in
                let curve = group.curve { run in
                    run.epochs.compactMap { epoch in
                        source.value(epoch).map { Point(Double(epoch.epoch), $0) }
                    }
                }
                let names = [groups.count > 1 || source.name.isEmpty ? group.name : "", source.name]
                var style = SeriesStyle.automatic(index)
                // With both in one chart, groups differ by colour and marker, training and validation by the dash.
                if parts.count > 1 {
                    style = SeriesStyle(
                        color: groups.count > 1 ? index : part, dash: part,
                        marker: groups.count > 1 ? index : part)
                }
                return LineChart.Series(
                    names.filter { !$0.isEmpty }.joined(separator: ", "), curve.points, band: curve.band,
                    style: style)
            }
        }
        return chart(title, over: Axis("epoch", format: .integer), series, groups, size)
    }

    private func chart(
        _ title: String, over x: Axis, _ series: [LineChart.Series], _ groups: [RunGroup], _ size: ChartSize
    ) -> LineChart {
        let values = series.flatMap { $0.points.map(\.y) }.filter(\.isFinite)
        let classes = Double(groups.first?.configuration.format.classCount ?? 0)
        var references: [LineChart.ReferenceLine] = []
        // What guessing comes to, where values come near it.
        switch self {
        case .loss, .trainLoss, .validationLoss, .stepLoss:
            if let most = values.max(), most > 0.8 * log(classes) {
                references = [.init(log(classes), "ln \(Int(classes)): guessing")]
            }
        case .accuracy, .trainAccuracy, .validationAccuracy, .stepAccuracy:
            if let least = values.min(), least < 2 / classes { references = [.init(1 / classes, "guessing")] }
        default: break
        }
        return LineChart(title, x: x, y: axis, series: series, references: references, size: size)
    }

    /// What its parts are.
    private var partName: String {
        switch self {
        case .norms, .gradientNorms, .updateNorms: "parameters"
        default: "layer"
        }
    }

    /// Names of many parts with those of a kind together, such as all weights before all biases.
    private static func byKind(_ names: [String]) -> [String] {
        guard names.count > mostLines else { return names }
        func kind(_ name: String) -> Substring {
            let words = name.split { " .".contains($0) }
            return (Int(words.last ?? "") == nil ? words.last : words.first) ?? ""
        }
        var kinds: [Substring] = []
        for name in names where !kinds.contains(kind(name)) { kinds.append(kind(name)) }
        return kinds.flatMap { wanted in names.filter { kind($0) == wanted } }
    }

    private func partCharts(
        of groups: [RunGroup], _ values: @Sendable (EpochDiagnostics) -> [(name: String, value: Double)],
        _ size: ChartSize
    ) -> [any Chart] {
        // Networks that differ have layers of the same place under other names.
        func parts(_ epoch: EpochDiagnostics) -> [(name: String, value: Double)] {
            let titles = epoch.partTitles(byPlace: groups.count > 1)
            return values(epoch).map { (titles[$0.name] ?? $0.name, $0.value) }
        }
        func names(of groups: [RunGroup]) -> [String] {
            var names: [String] = []
            for epoch in groups.flatMap({ $0.runs.flatMap(\.diagnostics) }) {
                for part in parts(epoch) where !names.contains(part.name) { names.append(part.name) }
            }
            return names
        }
        func curve(_ name: String, _ group: RunGroup) -> (points: [Point], band: [LineChart.Band]) {
            group.curve { run in
                run.diagnostics.compactMap { epoch in
                    parts(epoch).first { $0.name == name }.map { Point(Double(epoch.epoch), $0.value) }
                }
            }
        }
        let names = Self.byKind(names(of: groups))
        let epochs = Axis("epoch", format: .integer)
        if names.count > Self.mostLines {
            // One scale for all, to compare them.
            var scale = axis
            let all = groups.flatMap { group in names.flatMap { curve($0, group).points.map(\.y) } }
                .filter { $0.isFinite && (axis.scale == .linear || $0 > 0) }
            if let least = all.min(), let most = all.max(), least < most {
                scale.range = (axis.includesZero ? min(0, least) : least)...most
            }
            return groups.compactMap { group in
                let rows = names.map { (name: $0, points: curve($0, group).points) }.filter {
                    !$0.points.isEmpty
                }
                let columns = Set(rows.flatMap { $0.points.map(\.x) }).sorted()
                guard !rows.isEmpty else { return nil }
                return Heatmap(
                    groups.count > 1 ? "\(title): \(group.name)" : title, rowLabel: partName,
                    rows: rows.map(\.name), columnLabel: "epoch", columns: columns.map { "\(Int($0))" },
                    cells: rows.map { row in
                        columns.map { column in Heatmap.Cell(row.points.first { $0.x == column }?.y) }
                    }, scale: scale, width: size.width, rowHeight: 18)
            }
        }
        guard groups.count > 1 else {
            let series = groups.flatMap { group in
                names.map { name in
                    let curve = curve(name, group)
                    return LineChart.Series(name, curve.points, band: curve.band)
                }
            }
            return [chart(title, over: epochs, series, groups, size)]
        }
        return names.map { name in
            let series = groups.enumerated().compactMap { index, group -> LineChart.Series? in
                let curve = curve(name, group)
                guard !curve.points.isEmpty else { return nil }
                // The same look in every chart.
                return LineChart.Series(
                    group.name, curve.points, band: curve.band, style: .automatic(index))
            }
            return chart("\(title): \(name)", over: epochs, series, groups, size)
        }
    }
}

extension EpochDiagnostics {
    /// What layers and tensors are called in pictures, by their names: with what they are, or, `byPlace`, by what they are and
    /// the how many-th of it, as in `activation 2` and `linear 1 weight`.
    func partTitles(byPlace: Bool) -> [String: String] {
        var titles: [String: String] = [:]
        var counts: [String: Int] = [:]
        for layer in layers {
            let kind = layer.deadUnits == nil ? layer.kind : "activation"
            counts[kind, default: 0] += 1
            titles[layer.name] = byPlace ? "\(kind) \(counts[kind] ?? 0)" : "\(layer.name) \(layer.kind)"
        }
        for tensor in tensors {
            guard byPlace, let dot = tensor.name.lastIndex(of: "."),
                let layer = titles[String(tensor.name[..<dot])]
            else { continue }
            titles[tensor.name] = "\(layer) \(tensor.name[tensor.name.index(after: dot)...])"
        }
        return titles
    }
}
