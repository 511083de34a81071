internal import Datasets
internal import Foundation
internal import Metrics
internal import Plotting
internal import Training

// The report's sections about the model of a run as it stands: its mistakes, its weights, and how it came about.

extension Report {
    func confusion() -> String {
        let title = "Confusion matrix"
        let matrices = groups.compactMap { group in
            group.runs[0].lastDiagnostics.flatMap { epoch in
                epoch.confusion.map { (group: group, epoch: epoch.epoch, matrix: $0) }
            }
        }
        guard !matrices.isEmpty else {
            return HTML.section(title, [Self.missing("Which classes are taken for which")])
        }
        let parts = matrices.enumerated().map { index, entry in
            let content =
                HTML.charts([Self.heatmap(entry.matrix, epoch: entry.epoch)]) + Self.classes(entry.matrix)
            return groups.count > 1
                ? HTML.details(label(of: entry.group), isOpen: index == 0, content) : content
        }
        return HTML.section(title, parts)
    }

    private static func heatmap(_ matrix: ConfusionMatrix, epoch: Int) -> Heatmap {
        let cells = matrix.classes.indices.map { label in
            let support = Double(max(1, matrix.support(of: label)))
            return matrix.counts[label].map { Heatmap.Cell(Double($0) / support, "\($0)") }
        }
        return Heatmap(
            "Validation records after epoch \(epoch)", rowLabel: "true class", rows: matrix.classes,
            columnLabel: "predicted class", columns: matrix.classes, cells: cells,
            scale: Axis("share of the true class", format: .percent, range: 0...1), width: wideWidth)
    }

    private static func classes(_ matrix: ConfusionMatrix) -> String {
        func share(_ value: Double?) -> String { value.map { String(format: "%.1f %%", $0 * 100) } ?? "–" }
        let rows = matrix.classes.indices.map { label in
            [
                matrix.classes[label], "\(matrix.support(of: label))", share(matrix.precision(of: label)),
                share(matrix.recall(of: label)), share(matrix.f1(of: label)),
            ]
        }
        let all = ["all", "\(matrix.total)", "", share(matrix.accuracy), ""]
        return HTML.table(["class", "records", "precision", "recall", "F1"], rows + [all])
    }

    /// The groups of which weights and predictions are shown: pictures are large.
    private static let mostModels = 4

    /// A part for each of the first groups; an error becomes a sentence.
    private func models(_ content: (ModelPictures) throws -> String) -> [String] {
        groups.prefix(Self.mostModels).enumerated().map { index, group in
            let part: String
            do {
                part =
                    try ModelPictures(of: group.runs[0]).map(content)
                    ?? HTML.paragraph("The run has no checkpoint yet.", class: "missing")
            } catch {
                part = HTML.paragraph("Cannot be shown: \(Self.text(of: error))", class: "missing")
            }
            return groups.count > 1 ? HTML.details(label(of: group), isOpen: index == 0, part) : part
        }
    }

    private static func text(of error: any Error) -> String {
        (error as? any LocalizedError)?.errorDescription ?? "\(error)"
    }

    func weights() -> String {
        HTML.section(
            "Weights of the first layer",
            models { model in
                guard let grid = try model.firstLayer(width: Self.wideWidth) else {
                    return HTML.paragraph(
                        "The images are too large to show weights for them.", class: "missing")
                }
                return HTML.paragraph(
                    "After step \(model.step). What each unit weighs pixels with, at most 64 of them: grey is 0, and each has its own scale.",
                    class: "muted") + HTML.charts([grid])
            })
    }

    func predictions() -> String {
        HTML.section(
            "Predictions on test images",
            models { model in
                let dataset = try openDataset(model.point.configuration.seed)
                let found = try model.predictions(on: dataset, width: Self.wideWidth)
                let text =
                    "\(found.correct) of \(found.tried) test images of \(dataset.name) are taken for what they are"
                    + " by the model after step \(model.step)."
                return HTML.paragraph(text, class: "muted") + HTML.charts([found.right, found.wrong])
            })
    }

    func configuration() -> String {
        var flags: [(flag: String, isDefault: Bool)] = []
        let shown = groups.map { $0.configuration.shownSettings }
        for setting in shown.flatMap(\.self) {
            if let index = flags.firstIndex(where: { $0.flag == setting.flag }) {
                flags[index].isDefault = flags[index].isDefault && setting.isDefault
            } else {
                flags.append((setting.flag, setting.isDefault))
            }
        }
        func rows(_ flags: [String]) -> [[String]] {
            flags.map { flag in
                [flag]
                    + zip(shown, groups).map { settings, group in
                        guard let setting = settings.first(where: { $0.flag == flag }) else { return "–" }
                        return flag == "--seed"
                            ? group.runs.map { "\($0.configuration.seed)" }.joined(separator: ", ")
                            : setting.value
                    }
            }
        }
        let changed = flags.filter { !$0.isDefault }.map(\.flag)
        let others = flags.filter(\.isDefault).map(\.flag)
        let headings = ["setting"] + (groups.count > 1 ? groups.map(\.name) : ["value"])
        let columns = Set(headings.indices)
        return HTML.section(
            "Configuration",
            [
                changed.isEmpty
                    ? HTML.paragraph("All settings are the default.", class: "muted")
                    : HTML.table(headings, rows(changed), textColumns: columns),
                HTML.details(
                    "\(others.count) settings that are the default",
                    HTML.table(headings, rows(others), textColumns: columns)),
            ])
    }

    func commands() -> String {
        let parts = groups.flatMap { group in
            group.runs.map { run -> String in
                var lines = [
                    HTML.paragraph("To repeat it:"),
                    HTML.command(
                        run.configuration.command(worldSize: run.summary?.worldSize, data: dataWords)),
                ]
                lines += [
                    HTML.paragraph(run.summary == nil ? "To go on:" : "To go on, with more epochs:"),
                    HTML.command(
                        ShellWords.line(
                            ["dp-train"] + dataWords + ["--resume", run.directory.path]
                                + (run.summary == nil ? [] : ["--epochs", "\(run.configuration.epochs * 2)"]))
                    ),
                ]
                if let checkpoint = run.newestCheckpoint {
                    lines += [
                        HTML.paragraph("To test the newest checkpoint:"),
                        HTML.command(ShellWords.line(["dp-train", "evaluate", checkpoint] + dataWords)),
                    ]
                }
                let content = lines.joined(separator: "\n")
                let name = group.runs.count > 1 ? "\(group.name), seed \(run.configuration.seed)" : group.name
                return runs.count > 1 ? HTML.details(name, content) : content
            }
        }
        return HTML.section("Commands", parts)
    }
}
