internal import Checkpoints
public import Collectives
internal import DataParallel
public import Datasets
internal import Foundation
internal import MLPEngine
internal import Metrics
internal import Tensors
internal import Threads
internal import Whitening

/// A training run, from the records to the tested model.
public struct Trainer {
    // Not private, for the extensions in other files.
    let communicator: any Communicator
    let configuration: TrainingConfiguration
    let options: RunOptions
    let dataset: any ImageDataset
    let resumePoint: ResumePoint?
    let observer: any TrainingObserver

    let assignment: ShardAssignment
    var isRoot: Bool { communicator.rank == 0 }

    /// Prepares a run.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - configuration: What to train, validated, with the number of logical shards and the precision of
    ///     products settled; the same on every rank.
    ///   - options: Where to write; the same on every rank.
    ///   - dataset: What to train on, the same on every rank; see ``SharedDataset``.
    ///   - resumePoint: On rank 0 the checkpoint to go on from, if any.
    ///   - observer: Told of everything, on rank 0 alone.
    public init(
        communicator: any Communicator, configuration: TrainingConfiguration, options: RunOptions,
        dataset: any ImageDataset, resumePoint: ResumePoint?, observer: any TrainingObserver
    ) {
        self.communicator = communicator
        self.configuration = configuration
        self.options = options
        self.dataset = dataset
        self.resumePoint = resumePoint
        self.observer = observer
        assignment = ShardAssignment(
            worldSize: communicator.size,
            shardCount: configuration.logicalShards
                ?? LogicalShards.defaultCount(
                    forWorldSize: communicator.size, globalBatch: configuration.batchSize))
    }

    /// Trains, evaluates and tests. Collective: every rank must call it.
    ///
    /// - Returns: What the run came to; the same on every rank but for the digest, which only rank 0 has.
    /// - Throws: An `AgreedFailure` where all ranks fail together, such as ``UnsavedRun``; another error where this rank alone
    ///   does.
    public func run() throws -> RunOutcome {
        communicator.presence?.limitStalls(to: options.stallTimeout.seconds)
        RankActivity.enter(.starting)
        defer { RankActivity.enter(.ending) }
        let run = try start(try prepare())
        defer { run.recorder?.close() }
        options.stepsBegin()
        while run.progress.epoch < configuration.epochs {
            run.beginEpoch()
            while run.progress.stepInEpoch < run.stepsPerEpoch {
                if try run.takeStep().stop { return try run.stop() }
            }
            try run.endEpoch()
        }
        return try run.test()
    }

    /// What a run reads and computes with, before there is a model.
    private struct Preparation {
        let mlp: MLP
        let team: WorkerTeam
        let loader: BatchLoader
        let validation: Evaluator
        let test: Evaluator
        let statistics: Evaluator?
        let diagnostics: Diagnostics?
        let stepsPerEpoch: Int
        let origin: DataOrigin
    }

    /// What tells the data of a run from others.
    struct DataOrigin {
        /// The fingerprint of all records of all ranks.
        let fingerprint: UInt64
        /// The records as the network reads them, where they are whitened.
        let whitened: WhitenedDataset?
    }

    /// Divides the records, looks whether all ranks compute alike and have memory enough, starts threads and reads.
    /// Collective: every rank must call it.
    private func prepare() throws -> Preparation {
        let wantedThreads = options.threads ?? ProcessorShare.threads(of: communicator)
        try communicator.agree(on: "choosing the instruction set") { try options.useInstructionSet() }
        try communicator.agree(on: "checking the views") {
            try options.testViews?.check(against: self.dataset.format, setting: "--test-views")
        }
        let split = ValidationSplit(
            count: dataset.count(of: .training), validationSize: configuration.validationSize,
            seed: configuration.splitSeed ?? configuration.seed)
        let shards = LogicalShards(
            records: split.training, count: assignment.shardCount, seed: configuration.seed)
        let stepsPerEpoch = shards.stepsPerEpoch(
            globalBatch: configuration.batchSize, shuffle: configuration.shuffle)
        if communicator.size > 1 {
            try communicator.agree(on: "trying the arithmetic") {
                try ArithmeticProbe(configuration, stepsPerEpoch: stepsPerEpoch)
            }.compare(over: communicator)
        }
        let mlp = MLP(configuration.model)
        try MemoryPlan(
            configuration, mlp: mlp, assignment: assignment, trainingCount: split.training.count,
            validationCount: split.validation.count, testCount: dataset.count(of: .test),
            threads: wantedThreads, slices: configuration.slices, options: options,
            placement: communicator.placement
        ).check(over: communicator)
        let team = try makeTeam(wantedThreads)
        let whitened = try configuration.whitened(
            self.dataset, keeps: options.isRecorded, communicator: communicator, team: team,
            note: observer.note)
        let dataset: any ImageDataset = whitened ?? self.dataset
        let (loader, validation, test) = try communicator.agree(on: "reading the records") {
            (
                try BatchLoader(
                    dataset: dataset, shards: shards,
                    ownedShards: assignment.shards(of: communicator.placement.position),
                    otherShards: options.otherShards(
                        assignment, configuration.strategy, communicator.placement),
                    globalBatch: configuration.batchSize,
                    shuffle: configuration.shuffle),
                try evaluator(mlp, dataset, .training, split.validation, team.threadCount),
                try evaluator(mlp, dataset, .test, Array(0..<dataset.count(of: .test)), team.threadCount)
            )
        }
        let statistics = try communicator.agree(on: "reading the records for batch statistics") {
            try configuration.recomputesStatistics
                ? Evaluator(
                    mlp: MLP(configuration.model.withoutDropout), dataset: dataset, split: .training,
                    indices: BatchStatistics.sample(of: split.training), communicator: communicator,
                    mode: options.evaluation, threadsPerRank: team.threadCount) : nil
        }
        let diagnostics = try communicator.agree(on: "making room for diagnostics") {
            options.diagnostics
                ? try Diagnostics(
                    isRoot: isRoot, configuration: configuration, validation: validation, dataset: dataset,
                    training: split.training, stepsPerEpoch: stepsPerEpoch, team: team) : nil
        }
        let fingerprint = try communicator.allreduce(
            loader.fingerprint &+ validation.fingerprint &+ test.fingerprint, .sum)
        return Preparation(
            mlp: mlp, team: team, loader: loader, validation: validation, test: test,
            statistics: statistics, diagnostics: diagnostics, stepsPerEpoch: stepsPerEpoch,
            origin: DataOrigin(fingerprint: fingerprint, whitened: whitened))
    }

    /// Makes the model, brings it to the checkpoint's state if there is one, and opens rank 0's files. Collective: every
    /// rank must call it.
    private func start(_ prepared: Preparation) throws -> TrainingRun {
        let (mlp, origin) = (prepared.mlp, prepared.origin)
        let arithmetic = Arithmetic(
            slices: configuration.slices,
            hasBFloat16: !mlp.network.bfloat16Linears(slices: configuration.slices).isEmpty)
        let (runner, ranks) = try StepRunner.make(
            communicator, options.transport, configuration: configuration, mlp: mlp, loader: prepared.loader,
            assignment: assignment, team: prepared.team, slices: configuration.slices,
            note: { if isRoot { observer.note($0) } })
        let model = runner.model
        let best = try communicator.agree(on: "making room for the best model") {
            try BestModel(network: mlp.network)
        }
        let progress = try restore(model, best, arithmetic: arithmetic, data: origin)
        try model.broadcast(to: runner.products)
        let replicas = ReplicaCheck(model: model, ranks: ranks, placement: communicator.placement)
        try replicas.check(epoch: progress.epoch + 1, step: progress.step)
        let recorder = try communicator.agree(on: "opening the run directory") {
            isRoot && options.isRecorded
                ? try makeRecorder(mlp, progress, arithmetic: arithmetic, data: origin) : nil
        }
        if let recorder {
            observer.runBegins(
                header(
                    mlp, whitened: origin.whitened, ranks: ranks, threads: prepared.team.threadCount,
                    directory: recorder.directory,
                    progress: progress),
                plan: .init(
                    epochs: configuration.epochs, stepsPerEpoch: prepared.stepsPerEpoch,
                    batchSize: configuration.batchSize, completedSteps: progress.step))
        }
        return TrainingRun(
            trainer: self, runner: runner, loader: prepared.loader, stepsPerEpoch: prepared.stepsPerEpoch,
            validation: prepared.validation, test: prepared.test, statistics: prepared.statistics,
            replicas: replicas, best: best,
            diagnostics: prepared.diagnostics, recorder: recorder, progress: progress)
    }

    /// The threads of this rank: as many as were asked for, or by default as many as can be had, since they change no
    /// bit. Collective: every rank must call it.
    private func makeTeam(_ count: Int) throws -> WorkerTeam {
        let team = try communicator.agree(on: "starting threads") {
            // Launchers bind a rank to a core; its threads may use the others.
            try ProcessorAffinity.withAffinityToAllProcessors {
                guard options.threads != nil else { return WorkerTeam(upTo: count) }
                do {
                    return try WorkerTeam(threadCount: count)
                } catch let error as ThreadError {
                    throw ConfigurationError(
                        "--threads \(count)", found: "only \(error.started + 1): \(error.reason)",
                        expected: "so many threads on each rank")
                }
            }
        }
        let missing = try communicator.allreduce(Int64(count - team.threadCount), .maximum)
        if missing > 0, isRoot {
            observer.note(
                "expected \(count) threads on each rank, the system has started \(missing) fewer on one: the run is slower"
                    + " and comes to the same (--threads)")
        }
        return team
    }

    private func evaluator(
        _ mlp: MLP, _ dataset: any ImageDataset, _ split: DatasetSplit, _ indices: [Int], _ threads: Int
    ) throws -> Evaluator {
        try Evaluator(
            mlp: mlp, dataset: dataset, split: split, indices: indices, communicator: communicator,
            mode: options.evaluation, threadsPerRank: threads)
    }

    private func makeRecorder(
        _ mlp: MLP, _ progress: Progress, arithmetic: Arithmetic, data: DataOrigin
    ) throws -> RunRecorder {
        let directory = options.output.map(RunDirectory.init) ?? resumePoint?.directory
        let lock: RunLock
        var position: CheckpointMetadata.Position?
        if let resumePoint, let directory, resumePoint.directory?.isSame(as: directory) == true {
            lock = try resumePoint.lock ?? RunLock(directory, setting: "--resume")
            position = progress.position
        } else {
            lock = try directory?.create() ?? RunDirectory.createTimeStamped()
        }
        return try RunRecorder(
            lock: lock, continuing: position, configuration: configuration,
            options: options, worldSize: communicator.size, dataFingerprint: hexadecimal(data.fingerprint),
            whiteningSHA256: data.whitened?.sha256, arithmetic: arithmetic, network: mlp.network)
    }
}

/// A fingerprint of data as checkpoints have it.
func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
