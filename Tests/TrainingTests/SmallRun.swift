import Collectives
import DataParallel
import Datasets
import FileTestSupport
import Metrics
import Synchronization
import Training

/// A run of two epochs, or as many as are asked for, of five steps on few synthetic records.
struct SmallRun: Sendable {
    static let stepsPerEpoch = 5

    var batchNorm = BatchNormMode.none
    var reduction = RunOptions.Reduction.auto
    var epochs = 2
    var learningRate = 0.1
    var validationSize = 0
    var keepLast: Int?
    /// Called on rank 0 once the run directory is there.
    var whenBegun: @Sendable () -> Void = {}

    private final class Observer: TrainingObserver {
        private let whenBegun: @Sendable () -> Void

        init(whenBegun: @escaping @Sendable () -> Void) { self.whenBegun = whenBegun }

        func runBegins(_ header: [(key: String, value: String)], plan: ConsoleReporter.Plan) { whenBegun() }
        func stepEnded(_ record: StepRecord) {}
        func epochEnded(_ record: EpochRecord) {}
        func note(_ text: String) {}
        func runEnded(_ summary: RunSummary, directory: String) {}
    }

    /// Trains. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - output: The run directory.
    ///   - stopStep: The step at whose end the last rank is asked to stop.
    ///   - resumes: Whether to go on from the run directory's newest checkpoint.
    func train(
        over communicator: any Communicator, output: String, stopStep: Int? = nil, resumes: Bool = false
    ) throws -> RunOutcome {
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = [12, 9]
        configuration.batchNorm = batchNorm
        configuration.momentum = 0.9
        configuration.epochs = epochs
        configuration.learningRate = learningRate
        configuration.batchSize = 32
        configuration.validationSize = validationSize
        configuration.logicalShards = 8
        var options = RunOptions(programVersion: "test")
        options.reduction = reduction
        options.output = output
        options.keepLast = keepLast
        if let stopStep, communicator.rank == communicator.size - 1 {
            let step = Mutex(0)
            options.stopRequested = {
                step.withLock {
                    $0 += 1
                    return $0 == stopStep
                }
            }
        }
        let isResumed = resumes && communicator.rank == 0
        return try Trainer(
            communicator: communicator, configuration: configuration, options: options,
            dataset: SyntheticDataset(
                seed: 5, trainingCount: Self.stepsPerEpoch * configuration.batchSize + validationSize,
                testCount: 20),
            resumePoint: isResumed ? try ResumePoint(run: RunDirectory(path: output)) : nil,
            observer: Observer(whenBegun: whenBegun)
        ).run()
    }

    /// The digest of the tensors after the whole run on one rank.
    func digestAlone() throws -> String {
        let folder = try TemporaryFolder()
        return try train(over: SingleProcessCommunicator(), output: folder.path("run")).digest
    }
}

extension RunOutcome {
    /// The digest of the tensors of a finished run; empty of one that was stopped.
    var digest: String {
        if case .finished(let summary) = self { summary.tensorsSHA256 } else { "" }
    }
}
