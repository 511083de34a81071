import Collectives
import DataParallel
import Datasets
import FileTestSupport
import Metrics
import Synchronization
import Tensors
import Training

/// A run of two epochs, or as many as are asked for, of five steps on few synthetic records.
struct SmallRun: Sendable {
    static let stepsPerEpoch = 5
    static let batchSize = 32

    var batchNorm = BatchNormMode.none
    var shuffle = Shuffle.shards
    var transport = RunOptions.Transport.auto
    var dataPlacement = RunOptions.DataPlacement.rank
    var epochs = 2
    var steps = stepsPerEpoch
    var learningRate = 0.1
    var warmupEpochs = 0.0
    var seed: UInt64 = 42
    var dataSeed: UInt64 = 5
    var validationSize = 0
    var keepLast: Int?
    var evaluation = RunOptions.Evaluation.rank0
    var matmulPrecision: MatmulPrecision?
    var instructionSet: InstructionSet?
    var checkpointInterval = CheckpointInterval.epochs(1)
    var consistencySteps: Int?
    var diagnostics = false
    var isTested = true
    var testViews: TestViews?
    /// What else is to be set.
    var configure: @Sendable (inout TrainingConfiguration) -> Void = { _ in }
    /// Told on every rank what the run has come to.
    var watch: @Sendable (RunEvent) -> Void = { _ in }
    /// Called on rank 0 once the run directory is there.
    var whenBegun: @Sendable () -> Void = {}

    /// What a run tells on rank 0.
    final class Observer: TrainingObserver {
        fileprivate var whenBegun: @Sendable () -> Void = {}
        private(set) var header: [String: String] = [:]
        private(set) var epochs: [EpochRecord] = []
        private(set) var notes: [String] = []

        func runBegins(_ header: [(key: String, value: String)], plan: ConsoleReporter.Plan) {
            self.header = Dictionary(uniqueKeysWithValues: header.map { ($0.key, $0.value) })
            whenBegun()
        }
        func stepEnded(_ record: StepRecord) {}
        func epochEnded(_ record: EpochRecord) { epochs.append(record) }
        func note(_ text: String) { notes.append(text) }
        func runEnded(_ summary: RunSummary, directory: String) {}
    }

    /// Trains. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - output: The run directory.
    ///   - stopStep: The step at whose end the last rank is asked to stop.
    ///   - resumes: Whether to go on from the run directory's newest checkpoint.
    func train(
        over communicator: any Communicator, output: String, stopStep: Int? = nil, resumes: Bool = false,
        observer: Observer = Observer()
    ) throws -> RunOutcome {
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = [12, 9]
        configuration.batchNorm = batchNorm
        configuration.shuffle = shuffle
        configuration.momentum = 0.9
        configuration.epochs = epochs
        configuration.learningRate = learningRate
        configuration.warmupEpochs = warmupEpochs
        configuration.seed = seed
        configuration.batchSize = Self.batchSize
        configuration.validationSize = validationSize
        configuration.logicalShards = 8
        configuration.matmulPrecision = matmulPrecision
        configure(&configuration)
        var options = RunOptions(programVersion: "test")
        options.diagnostics = diagnostics
        options.testViews = testViews
        options.watch = watch
        options.transport = transport
        options.dataPlacement = dataPlacement
        options.isTested = isTested
        options.instructionSet = instructionSet
        options.evaluation = evaluation
        options.checkpointInterval = checkpointInterval
        options.output = output
        options.keepLast = keepLast
        options.consistencySteps = consistencySteps
        if let stopStep, communicator.rank == communicator.size - 1 {
            let step = Mutex(0)
            options.stopRequested = {
                step.withLock {
                    $0 += 1
                    return $0 == stopStep
                }
            }
        }
        observer.whenBegun = whenBegun
        let isResumed = resumes && communicator.rank == 0
        return try Trainer(
            communicator: communicator, configuration: configuration, options: options,
            dataset: dataset,
            resumePoint: isResumed ? try ResumePoint(run: RunDirectory(path: output)) : nil,
            observer: observer
        ).run()
    }

    /// What is trained on.
    var dataset: SyntheticDataset {
        SyntheticDataset(
            seed: dataSeed, trainingCount: steps * Self.batchSize + validationSize, testCount: 60
        )
    }

    /// The digest of the tensors after the whole run on one rank.
    func digestAlone() throws -> String {
        let folder = try TemporaryFolder()
        return try train(over: SingleProcessCommunicator(), output: folder.path("run")).digest
    }
}

extension RunOutcome {
    /// The digest of the tensors of a finished run; empty of one that was stopped.
    var digest: String { summary?.tensorsSHA256 ?? "" }

    /// The summary of a finished run.
    var summary: RunSummary? {
        if case .finished(let summary) = self { summary } else { nil }
    }
}
