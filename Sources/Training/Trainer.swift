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
                ?? LogicalShards.defaultCount(forWorldSize: communicator.size))
    }

    /// Trains, evaluates and tests. Collective: every rank must call it.
    ///
    /// - Returns: What the run came to; the same on every rank but for the digest, which only rank 0 has.
    /// - Throws: An `AgreedFailure` where all ranks fail together, such as ``UnsavedRun``; another error where this rank alone
    ///   does.
    public func run() throws -> RunOutcome {
        let wantedThreads = options.threads ?? ProcessorShare.threads(of: communicator)
        let slices = configuration.slices
        let kernels = UsedKernels(slices: slices)
        let fastestPrecision = try MatmulPrecision.fastestExact(over: communicator)

        // The records: this rank's shards, and what is set apart for validation and test.
        let split = ValidationSplit(
            count: dataset.count(of: .training), validationSize: configuration.validationSize,
            seed: configuration.seed)
        let shards = LogicalShards(
            records: split.training, count: assignment.shardCount, seed: configuration.seed)
        let stepsPerEpoch = shards.stepsPerEpoch(globalBatch: configuration.batchSize)
        if communicator.size > 1 {
            try communicator.agree(on: "trying the arithmetic") {
                try ArithmeticProbe(configuration, stepsPerEpoch: stepsPerEpoch)
            }.compare(over: communicator)
        }
        let mlp = MLP(configuration.model)
        try MemoryPlan(
            configuration, mlp: mlp, assignment: assignment, trainingCount: split.training.count,
            validationCount: split.validation.count, testCount: dataset.count(of: .test),
            threads: wantedThreads, slices: slices, evaluation: options.evaluation,
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
            assignment: assignment, team: team, slices: slices,
            note: { if isRoot { observer.note($0) } })
        let model = runner.model
        let best = try communicator.agree(on: "making room for the best model") {
            try BestModel(network: mlp.network)
        }
        var progress = try restore(model, best, kernels: kernels, fingerprint: fingerprint)
        try model.broadcast()
        let replicas = ReplicaCheck(model: model, ranks: ranks, placement: communicator.placement)
        try replicas.check(epoch: progress.epoch + 1, step: progress.step)

        // Rank 0's files.
        let recorder = try communicator.agree(on: "opening the run directory") {
            isRoot ? try makeRecorder(mlp, progress, kernels: kernels, fingerprint: fingerprint) : nil
        }
        defer { recorder?.close() }
        let schedule = configuration.learningRateSchedule
        if let recorder {
            observer.runBegins(
                header(
                    mlp, ranks: ranks, threads: threads, kernels: kernels, fastestPrecision: fastestPrecision,
                    directory: recorder.directory, progress: progress),
                plan: .init(
                    epochs: configuration.epochs, stepsPerEpoch: stepsPerEpoch,
                    batchSize: configuration.batchSize,
                    completedSteps: progress.step))
        }

        let clock = ContinuousClock()
        var checkpoints = CheckpointTimes(last: clock.now)
        var totals = RunTotals()
        options.stepsBegin()
        while progress.epoch < configuration.epochs {
            let epoch = progress.epoch + 1
            loader.beginEpoch(progress.epoch)
            while progress.stepInEpoch < stepsPerEpoch {
                let start = clock.now
                let rate = schedule.rate(atStep: progress.step, stepsPerEpoch: stepsPerEpoch)
                let outcome = try runner.step(
                    progress.stepInEpoch, learningRate: rate, stopRequested: options.stopRequested(),
                    checkpointRequested: isRoot && progress.stepInEpoch + 1 < stepsPerEpoch
                        && isDue(progress, checkpoints, duringStep: true))
                let seconds = (clock.now - start) / .seconds(1)
                progress.endStep(outcome.loss, seconds: seconds)
                totals.add(outcome.loss.samples, seconds: seconds)
                guard outcome.loss.lossSum.isFinite else {
                    throw Divergence(
                        epoch: epoch, step: progress.step, quantity: .loss(outcome.loss.meanLoss),
                        shouldReport: isRoot)
                }
                let isDue = outcome.checkpointRequested || outcome.stopRequested
                if isDue {
                    do {
                        try replicas.check(epoch: epoch, step: progress.step)
                    } catch let error as any AgreedFailure {
                        // The next batch may be on its way.
                        try runner.finish()
                        throw error
                    }
                }
                if let recorder {
                    let record = StepRecord(
                        epoch: epoch, step: progress.step, learningRate: rate, loss: outcome.loss.meanLoss,
                        accuracy: outcome.loss.accuracy, seconds: seconds)
                    recorder.record(record)
                    observer.stepEnded(record)
                    if isDue {
                        checkpoints.measure(clock) { recorder.checkpoint(model, progress, best: best) }
                    }
                }
                if outcome.stopRequested {
                    recorder?.close()
                    recorder?.takeMessages().forEach(observer.note)
                    try agreeOnFiles(problem: recorder?.problem(ofStopAfter: progress.step, epoch: epoch))
                    return .stopped(
                        epoch: epoch, step: progress.step, directory: recorder?.directory.path ?? "")
                }
            }

            // Nothing behind the last step would see what it has come to.
            try replicas.check(epoch: epoch, step: progress.step)
            let result =
                configuration.validationSize > 0
                ? try validation.evaluate(
                    parameters: model.parameters, runningStatistics: model.runningStatistics) : nil
            if let loss = result?.meanLoss, !loss.isFinite {
                throw Divergence(
                    epoch: epoch, step: progress.step, quantity: .validationLoss(loss), shouldReport: isRoot)
            }
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
            if isDue(progress, checkpoints, duringStep: false) {
                checkpoints.measure(clock) { recorder.checkpoint(model, progress, best: best) }
            }
            recorder.takeMessages().forEach(observer.note)
        }

        // The last checkpoint first, as the test may take long and can be repeated. The other ranks know that it is there
        // when the test is over.
        if let recorder {
            recorder.close()
            options.stepsEnd()
        }

        // The model that was best on validation is the one tested; without validation the last one.
        let tested = best.result
        let testResult = try test.evaluate(
            parameters: tested == nil ? model.parameters : best.weights.parameters.vector,
            runningStatistics: tested == nil
                ? model.runningStatistics : best.weights.runningStatistics.vector)
        if recorder == nil { options.stepsEnd() }
        guard testResult.meanLoss.isFinite else {
            throw Divergence(
                epoch: progress.epoch, step: progress.step, quantity: .testLoss(testResult.meanLoss),
                shouldReport: isRoot)
        }
        var summary = RunSummary(
            testAccuracy: testResult.accuracy, testLoss: testResult.meanLoss,
            bestEpoch: tested?.epoch ?? progress.epoch, bestValidationAccuracy: tested?.accuracy,
            parameterCount: mlp.parameterCount, tensorsSHA256: try recorder?.digest(model, progress) ?? "",
            worldSize: communicator.size, logicalShards: assignment.shardCount, epochs: progress.epoch,
            trainSeconds: totals.seconds, imagesPerSecond: totals.imagesPerSecond,
            checkpointPauseSeconds: checkpoints.longestPause)
        var problem: String?
        if let recorder {
            recorder.takeMessages().forEach(observer.note)
            if let earlier = recorder.directory.storedSummary, totals.seconds == 0,
                earlier.tensorsSHA256 == summary.tensorsSHA256
            {
                summary.keepMeasurements(of: earlier)
            }
            // A result that cannot be written is still to be told.
            var failures: [String] = []
            do { try recorder.write(summary) } catch { failures = ["\(error)"] }
            problem = recorder.problem(ofEndAfter: progress.step, others: failures)
            observer.runEnded(summary, directory: recorder.directory.path)
        }
        try agreeOnFiles(problem: problem)
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
            options: options, worldSize: communicator.size, dataFingerprint: hexadecimal(fingerprint),
            kernels: kernels, network: mlp.network)
    }

    /// Whether a checkpoint is due: during a step, of the state after it; else of that at the end of an epoch.
    private func isDue(_ progress: Progress, _ checkpoints: CheckpointTimes, duringStep: Bool) -> Bool {
        // The last state is always kept.
        if progress.epoch == configuration.epochs { return true }
        return switch options.checkpointInterval {
        case .epochs(let count): !duringStep && progress.epoch % count == 0
        case .steps(let count): (progress.step + (duringStep ? 1 : 0)) % count == 0
        case .seconds(let seconds): (ContinuousClock.now - checkpoints.last) / .seconds(1) >= seconds
        }
    }

    func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
