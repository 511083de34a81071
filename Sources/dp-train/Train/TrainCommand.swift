import CommandLineSupport
import ArgumentParser
import Collectives
import Datasets
import Foundation
import Tensors
import Training

/// `dp-train train`: trains a model.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a multi-layer perceptron and test it.")

    @OptionGroup var data: DataOptions

    @OptionGroup(title: "What decides the result") var settings: ConfigurationOptions

    @Option(
        help: """
            What carries numbers between the ranks of a node: shared (memory), mpi (its collectives), or auto: shared \
            where it can be had.
            """)
    var reduction = RunOptions.Reduction.auto

    @Option(
        parsing: .unconditional,
        help: """
            Threads of each rank that train. (default: its node's processors, or those that a CPU quota allows, divided by \
            the ranks on it)
            """,
        transform: Values.wholeNumber)
    var threads: Int?

    @Option(help: "Who evaluates: rank0 (on all processors of its node) or sharded (all ranks).")
    var evaluation = RunOptions.Evaluation.rank0

    @Option(help: "The run directory. (default: runs/<time stamp>)")
    var output: String?

    @Option(
        parsing: .unconditional,
        help:
            "How often a checkpoint is written: a number of epochs, or as in 2epochs, 500steps, 10min. (default: 1)",
        transform: Values.checkpointInterval)
    var checkpointEvery: CheckpointInterval?

    @Option(
        parsing: .unconditional,
        help: "Keep only this many of the newest checkpoints, and the best. (default: all)",
        transform: Values.wholeNumber)
    var keepLast: Int?

    @Option(
        parsing: .unconditional, help: "zstd's compression level of checkpoints, 1 to 19. (default: 1)",
        transform: Values.wholeNumber)
    var compressionLevel: Int?

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
        try RankedRun.run { communicator in
            let resumePoint = try communicator.agree(on: "reading the checkpoint") {
                communicator.rank == 0 ? try findResumePoint() : nil
            }
            let observer = ConsoleObserver(isQuiet: quiet)
            resumePoint?.notes.forEach(observer.note)
            let base = try communicator.broadcast(configuration: resumePoint?.configuration)
            let precision = try MatmulPrecision.fastestExact(over: communicator)
            let (configuration, options) = try communicator.agree(on: "checking the settings") {
                (
                    try settle(base, worldSize: communicator.size, fastestPrecision: precision),
                    try runOptions()
                )
            }
            let dataset = try SharedDataset.open(over: communicator) {
                let dataset = try data.locate(seed: configuration.seed)
                try configuration.validate(against: dataset)
                return dataset
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

    /// The configuration of this run: the defaults or a checkpoint's, with the flags laid over it.
    private func settle(
        _ base: TrainingConfiguration?, worldSize: Int, fastestPrecision: MatmulPrecision
    ) throws -> TrainingConfiguration {
        var configuration = base ?? TrainingConfiguration()
        try settings.apply(to: &configuration)
        try configuration.validate()
        try configuration.settle(worldSize: worldSize, fastestPrecision: fastestPrecision)
        if let base {
            let differences = configuration.differences(from: base)
            guard differences.isEmpty else {
                throw ValidationError(
                    "--resume: expected the run's own settings, found others: "
                        + differences.map(\.description).joined(separator: ", "))
            }
        }
        return configuration
    }

    private func runOptions() throws -> RunOptions {
        var options = RunOptions(programVersion: DPTrain.version)
        options.output = output
        options.reduction = reduction
        options.evaluation = evaluation
        options.stepsBegin = { StopSignal.watch() }
        options.stopRequested = { StopSignal.wasReceived }
        options.stepsEnd = { StopSignal.endWatch() }
        if let checkpointEvery { options.checkpointInterval = checkpointEvery }
        if let threads {
            guard (1...4096).contains(threads) else {
                throw ValidationError("--threads: expected a number from 1 to 4096, found \(threads)")
            }
            options.threads = threads
        }
        if let keepLast {
            guard keepLast >= 1 else {
                throw ValidationError("--keep-last: expected a number ≥ 1, found \(keepLast)")
            }
            options.keepLast = keepLast
        }
        if let compressionLevel {
            guard (1...19).contains(compressionLevel) else {
                throw ValidationError(
                    "--compression-level: expected a number from 1 to 19, found \(compressionLevel)")
            }
            options.compressionLevel = compressionLevel
        }
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
