import Collectives
import CollectivesTesting
import Datasets
import FileTestSupport
import Foundation
import Plotting
import Studies
import Synchronization
import Testing
import Training

/// A study from its first run to its pages.
@Suite struct StudyRunnerTests {
    /// Three runs of five steps, one of them on the first rank alone.
    private static let tiny = Study(
        name: "tiny", title: "Tiny", question: "Does it run?",
        runs: [
            StudyRun("plain", settings), StudyRun("alone", settings, ranks: 1),
            StudyRun("norm", settings.merging(["batch-norm": "sync"]) { $1 }),
        ],
        columns: [.testAccuracy, .bestValidation],
        plots: [.validationAccuracy(caption: "Validation & <all>.")],
        explanation: ["Because of `x < y`."]
    ) { results in
        [results.compare(.testAccuracy, "norm", with: "plain", subject: "Batch norm")]
    }
    private static let settings = [
        "hidden-dims": "6", "batch-size": "32", "validation-size": "20", "logical-shards": "8", "epochs": "2",
    ]
    private static let dataset = SyntheticDataset(seed: 5, trainingCount: 116, testCount: 40)

    /// Called from whatever rank.
    private final class Log: Sendable {
        private let lines = Mutex<[String]>([])
        func append(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }

    /// Carries out a study. Collective: every rank must call it.
    ///
    /// - Parameter stopStep: The step, counted over all runs, at whose end the last rank is asked to stop.
    private static func run(
        _ study: Study = tiny, in path: String, over communicator: any Communicator,
        settings: [String: String] = [:], seeds: [UInt64] = [42, 43], stopStep: Int? = nil, log: Log = Log()
    ) throws {
        var options = RunOptions(programVersion: "test")
        if let stopStep, communicator.rank == communicator.size - 1 {
            let step = Mutex(0)
            options.stopRequested = {
                step.withLock {
                    $0 += 1
                    return $0 >= stopStep
                }
            }
        }
        let plan = try communicator.agree(on: "planning") {
            try StudyPlan(
                study, seeds: seeds, settings: settings, options: [:], dataset: dataset,
                worldSize: communicator.size)
        }
        let folder = try communicator.agree(on: "opening") {
            communicator.rank == 0
                ? try StudyFolder(path: path, study: study.name, data: DatasetIdentity(of: dataset)) : nil
        }
        let runner = StudyRunner(plan: plan, options: options, communicator: communicator, dataset: dataset) {
            switch $0 {
            case .ended(let step, let end):
                log.append(
                    "\(step.label)-\(step.seed) \(step.seconds == nil ? "found" : "trained") \(end.note)")
            case .measured(let step, let name):
                log.append("\(name) \(step.label)-\(step.seed) \(step.seconds == nil ? "found" : "measured")")
            case .note(let text): log.append(text)
            }
        }
        guard let results = try runner.run(in: folder), let folder else { return }
        try folder.write(
            results, of: plan,
            origin: StudyOrigin(command: "study", ranks: "ranks", data: "data", date: "today"))
    }

    /// `results.csv` without seconds.
    private static func table(_ path: String) throws -> [String] {
        try String(contentsOfFile: path + "/results.csv", encoding: .utf8).split(separator: "\n").map {
            String($0.replacing(/,[0-9.]+,(?=[0-9a-f]{64})/, with: ",,"))
        }
    }

    /// `README.md` without the line that tells the time.
    private static func page(_ path: String) throws -> String {
        let lines = try String(contentsOfFile: path + "/README.md", encoding: .utf8).split(separator: "\n")
        let rest = lines.filter { !$0.contains("Training took") }
        #expect(rest.count + 1 == lines.count)
        return rest.joined(separator: "\n")
    }

    @Test func `One rank and two come to the same table and page`() throws {
        let folder = try TemporaryFolder()
        let (one, two) = (folder.path("one"), folder.path("two"))
        try Self.run(in: one, over: SingleProcessCommunicator())
        _ = try ThreadCommunicator.run(size: 2) { try Self.run(in: two, over: $0) }
        let table = try Self.table(one)
        #expect(table.count == 7)
        #expect(try Self.table(two) == table)
        #expect(try Self.page(two) == Self.page(one))
        // The run on one rank of two is the run on both.
        let digests = table.dropFirst().map { $0.suffix(64) }
        #expect(digests[0] == digests[1] && digests[0] != digests[2])
    }

    @Test func `The page shows question, results, pictures and reasons, and HTML escapes what has to be`()
        throws
    {
        let folder = try TemporaryFolder()
        let path = folder.path("study")
        try Self.run(in: path, over: SingleProcessCommunicator(), settings: ["epochs": "1"])
        let page = try Self.page(path)
        for text in [
            "# Tiny", "Does it run?", "Laid over every run: `--epochs 1`", "](plots/validation-accuracy.svg)",
            "- Batch norm: test accuracy", "| norm |",
        ] {
            #expect(page.contains(text), "\(text)")
        }
        let html = try String(contentsOfFile: path + "/index.html", encoding: .utf8)
        #expect(html.contains("Validation &amp; &lt;all&gt;.") && html.contains("<code>x &lt; y</code>"))
        #expect(html.contains("<svg"))
        let plot = try String(contentsOfFile: path + "/plots/validation-accuracy.svg", encoding: .utf8)
        #expect(plot.contains("<svg"))
    }

    @Test func `Runs that are not tested have no test accuracy, and the page counts those that are`() throws {
        let folder = try TemporaryFolder()
        let study = Study(
            name: "choice", title: "", question: "",
            runs: [
                StudyRun("chosen", Self.settings),
                StudyRun("other", Self.settings, options: ["test": "false"]),
            ], columns: [.bestValidation, .testAccuracy], plots: [], explanation: []
        ) { _ in [] }
        try Self.run(study, in: folder.path("study"), over: SingleProcessCommunicator())
        let page = try Self.page(folder.path("study"))
        #expect(
            page.contains(
                "The test images were looked at 2 times, by 2 of 4 runs (chosen, once with each seed)"),
            "\(page)")
        #expect(page.contains("| other | 42 | not tested |"), "\(page)")
        let rows = try Self.table(folder.path("study")).filter { $0.hasPrefix("other,") }
        #expect(rows.count == 2 && rows.allSatisfy { $0.contains(",,,2,,") }, "\(rows)")
    }

    @Test func `The study of the best recipe tests that alone, and looks at validation images in all views`()
        throws
    {
        let folder = try TemporaryFolder()
        let (one, two) = (folder.path("one"), folder.path("two"))
        let whole = Study.best
        let few = Study(
            name: whole.name, title: whole.title, question: whole.question,
            runs: whole.runs.filter { ["minutes-2", "relu"].contains($0.label) }, columns: whole.columns,
            plots: whole.plots, measurement: whole.measurement, explanation: whole.explanation,
            findings: whole.findings)
        let settings = Self.settings.merging(["whiten": "none"]) { $1 }
        try Self.run(few, in: one, over: SingleProcessCommunicator(), settings: settings)
        _ = try ThreadCommunicator.run(size: 2) { try Self.run(few, in: two, over: $0, settings: settings) }
        let page = try Self.page(one)
        #expect(try Self.page(two) == page)
        #expect(
            page.contains("looked at 2 times, by 2 of 4 runs (minutes-2, once with each seed)"), "\(page)")
        #expect(page.contains("- ReLU instead of GELU: best validation accuracy"))
        // The plain and the mean over views, on validation images; on test images of the recipe alone.
        #expect(page.contains("validation accuracy, views"))
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| relu | ") && $0.contains("--recipe") }
        let cells = try #require(rows.first).split(separator: "|", omittingEmptySubsequences: false)
        let header = try #require(page.split(separator: "\n").first { $0.hasPrefix("| run | best") })
            .split(separator: "|", omittingEmptySubsequences: false)
        #expect(cells.count == header.count && rows.count == 1)
        for (name, cell) in zip(header, cells) {
            let isEmpty = cell.allSatisfy { $0 == " " }
            if name.contains("test accuracy") { #expect(isEmpty, "\(cell)") }
            if name.contains("validation accuracy") { #expect(!isEmpty, "\(name)") }
        }
        let confusion = try String(contentsOfFile: one + "/plots/confusion.svg", encoding: .utf8)
        #expect(confusion.contains("true class"))
    }

    @Test func `A run of a study can begin with a recipe, and what is laid over it counts`() throws {
        let recipe = try #require(Recipe.named("minutes-20"))
        let study = Study(
            name: "by-recipe", title: "", question: "",
            runs: [StudyRun("own", recipe: recipe, ["mixup": "0"])], columns: [], plots: [], explanation: []
        ) { _ in [] }
        let plan = try StudyPlan(
            study, seeds: [7], settings: Self.settings, options: [:], dataset: Self.dataset, worldSize: 1)
        let planned = try #require(plan.runs.first)
        var expected = TrainingConfiguration()
        try expected.apply(
            Self.settings.merging(["mixup": "0", "seed": "7", "split-seed": "42"]) { $1 }, recipe: recipe)
        expected.images = Self.dataset.format
        try expected.settle(worldSize: 1)
        #expect(planned.configuration == expected)
        #expect(planned.configuration.warmupEpochs == 0.1 && planned.configuration.recipe == "minutes-20")
        #expect(planned.settings.hasPrefix("--recipe minutes-20 --hidden-dims 6 "))
    }

    @Test(arguments: [1, 3, 7, 12]) func `Stopped and gone on, on other ranks, it comes to the same`(
        step: Int
    )
        throws
    {
        let folder = try TemporaryFolder()
        let (whole, parts) = (folder.path("whole"), folder.path("parts"))
        try Self.run(in: whole, over: SingleProcessCommunicator())
        #expect(throws: StudyStopped.self) {
            try ThreadCommunicator.run(size: 2) { try Self.run(in: parts, over: $0, stopStep: step) }
        }
        #expect(!FileManager.default.fileExists(atPath: parts + "/results.csv"))
        try Self.run(in: parts, over: SingleProcessCommunicator())
        #expect(try Self.table(parts) == Self.table(whole))
        #expect(try Self.page(parts) == Self.page(whole))
    }

    @Test func `A second call trains nothing`() throws {
        let folder = try TemporaryFolder()
        let log = Log()
        for _ in 1...2 {
            try Self.run(in: folder.path("study"), over: SingleProcessCommunicator(), seeds: [42], log: log)
        }
        #expect(
            log.all == [
                "plain-42 trained ", "alone-42 trained ", "norm-42 trained ", "plain-42 found ",
                "alone-42 found ", "norm-42 found ",
            ])
    }

    @Test func `A run for which there are too few ranks is told, with the command that has them`() throws {
        let folder = try TemporaryFolder()
        let study = Study(
            name: "wide", title: "", question: "", runs: [StudyRun("four", Self.settings, ranks: 4)],
            columns: [.testAccuracy], plots: [], explanation: []
        ) { _ in [] }
        try Self.run(study, in: folder.path("study"), over: SingleProcessCommunicator())
        #expect(
            try Self.page(folder.path("study")).contains(
                "not run: 4 ranks are needed: mpirun -np 4 dp-train study wide"))
    }

    @Test func `A run that diverges is a result, which is not computed twice`() throws {
        let folder = try TemporaryFolder()
        let study = Study(
            name: "steep", title: "", question: "",
            runs: [
                StudyRun("steep", Self.settings.merging(["lr": "1e30"]) { $1 }),
                StudyRun("flat", Self.settings),
            ],
            columns: [.testAccuracy], plots: [], explanation: []
        ) { _ in [] }
        let log = Log()
        for ranks in [1, 2] {
            _ = try ThreadCommunicator.run(size: ranks) {
                try Self.run(study, in: folder.path("study"), over: $0, seeds: [42], log: log)
            }
        }
        #expect(
            log.all == [
                "steep-42 trained diverged in epoch 1", "flat-42 trained ",
                "steep-42 found diverged in epoch 1", "flat-42 found ",
            ])
        #expect(try Self.page(folder.path("study")).contains("- steep diverged in epoch 1 with seed 42."))
    }

    @Test func `Other settings than those that were trained with are refused by name`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("study")
        try Self.run(in: path, over: SingleProcessCommunicator(), seeds: [42])
        do {
            try Self.run(in: path, over: SingleProcessCommunicator(), settings: ["lr": "0.05"], seeds: [42])
            Issue.record("expected a refusal")
        } catch let error as StudyFolder.Failure {
            #expect(
                error.description.contains("--lr 0.1 → 0.05") && error.description.contains("plain-seed42"))
        }
    }

    @Test func `A folder of another study, another data set or other files is refused`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("study")
        try Self.run(in: path, over: SingleProcessCommunicator(), seeds: [42])
        let identity = try DatasetIdentity(of: Self.dataset)
        func refusal(_ path: String, _ study: String, _ data: DatasetIdentity) throws -> String {
            do {
                _ = try StudyFolder(path: path, study: study, data: data)
                return ""
            } catch let error as StudyFolder.Failure {
                return error.description
            }
        }
        #expect(
            try refusal(path, "baseline", identity)
                == "--output \(path): expected a folder of the study baseline, found one of tiny")
        let other = try DatasetIdentity(of: SyntheticDataset(seed: 6, trainingCount: 116, testCount: 40))
        #expect(try refusal(path, "tiny", other).hasPrefix("--data: expected"))
        #expect(try refusal(path + "/runs/plain-seed42", "tiny", identity).contains("or an empty one, found"))
    }

    @Test func `What is measured on a run is kept, and its values come to the results`() throws {
        let folder = try TemporaryFolder()
        let measured = Study(
            name: "measured", title: "", question: "", runs: [StudyRun("one", Self.settings)],
            columns: [
                Metric("measured", .number(decimals: 1)) { result in
                    result.measured.first { $0.quantity == "q" }?.value
                }
            ], plots: [],
            measurement: StudyMeasurement("curvature") { subject in
                let sum = try subject.communicator.allreduce(Int64(1), .sum)
                return [.init("q", x: 1, Double(sum) / Double(subject.communicator.size))]
            }, explanation: []
        ) { _ in [] }
        let log = Log()
        for _ in 1...2 {
            _ = try ThreadCommunicator.run(size: 2) {
                try Self.run(measured, in: folder.path("study"), over: $0, seeds: [42], log: log)
            }
        }
        #expect(
            log.all == [
                "one-42 trained ", "curvature one-42 measured", "one-42 found ", "curvature one-42 found",
            ])
        #expect(try Self.page(folder.path("study")).contains("| 1.0 |"))
    }
}
