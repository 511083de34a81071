package import Datasets
internal import Foundation
internal import Metrics
internal import Plotting
internal import Training

/// The page of one run or of several: what they came to, their curves, what is inside their models, and how to repeat them.
package struct Report {
    /// Opens the data set for a run with that seed.
    package typealias OpenDataset = (_ seed: UInt64) throws -> any ImageDataset

    let groups: [RunGroup]
    let openDataset: OpenDataset
    /// The words of the command line that choose the data set.
    let dataWords: [String]

    /// Gathers what a page is made of.
    ///
    /// - Parameters:
    ///   - runs: At least one.
    ///   - dataWords: The words of the command line that choose the data set, for the commands on the page.
    ///   - openDataset: Opens it, to show test images.
    package init(of runs: [RunRecords], dataWords: [String], openDataset: @escaping OpenDataset) {
        precondition(!runs.isEmpty)
        groups = RunGroup.grouping(runs)
        self.dataWords = dataWords
        self.openDataset = openDataset
    }

    var runs: [RunRecords] { groups.flatMap(\.runs) }

    /// The charts' size: legible where a phone shows one below another.
    static let chartSize = ChartSize(440, 290)
    /// The width of pictures and tables of shades.
    static let wideWidth = 440.0

    /// The page, whole.
    ///
    /// - Throws: What reading the runs' steps throws. What is missing, or cannot be read, is told on the page.
    package func html() throws -> String {
        let title = runs.count == 1 ? "Run \(runs[0].name)" : "\(runs.count) runs"
        let sections = try [
            header(title), curves(), course(), inside(), histograms(), confusion(), weights(), predictions(),
            configuration(), commands(),
        ]
        return HTML.page(title: "\(title) · dp-train", body: sections.joined())
    }

    // MARK: Result

    private func header(_ title: String) -> String {
        var parts = [HTML.element("h1", "", HTML.text(title))]
        if runs.count == 1 {
            parts += [HTML.paragraph(Self.state(of: runs[0]), class: "muted"), facts(of: runs[0])]
        } else {
            parts.append(comparison)
        }
        let hashes = runs.compactMap { run in
            run.summary.map { summary in
                let name = runs.count > 1 ? "\(HTML.text(run.name)): " : ""
                return "<p class=\"hash\">\(name)SHA-256 \(HTML.text(summary.tensorsSHA256))</p>"
            }
        }
        if hashes.count == 1 { parts += hashes }
        if hashes.count > 1 {
            parts.append(HTML.details("SHA-256 of the last models' tensors", hashes.joined(separator: "\n")))
        }
        parts += runs.flatMap(\.notes).map { HTML.paragraph($0, class: "missing") }
        return HTML.element("header", "", parts.joined(separator: "\n")) + "\n"
    }

    private static func state(of run: RunRecords) -> String {
        let model =
            ([run.configuration.format.imageBytes] + run.configuration.hiddenDimensions
            + [run.configuration.format.classCount]).map(String.init).joined(separator: " → ")
        let trained = run.epochs.last?.epoch ?? 0
        let state =
            run.summary != nil
            ? "finished" : "not finished: \(trained) of \(run.configuration.epochs) epochs so far"
        let activation = run.configuration.hiddenDimensions.isEmpty ? "" : "\(run.configuration.activation), "
        return "\(model), \(activation)images as those of \(run.configuration.format.name); \(state)"
    }

    private func facts(of run: RunRecords) -> String {
        let percent = NumberText(format: .percent)
        let number = NumberText()
        let whole = NumberText(format: .integer)
        func share(_ value: Double) -> String { percent.text((value * 10_000).rounded() / 10_000) }
        var facts: [(String, String)] = []
        if let summary = run.summary {
            facts += [
                ("test accuracy", summary.testAccuracy.map(share) ?? "not tested"),
                ("test loss (nats)", summary.testLoss.map { number.text($0) } ?? "not tested"),
            ]
            if let views = summary.testViews, let accuracy = summary.testViewsAccuracy {
                facts.append(("test accuracy, \(views.count) views", share(accuracy)))
            }
            if let accuracy = summary.ownTestAccuracy {
                facts.append(("test accuracy, not averaged", share(accuracy)))
            }
            facts += [
                ("model tested: of epoch", "\(summary.bestEpoch)"),
                ("parameters", whole.text(Double(summary.parameterCount))),
                ("training time (s)", number.text(summary.trainSeconds)),
                ("images per second", whole.text(summary.imagesPerSecond)),
                ("ranks", "\(summary.worldSize)"), ("logical shards", "\(summary.logicalShards)"),
            ]
        }
        if let best = run.epochs.compactMap(\.validationAccuracy).max() {
            facts.insert(("best validation accuracy", share(best)), at: min(2, facts.count))
        }
        if let last = run.epochs.last {
            facts.append(("epochs", "\(last.epoch)"))
            facts.append(("last training loss (nats)", number.text(last.trainLoss)))
        }
        let boxes = facts.map { "<div><span>\(HTML.text($0.0))</span><b>\(HTML.text($0.1))</b></div>" }
        return HTML.element("div", "class=\"facts\"", boxes.joined(separator: "\n"))
    }

    private var comparison: String {
        func spread(_ values: [Double?], _ format: Axis.Format = .number) -> String {
            Self.text(Spread(values.compactMap(\.self)), format)
        }
        let rows = groups.map { group in
            [
                group.name, group.runs.map { "\($0.configuration.seed)" }.joined(separator: ", "),
                spread(group.runs.map { $0.summary?.testAccuracy }, .percent),
                spread(group.runs.map { $0.epochs.compactMap(\.validationAccuracy).max() }, .percent),
                spread(group.runs.map { $0.epochs.last?.trainAccuracy }, .percent),
                spread(group.runs.map { $0.epochs.last?.trainLoss }),
                Set(group.runs.map { "\($0.epochs.last?.epoch ?? 0)" }).sorted().joined(separator: ", "),
                group.runs.allSatisfy { $0.summary != nil } ? "finished" : "not finished",
            ]
        }
        let table = HTML.table(
            [
                "settings that differ", "seeds", "test accuracy", "best validation", "last training accuracy",
                "last training loss", "epochs", "state",
            ], rows, textColumns: [0, 1, 7])
        let isSpread = groups.contains { $0.runs.count > 1 }
        return table
            + (isSpread
                ? HTML.paragraph(
                    "Mean ± sample deviation over seeds; so are the lines and bands of the charts.",
                    class: "muted")
                : "")
    }

    private static func text(_ spread: Spread?, _ format: Axis.Format) -> String {
        guard let spread else { return "–" }
        let factor = format == .percent ? 100.0 : 1
        let decimals = format == .percent ? 2 : 4
        let mean = String(format: "%.\(decimals)f", spread.mean * factor)
        let deviation = spread.deviation.map { String(format: " ± %.\(decimals)f", $0 * factor) } ?? ""
        return mean + deviation + (format == .percent ? " %" : "")
    }

    // MARK: Curves

    private func charts(_ quantities: [Quantity]) throws -> [any Chart] {
        try quantities.flatMap { try $0.charts(of: groups, size: Self.chartSize) }
    }

    private func curves() throws -> String {
        HTML.section(
            "Loss and accuracy",
            [HTML.charts(try charts([.trainLoss, .validationLoss, .trainAccuracy, .validationAccuracy]))])
    }

    private func course() throws -> String {
        var content = [HTML.charts(try charts([.rate, .throughput, .seconds]))]
        let timed = groups.filter { $0.runs.contains { !$0.diagnostics.isEmpty } }
        if timed.isEmpty {
            content.append(Self.missing("The time in each phase of a step"))
        } else {
            content.append(HTML.charts([phases(of: timed)]))
        }
        return HTML.section("Learning rate, speed and time", content)
    }

    private func phases(of groups: [RunGroup]) -> BarChart {
        var names: [String] = []
        for phase in groups.flatMap({ $0.runs.flatMap { $0.diagnostics.flatMap(\.seconds) } })
        where !names.contains(phase.name) {
            names.append(phase.name)
        }
        let bars = groups.map { group in
            BarChart.Group(
                group.name,
                names.map { name in
                    let sums = group.runs.map { run in
                        run.diagnostics.reduce(0) { sum, epoch in
                            sum + epoch.seconds.reduce(0) { $1.name == name ? $0 + $1.seconds : $0 }
                        }
                    }
                    return Spread(sums).map { spread in
                        BarChart.Bar(
                            spread.mean, low: spread.deviation.map { spread.mean - $0 },
                            high: spread.deviation.map { spread.mean + $0 })
                    }
                })
        }
        return BarChart(
            "Time of rank 0 in each phase, all epochs", categories: names, axis: Axis("time", unit: "s"),
            groups: bars, width: Self.wideWidth)
    }

    // MARK: Inside the model

    static func missing(_ what: String) -> String {
        "<p class=\"missing\">\(HTML.text(what)) is recorded only where it is asked for: train with "
            + "<code>--diagnostics</code>.</p>"
    }

    private func inside() throws -> String {
        let title = "Inside the model"
        guard runs.contains(where: { !$0.diagnostics.isEmpty }) else {
            return HTML.section(
                title,
                [
                    Self.missing(
                        "What becomes of dead units, of the layers' outputs, and of norms of parameters and gradients"
                    )
                ])
        }
        let quantities: [Quantity] = [
            .deadUnits, .activationMean, .activationVariance, .norms, .gradientNorms, .updateNorms,
        ]
        let note = HTML.paragraph(
            "After each epoch, on the validation records: a unit is dead whose derivative is below 0.01 for each of"
                + " them. Gradients are those of a fixed sample of training records.", class: "muted")
        guard groups.count > 1 else {
            return HTML.section(title, [note, HTML.charts(try charts(quantities))])
        }
        let parts = try quantities.enumerated().map { index, quantity in
            HTML.details(quantity.title, isOpen: index == 0, HTML.charts(try charts([quantity])))
        }
        return HTML.section(title, [note] + parts)
    }

    /// Of histograms so many epochs are shown, the first and the last among them.
    private static let mostRows = 8

    private func histograms() -> String {
        let title = "Histograms"
        let recorded = groups.filter { !$0.runs[0].diagnostics.isEmpty }
        guard !recorded.isEmpty else {
            return HTML.section(title, [Self.missing("How outputs and parameters are distributed")])
        }
        let parts = recorded.enumerated().map { index, group in
            let run = group.runs[0]
            let count = run.diagnostics.count
            let rows = min(count, Self.mostRows)
            let epochs = (0..<rows).map { run.diagnostics[rows == 1 ? 0 : $0 * (count - 1) / (rows - 1)] }
            func ridge(_ name: String, _ axis: Axis, _ histogram: (EpochDiagnostics) -> Histogram?)
                -> RidgeChart
            {
                RidgeChart(
                    name, x: axis,
                    rows: epochs.compactMap { epoch in
                        histogram(epoch).map {
                            RidgeChart.Row(
                                "epoch \(epoch.epoch)", minimum: $0.minimum, maximum: $0.maximum,
                                counts: $0.counts)
                        }
                    }, width: Self.chartSize.width, rowHeight: 22)
            }
            let last = epochs[epochs.count - 1]
            let outputs = last.layers.map { layer in
                ridge("Outputs of \(layer.name), \(layer.kind)", Axis("output")) { epoch in
                    epoch.layers.first { $0.name == layer.name }?.histogram
                }
            }
            let tensors = last.tensors.map { tensor in
                ridge(tensor.name, Axis("value")) { epoch in
                    epoch.tensors.first { $0.name == tensor.name }?.histogram
                }
            }
            let of = recorded.count > 1 || group.runs.count > 1 ? " of \(label(of: group))" : ""
            return HTML.details("Outputs of the layers\(of)", isOpen: index == 0, HTML.charts(outputs))
                + HTML.details("Parameters\(of)", HTML.charts(tensors))
        }
        return HTML.section(title, parts)
    }

    /// A group by its name, and where it has several runs, which of them is shown.
    func label(of group: RunGroup) -> String {
        group.runs.count > 1 ? "\(group.name) (seed \(group.configuration.seed))" : group.name
    }
}
