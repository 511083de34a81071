internal import Checkpoints
public import Collectives
internal import DataParallel
public import Datasets
internal import Foundation
internal import MLPEngine
internal import Metrics
internal import Tensors
internal import Threads

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
    ///   - configuration: What to train, validated, with the number of logical shards settled; the same on every rank.
    ///   - options: Where to write; the same on every rank.
    ///   - dataset: What to train on.
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
                ?? LogicalShards.defaultCount(forWorldSize: communicator.size))
    }

    /// Trains, evaluates and tests. Collective: every rank must call it.
    ///
    /// - Returns: What the run came to; the same on every rank but for the digest, which only rank 0 has.
    /// - Throws: An `AgreedFailure` where all ranks fail together, another error where this rank alone does.
    public func run() throws -> RunOutcome {
        let wantedThreads = options.threads ?? ProcessorShare.threads(of: communicator)
        let digits = try PixelPrecision.digits(of: configuration, over: communicator)
        let kernels = UsedKernels(digits: digits)

        // The records: this rank's shards, and what is set apart for validation and test.
        let split = ValidationSplit(
            count: dataset.count(of: .training), validationSize: configuration.validationSize,
            seed: configuration.seed)
        let shards = LogicalShards(
            records: split.training, count: assignment.shardCount, seed: configuration.seed)
        let mlp = MLP(configuration.model)
        try MemoryPlan(
            configuration, mlp: mlp, assignment: assignment, trainingCount: split.training.count,
            validationCount: split.validation.count, testCount: dataset.count(of: .test),
            threads: wantedThreads, digits: digits, evaluation: options.evaluation,
            communicator: communicator
        ).check(over: communicator)
        let team = try makeTeam(wantedThreads)
        let threads = team.threadCount
        let (loader, validation, test) = try communicator.agree(on: "reading the records") {
            (
                try BatchLoader(
                    dataset: dataset, shards: shards,
                    ownedShards: assignment.shards(of: communicator.placement.position),
                    globalBatch: configuration.batchSize),
                try evaluator(mlp, .training, split.validation, threads),
                try evaluator(mlp, .test, Array(0..<dataset.count(of: .test)), threads)
            )
        }
        let fingerprint = try communicator.allreduce(
            loader.fingerprint &+ validation.fingerprint &+ test.fingerprint, .sum)

        // The model, the same on every rank.
        let (runner, ranks) = try StepRunner.make(
            communicator, options.reduction, configuration: configuration, mlp: mlp, loader: loader,
            assignment: assignment, team: team, digits: digits,
            note: { if isRoot { observer.note($0) } })
        let model = runner.model
        let best = try communicator.agree(on: "making room for the best model") {
            try BestModel(network: mlp.network)
        }
        var progress = try restore(model, best, kernels: kernels, fingerprint: fingerprint)
        try model.broadcast()
        try ReplicaCheck.sameEverywhere(model, over: communicator)

        // Rank 0's files.
        let recorder = try communicator.agree(on: "opening the run directory") {
            isRoot ? try makeRecorder(mlp, progress, kernels: kernels, fingerprint: fingerprint) : nil
        }
        defer { recorder?.close() }
        let stepsPerEpoch = shards.stepsPerEpoch(globalBatch: configuration.batchSize)
        let schedule = configuration.learningRateSchedule
        if let recorder {
            observer.runBegins(
                header(
                    mlp, ranks: ranks, threads: threads, kernels: kernels, directory: recorder.directory,
                    progress: progress),
                plan: .init(
                    epochs: configuration.epochs, stepsPerEpoch: stepsPerEpoch,
                    batchSize: configuration.batchSize,
                    completedSteps: progress.step))
        }

        let clock = ContinuousClock()
        var checkpoints = CheckpointTimes(last: clock.now)
        var totals = RunTotals()
        while progress.epoch < configuration.epochs {
            let epoch = progress.epoch + 1
            loader.beginEpoch(progress.epoch)
            while progress.stepInEpoch < stepsPerEpoch {
                let start = clock.now
                let rate = schedule.rate(atStep: progress.step, stepsPerEpoch: stepsPerEpoch)
                let outcome = try runner.step(
                    progress.stepInEpoch, learningRate: rate, stopRequested: options.stopRequested())
                let seconds = (clock.now - start) / .seconds(1)
                progress.endStep(outcome.loss, seconds: seconds)
                totals.add(outcome.loss.samples, seconds: seconds)
                guard outcome.loss.lossSum.isFinite else {
                    throw Divergence(
                        epoch: epoch, step: progress.step, loss: outcome.loss.meanLoss, shouldReport: isRoot)
                }
                if let recorder {
                    let record = StepRecord(
                        epoch: epoch, step: progress.step, learningRate: rate, loss: outcome.loss.meanLoss,
                        accuracy: outcome.loss.accuracy, seconds: seconds)
                    recorder.record(record)
                    observer.stepEnded(record)
                    let isDue =
                        progress.stepInEpoch < stepsPerEpoch && isDue(progress, checkpoints, endsEpoch: false)
                    if isDue || outcome.stopRequested {
                        checkpoints.measure(clock) { recorder.checkpoint(model, progress, best: best) }
                    }
                }
                if outcome.stopRequested {
                    recorder?.close()
                    recorder?.takeMessages().forEach(observer.note)
                    // A launcher ends all ranks when the first one ends: not before the checkpoint is there.
                    try communicator.idleBarrier()
                    return .stopped(
                        epoch: epoch, step: progress.step, directory: recorder?.directory.path ?? "")
                }
            }

            let result =
                configuration.validationSize > 0
                ? try validation.evaluate(
                    parameters: model.parameters, runningStatistics: model.runningStatistics) : nil
            if let result { try best.consider(model, validation: result, epoch: epoch, step: progress.step) }
            let record = EpochRecord(
                epoch: epoch, step: progress.step,
                learningRate: schedule.rate(atStep: progress.step - 1, stepsPerEpoch: stepsPerEpoch),
                trainLoss: progress.totals.meanLoss, trainAccuracy: progress.totals.accuracy,
                validationLoss: result?.meanLoss, validationAccuracy: result?.accuracy,
                seconds: progress.seconds,
                imagesPerSecond: Double(progress.totals.samples) / progress.seconds)
            progress.endEpoch()
            guard let recorder else { continue }
            recorder.record(record)
            observer.epochEnded(record)
            if isDue(progress, checkpoints, endsEpoch: true) {
                checkpoints.measure(clock) { recorder.checkpoint(model, progress, best: best) }
            }
            recorder.takeMessages().forEach(observer.note)
        }

        // The model that was best on validation is the one tested; without validation the last one.
        let tested = best.result
        let testResult = try test.evaluate(
            parameters: tested == nil ? model.parameters : best.weights.parameters.vector,
            runningStatistics: tested == nil
                ? model.runningStatistics : best.weights.runningStatistics.vector)
        var summary = RunSummary(
            testAccuracy: testResult.accuracy, testLoss: testResult.meanLoss,
            bestEpoch: tested?.epoch ?? progress.epoch, bestValidationAccuracy: tested?.accuracy,
            parameterCount: mlp.parameterCount, tensorsSHA256: try recorder?.digest(model, progress) ?? "",
            worldSize: communicator.size, logicalShards: assignment.shardCount, epochs: progress.epoch,
            trainSeconds: totals.seconds, imagesPerSecond: totals.imagesPerSecond,
            checkpointPauseSeconds: checkpoints.longestPause)
        if let recorder {
            recorder.close()
            recorder.takeMessages().forEach(observer.note)
            if let earlier = recorder.directory.storedSummary, totals.seconds == 0 {
                summary.keepMeasurements(of: earlier)
            }
            // A result that cannot be written is still to be told.
            do { try recorder.write(summary) } catch { observer.note("\(error)") }
            observer.runEnded(summary, directory: recorder.directory.path)
        }
        return .finished(summary)
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
        _ mlp: MLP, _ split: DatasetSplit, _ indices: [Int], _ threads: Int
    ) throws -> Evaluator {
        try Evaluator(
            mlp: mlp, dataset: dataset, split: split, indices: indices, communicator: communicator,
            mode: options.evaluation, threadsPerRank: threads)
    }

    private func makeRecorder(
        _ mlp: MLP, _ progress: Progress, kernels: UsedKernels, fingerprint: UInt64
    ) throws -> RunRecorder {
        let directory =
            options.output.map(RunDirectory.init) ?? resumePoint?.directory ?? RunDirectory.timeStamped()
        let continues = resumePoint.map { $0.directory.map(directory.isSame(as:)) ?? false } ?? false
        return try RunRecorder(
            directory: directory, continuing: continues ? progress.position : nil,
            configuration: configuration,
            options: options, worldSize: communicator.size, dataFingerprint: hexadecimal(fingerprint),
            kernels: kernels, network: mlp.network)
    }

    private func isDue(_ progress: Progress, _ checkpoints: CheckpointTimes, endsEpoch: Bool) -> Bool {
        // The last state is always kept.
        if progress.epoch == configuration.epochs { return true }
        return switch options.checkpointInterval {
        case .epochs(let count): endsEpoch && progress.epoch % count == 0
        case .steps(let count): progress.step % count == 0
        case .seconds(let seconds): (ContinuousClock.now - checkpoints.last) / .seconds(1) >= seconds
        }
    }

    func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
