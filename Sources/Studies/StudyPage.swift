internal import Foundation
internal import Plotting
internal import Reports
internal import Training

// The page of a study, as Markdown that can be copied into a catalog of documentation, and as one file of HTML.

/// How the runs of a study came about, for its page.
package struct StudyOrigin: Sendable {
    /// The command, as it is typed.
    package let command: String
    /// The ranks, and what carries their messages.
    package let ranks: String
    /// What was trained on.
    package let data: String
    /// The day.
    package let date: String

    /// An origin.
    package init(command: String, ranks: String, data: String, date: String) {
        self.command = command
        self.ranks = ranks
        self.data = data
        self.date = date
    }
}

/// A page, piece by piece. Text may hold code between backquotes, and no other marks.
private enum Piece {
    case heading(String)
    case paragraph(String)
    case list([String])
    case code(String)
    case table(header: [String], rows: [[String]])
    case figure(file: String, caption: String, svg: String)
}

extension StudyFolder {
    /// Writes `results.csv`, `README.md`, `index.html` and the pictures in `plots`.
    ///
    /// - Throws: ``StudyFolder/Failure``.
    package func write(_ results: StudyResults, of plan: StudyPlan, origin: StudyOrigin) throws(Failure) {
        try write(results.csv, to: "results.csv")
        let study = plan.study
        let plots = study.plots.map { ($0, $0.chart(results)) }
        for (plot, chart) in plots { try write(chart.svg(), to: "plots/\(plot.file).svg") }
        var pieces: [Piece] = [
            .heading("How it was run"), .code(origin.command),
            .paragraph(
                "On \(origin.ranks), \(origin.date). Training took \(Self.duration(results.trainSeconds)) in all."
            ),
            .paragraph(
                "On \(origin.data), with \(Self.text(plan.seeds)), which decide initialisation and order alone: the"
                    + " validation images are the same with each (`--split-seed`)."
                    + " Where nothing else is said, settings are train's defaults."),
        ]
        if !plan.laidOver.isEmpty {
            let all = [TrainingConfiguration.text(of: plan.laidOver), RunOptions.text(of: plan.laidOver)]
                .filter { !$0.isEmpty }.joined(separator: " ")
            pieces.append(.paragraph("Laid over every run: `\(all)`."))
        }
        pieces += [.heading("Results"), .paragraph(Self.tableNote(plan.seeds.count))]
        if let note = results.testNote { pieces.append(.paragraph(note)) }
        pieces.append(results.table(study.columns))
        for (plot, chart) in plots {
            pieces.append(
                .figure(
                    file: "plots/\(plot.file).svg", caption: plot.caption, svg: chart.svg(embedsStyle: false))
            )
        }
        pieces += [
            .heading("What is seen"), .list(study.findings(results) + results.divergences),
            .heading("Why"),
        ]
        pieces += study.explanation.map(Piece.paragraph)
        pieces += [
            .heading("Every run"),
            .paragraph(
                "Each is repeated by `dp-train train` with its settings, `--seed` and `--split-seed 42`"
                    + (plan.laidOver["split-seed"] == nil ? "." : " or what is laid over it.")
                    + " The digest is the SHA-256 of the last model's tensors."),
            results.everyRun,
        ]
        let markdown = Self.markdown(title: study.title, abstract: study.question, pieces)
        try write(markdown, to: "README.md")
        try write(Self.html(title: study.title, abstract: study.question, pieces), to: "index.html")
    }

    private static func tableNote(_ seeds: Int) -> String {
        seeds == 1
            ? "One seed: nothing tells how much of a difference is chance."
            : "Mean ± sample deviation over \(seeds) seeds."
    }

    private static func text(_ seeds: [UInt64]) -> String {
        (seeds.count == 1 ? "seed " : "seeds ") + seeds.map(String.init).joined(separator: ", ")
    }

    /// A time as people say it.
    package static func duration(_ seconds: Double) -> String {
        let whole = Int(min(seconds.rounded(), 1e9))
        if whole < 60 { return String(format: "%.1f s", seconds) }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    // MARK: Markdown

    private static func markdown(title: String, abstract: String, _ pieces: [Piece]) -> String {
        let body = pieces.map { piece in
            switch piece {
            case .heading(let text): "## \(text)"
            case .paragraph(let text): text
            case .list(let items): items.map { "- \($0)" }.joined(separator: "\n")
            case .code(let text): "```\n\(text)\n```"
            case .table(let header, let rows):
                ([header, header.map { _ in "---" }] + rows).map { row in
                    "| "
                        + row.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
                }.joined(separator: "\n")
            case .figure(let file, let caption, _): "![\(caption)](\(file))\n\n\(caption)"
            }
        }
        return (["# \(title)", abstract] + body).joined(separator: "\n\n") + "\n"
    }

    // MARK: HTML

    private static func html(title: String, abstract: String, _ pieces: [Piece]) -> String {
        let body = pieces.map { piece in
            switch piece {
            case .heading(let text): return "<h2>\(inline(text))</h2>"
            case .paragraph(let text): return "<p>\(inline(text))</p>"
            case .list(let items):
                return "<ul>\n" + items.map { "<li>\(inline($0))</li>\n" }.joined() + "</ul>"
            case .code(let text): return "<pre><code>\(escaped(text))</code></pre>"
            case .table(let header, let rows):
                let head = header.map { "<th>\(inline($0))</th>" }.joined()
                let lines = rows.map { row in
                    "<tr>" + row.map { "<td>\(inline($0))</td>" }.joined() + "</tr>\n"
                }.joined()
                return """
                    <div class="wide"><table>
                    <thead><tr>\(head)</tr></thead>
                    <tbody>
                    \(lines)</tbody>
                    </table></div>
                    """
            case .figure(_, let caption, let svg):
                return "<figure>\n\(svg)<figcaption>\(inline(caption))</figcaption>\n</figure>"
            }
        }
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <link rel="icon" href="data:,">
            <title>\(escaped(title))</title>
            <style>
            \(style)
            \(ChartStyle.css)
            </style>
            </head>
            <body>
            <main>
            <h1>\(inline(title))</h1>
            <p class="abstract">\(inline(abstract))</p>
            \(body.joined(separator: "\n"))
            </main>
            </body>
            </html>

            """
    }

    private static let style = """
        :root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --muted: #57606a; --rule: #d9dee3; }
        @media (prefers-color-scheme: dark) { :root { --paper: #15191e; --ink: #e6e9ec; --muted: #a3acb5; --rule: #343b43; } }
        body { margin: 0; background: var(--paper); color: var(--ink);
          font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; }
        main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
        h1, h2 { line-height: 1.2; }
        .abstract { font-size: 1.1rem; }
        pre, code { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: 0.88em; }
        pre { overflow-x: auto; border: 1px solid var(--rule); padding: 0.7rem; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; font-size: 0.9rem; }
        td { white-space: nowrap; }
        th, td { text-align: left; padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
        figure { margin: 1.5rem 0; }
        figure { overflow-x: auto; }
        figure svg { width: 100%; min-width: 32rem; max-width: 50rem; height: auto; }
        figcaption { color: var(--muted); font-size: 0.9rem; }
        """

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }

    /// Text with its code.
    private static func inline(_ text: String) -> String {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated().map { index, part in
            index.isMultiple(of: 2) ? escaped(String(part)) : "<code>\(escaped(String(part)))</code>"
        }.joined()
    }
}

// MARK: - Tables

extension StudyResults {
    /// `results.csv`: a row per run and seed.
    package var csv: String {
        let header = [
            "label", "seed", "settings", "end", "best_validation_accuracy", "best_epoch", "test_accuracy",
            "test_loss", "epochs", "seconds", "sha256",
        ]
        let rows = seeds.flatMap { seed in
            results.filter { $0.seed == seed }.map { result -> [String] in
                let first = [result.run.label, "\(seed)", result.settings]
                guard let summary = result.end.summary else {
                    return first + [result.end.note] + Array(repeating: "", count: 7)
                }
                let validation = summary.bestValidationAccuracy.map { "\($0)" } ?? ""
                return first + [
                    "finished", validation, "\(summary.bestEpoch)",
                    summary.testAccuracy.map { "\($0)" } ?? "", summary.testLoss.map { "\($0)" } ?? "",
                    "\(summary.epochs)", String(format: "%.3f", summary.trainSeconds),
                    summary.tensorsSHA256,
                ]
            }
        }
        return ([header] + rows).map { row in row.map(Self.field).joined(separator: ",") }
            .joined(separator: "\n") + "\n"
    }

    private static func field(_ text: String) -> String {
        text.contains(where: { ",\"\n".contains($0) })
            ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
    }

    /// How often the test images were looked at, where not every run was tested; nil where all were, or none has ended.
    fileprivate var testNote: String? {
        let ended = results.filter { $0.end.summary != nil }
        let tested = ended.filter { $0.end.summary?.testAccuracy != nil }
        guard tested.count < ended.count else { return nil }
        let labels = runs.map(\.label).filter { label in tested.contains { $0.run.label == label } }
        return
            "The test images were looked at \(tested.count == 1 ? "once" : "\(tested.count) times"), by \(tested.count) of \(ended.count) runs"
            + (labels.isEmpty ? "" : " (\(labels.joined(separator: ", ")), once with each seed)")
            + ": all other numbers are of validation images."
    }

    /// A row per run: the columns over the seeds, and its settings.
    fileprivate func table(_ columns: [Metric]) -> Piece {
        .table(
            header: ["run"] + columns.map(\.name) + ["settings"],
            rows: runs.map { run in
                let results = of(run.label)
                let finished = results.count { $0.end.summary != nil }
                let others = Set(results.map(\.end.note)).filter { !$0.isEmpty }.sorted()
                let cells = columns.map { column in
                    spread(column, run.label).map { spread in
                        column.text(spread)
                            + (spread.count < seeds.count ? " (\(spread.count) of \(seeds.count) seeds)" : "")
                    } ?? (finished == 0 ? others.joined(separator: "; ") : "")
                }
                let settings = results.first?.settings ?? ""
                return [run.label] + cells + [settings.isEmpty ? "defaults" : "`\(settings)`"]
            })
    }

    /// A row per run and seed: how it ended, and its digest.
    fileprivate var everyRun: Piece {
        .table(
            header: ["run", "seed", "test accuracy", "SHA-256"],
            rows: seeds.flatMap { seed in
                results.filter { $0.seed == seed }.map { result in
                    [
                        result.run.label, "\(seed)",
                        Metric.testAccuracy.value(result).map(Metric.testAccuracy.text)
                            ?? (result.end.summary == nil ? result.end.note : "not tested"),
                        result.end.summary.map { "`\($0.tensorsSHA256)`" } ?? "",
                    ]
                }
            })
    }
}
