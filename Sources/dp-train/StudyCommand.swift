import ArgumentParser
import Collectives
import CommandLineSupport
import Datasets
import Foundation
import Studies
import Training

/// `dp-train study`: answers a question about training by a series of runs.
struct StudyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "study",
        abstract: "Answer a question about training by a series of runs, with a table, pictures and a page.",
        discussion: """
            Without a name it lists the studies. A study is interrupted and killed as a run is, and goes on by the same \
            command: what was trained before is taken as it is. The flags of train are laid over every run of it. The synthetic \
            set is that of seed 42 for all.
            """)

    @Argument(help: "Which: \(Study.all.map(\.name).joined(separator: ", ")).")
    var name: String?

    @Flag(help: "Only say which studies there are, what they ask, and how many runs they take.")
    var list = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The seeds, with each of which every run is trained. (default: 42,43,44)", valueName: "list"),
        transform: Self.seeds)
    var seeds: [UInt64] = [42, 43, 44]

    @Option(help: "The study's folder. (default: runs/studies/<name>)")
    var output: String?

    @Flag(help: "Print nothing but warnings and what is seen.")
    var quiet = false

    @OptionGroup var data: DataOptions

    @OptionGroup(title: "What decides the result, laid over every run")
    var settings: SettingOptions<TrainingConfiguration>

    @OptionGroup var runSettings: SettingOptions<RunOptions>

    func validate() throws {
        guard output?.isEmpty != true else {
            throw ValidationError("--output: expected the path of a folder, found none")
        }
        guard let name, Study.named(name) == nil else { return }
        throw ValidationError(
            "study: expected one of \(Study.all.map(\.name).joined(separator: ", ")), found \(name)")
    }

    func run() throws {
        guard let study = name.flatMap(Study.named), !list else {
            try RankedRun.run { communicator in
                guard communicator.rank == 0 else { return }
                Study.all.forEach { study in
                    print("\(study.name): \(study.runs.count) runs with each seed. \(study.question)")
                }
            }
            return
        }
        try RankedRun.run { communicator in
            let options = try communicator.agree(on: "checking the settings") { try runOptions() }
            let dataset = try SharedDataset.open(over: communicator) { try data.locate(seed: 42) }
            let plan = try communicator.agree(on: "planning the study") {
                try StudyPlan(
                    study, seeds: seeds, settings: settings.words, options: runSettings.words,
                    dataset: dataset, worldSize: communicator.size)
            }
            let folder = try communicator.agree(on: "opening the study's folder") {
                communicator.rank == 0
                    ? try StudyFolder(
                        path: output ?? "runs/studies/\(study.name)", study: study.name,
                        data: DatasetIdentity(of: dataset)) : nil
            }
            let runner = StudyRunner(
                plan: plan, options: options, communicator: communicator, dataset: dataset, report: tell)
            do {
                let results = try runner.run(in: folder)
                try communicator.agree(on: "writing the results") {
                    guard let folder, let results else { return }
                    try folder.write(results, of: plan, origin: origin(communicator, dataset))
                    (study.findings(results) + results.divergences).forEach { print($0) }
                    print("written to \(folder.path): README.md, index.html, results.csv, plots")
                }
            } catch let error as StudyStopped {
                throw Stopped(error.description, shouldReport: error.shouldReport)
            }
        }
    }

    private static func seeds(_ text: String) throws -> [UInt64] {
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        let seeds = words.compactMap { UInt64($0) }
        guard seeds.count == words.count, Set(seeds).count == seeds.count else {
            throw ValidationError(
                "expected whole numbers ≥ 0, each once, with commas between, as in 42,43,44")
        }
        return seeds
    }

    private func runOptions() throws -> RunOptions {
        var options = RunOptions(programVersion: DPTrain.version)
        try options.apply(runSettings.words)
        try options.validate()
        options.stepsBegin = { StopSignal.watch() }
        options.stopRequested = { StopSignal.wasReceived }
        return options
    }

    private func origin(
        _ communicator: any Communicator, _ dataset: any ImageDataset
    ) -> StudyOrigin {
        let launch = communicator.size > 1 ? ["mpirun", "-np", "\(communicator.size)"] : []
        return StudyOrigin(
            command: ShellWords.line(launch + ["dp-train"] + CommandLine.arguments.dropFirst()),
            ranks: communicator.size == 1
                ? "1 rank" : "\(communicator.size) ranks, \(communicator.implementation)",
            data:
                "\(dataset.name): \(dataset.count(of: .training)) training and \(dataset.count(of: .test)) test images",
            date: Date.now.formatted(.iso8601.year().month().day()))
    }

    /// A line for each step.
    private func tell(_ event: StudyEvent) {
        switch event {
        case .note(let text): Messages.printWarning(text)
        case .ended(let step, let end):
            let results = end.summary.map { summary in
                [("test", summary.testAccuracy), ("validation", summary.bestValidationAccuracy)].compactMap {
                    (name, share) in share.map { String(format: "\(name) %.2f %%", $0 * 100) }
                }.joined(separator: ", ")
            }
            show(step, results ?? end.note)
        case .measured(let step, let what): show(step, what)
        }
    }

    private func show(_ step: StudyStep, _ result: String) {
        guard !quiet else { return }
        let time = step.seconds.map { "in \(StudyFolder.duration($0))" } ?? "found"
        let left =
            step.number < step.count
            ? step.secondsLeft.map { ", about \(StudyFolder.duration($0.rounded())) left" } ?? "" : ""
        let width = "\(step.count)".count
        let number = String(repeating: " ", count: width - "\(step.number)".count) + "\(step.number)"
        print("\(number)/\(step.count)  \(step.label), seed \(step.seed): \(result), \(time)\(left)")
    }
}
