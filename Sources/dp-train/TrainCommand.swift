import ArgumentParser
import Collectives
import CommandLineSupport
import Datasets
import Foundation
import Synchronization
import Tensors
import Training

/// `dp-train train`: trains a model.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a multi-layer perceptron and test it.")

    @OptionGroup var data: DataOptions

    @OptionGroup var recipe: RecipeOption

    @OptionGroup(title: "What decides the result") var settings: SettingOptions<TrainingConfiguration>

    @OptionGroup var runSettings: SettingOptions<RunOptions>

    @Option(help: "The run directory. (default: runs/<time stamp>)")
    var output: String?

    @Option(
        help: ArgumentHelp(
            """
            What to go on from, in its own run directory or in --output: a run directory (its newest good checkpoint), a \
            checkpoint, or latest (the newest run in ./runs, or beside --output).
            """,
            valueName: "run|checkpoint|latest"))
    var resume: String?

    @Flag(help: "Print nothing but warnings and the result.")
    var quiet = false

    func validate() throws {
        guard output?.isEmpty != true else {
            throw ValidationError("--output: expected the path of a folder, found none")
        }
    }

    func run() throws {
        // Where they cannot be used, all ranks say so when they have met.
        let limit = ((try? runOptions(over: nil)) ?? .defaults).stallTimeout.seconds
        try RankedRun.run(stallLimit: limit) { communicator in
            let resumePoint = try communicator.agree(on: "reading the checkpoint") {
                communicator.rank == 0 ? try findResumePoint() : nil
            }
            let observer = ConsoleObserver(isQuiet: quiet)
            resumePoint?.notes.forEach(observer.note)
            let base = try communicator.broadcast(configuration: resumePoint?.configuration)
            // A run that goes on is tested as its recipe says, although that is no part of its configuration.
            let ownRecipe = recipe.recipe ?? base?.recipe.flatMap(Recipe.named)
            let options = try communicator.agree(on: "checking the settings") {
                try runOptions(over: ownRecipe)
            }
            let asked = try communicator.agree(on: "checking the settings") { try validated(base) }
            let dataset = try SharedDataset.open(over: communicator) { try data.locate(seed: asked.seed) }
            let configuration = try communicator.agree(on: "checking the settings against the data set") {
                var configuration = asked
                // A run that goes on has its images, those of CIFAR-10 if it recorded none.
                configuration.images = base == nil ? dataset.format : asked.dataFormat
                try settle(
                    &configuration, of: base, worldSize: communicator.size,
                    nodes: options.nodeCount(of: communicator.placement))
                try configuration.validate(against: dataset)
                return configuration
            }
            let trainer = Trainer(
                communicator: communicator, configuration: configuration, options: options, dataset: dataset,
                resumePoint: resumePoint, observer: observer)
            if case .stopped(let epoch, let step, let directory) = try trainer.run() {
                throw Stopped(
                    epoch: epoch, step: step, directory: directory, shouldReport: communicator.rank == 0)
            }
        }
    }

    private func findResumePoint() throws -> ResumePoint? {
        let parent = output.map { URL(fileURLWithPath: $0).deletingLastPathComponent().path }
        let point = try resume.map {
            try ResumePoint(resolving: $0, latestIn: parent ?? "runs", output: output)
        }
        try point?.checkTensors()
        return point
    }

    /// The configuration of this run: the defaults or a checkpoint's, with recipe and flags laid over it.
    private func validated(_ base: TrainingConfiguration?) throws -> TrainingConfiguration {
        var configuration = base ?? TrainingConfiguration()
        try configuration.apply(settings.words, recipe: recipe.recipe)
        try configuration.validate()
        return configuration
    }

    /// Settles what follows ranks and images, and refuses settings that are not those of the run that goes on.
    private func settle(
        _ configuration: inout TrainingConfiguration, of base: TrainingConfiguration?, worldSize: Int,
        nodes: Int
    ) throws {
        try configuration.settle(worldSize: worldSize, nodes: nodes)
        if let base {
            let differences = configuration.differences(from: base)
            guard differences.isEmpty else {
                throw ValidationError(
                    "--resume: expected the run's own settings, found others: "
                        + differences.map(\.description).joined(separator: ", "))
            }
        }
    }

    private func runOptions(over recipe: Recipe?) throws -> RunOptions {
        var options = RunOptions(programVersion: DPTrain.version)
        try options.apply(runSettings.words, over: recipe?.words() ?? [:])
        try options.validate()
        options.output = output
        options.stepsBegin = { StopSignal.watch() }
        options.stopRequested = { StopSignal.wasReceived }
        options.stepsEnd = { StopSignal.endWatch() }
        return options
    }
}

extension Communicator {
    /// Rank 0's configuration, if it has one, on every rank. Collective: every rank must call it.
    fileprivate func broadcast(configuration: TrainingConfiguration?) throws -> TrainingConfiguration? {
        let encoded = try configuration.map { try JSONEncoder().encode($0) }
        let bytes = try broadcast(bytes: encoded.map { Array($0) } ?? [], root: 0)
        return bytes.isEmpty ? nil : try JSONDecoder().decode(TrainingConfiguration.self, from: Data(bytes))
    }
}

/// The signals that ask a run to write a checkpoint and end: SIGTERM, SIGINT, and SIGUSR1, which batch systems can send
/// ahead of a time limit.
///
/// They are caught from the first step until the last checkpoint has been written. Before and after that there is nothing
/// to be saved, and they end the process at once.
enum StopSignal {
    private static let numbers = [SIGTERM, SIGINT, SIGUSR1]
    /// The first one that has come; 0 before.
    private static let received = Atomic<Int32>(0)

    /// Whether one has come.
    static var wasReceived: Bool { received.load(ordering: .relaxed) != 0 }

    /// From now on these signals are noted. A second SIGINT or SIGTERM ends the process at once.
    static func watch() {
        for number in numbers {
            signal(number) { number in
                if number != SIGUSR1, StopSignal.wasReceived {
                    signal(number, SIG_DFL)
                    raise(number)
                }
                StopSignal.received.store(number, ordering: .relaxed)
            }
        }
    }

    /// From now on these signals end the process, as does one that has come since the last step looked.
    static func endWatch() {
        for number in numbers { signal(number, SIG_DFL) }
        let number = received.load(ordering: .relaxed)
        if number != 0 { raise(number) }
    }
}
