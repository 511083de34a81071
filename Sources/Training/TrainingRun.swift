internal import Checkpoints
internal import Collectives
internal import DataParallel
internal import Datasets
internal import Foundation
internal import MLPEngine
internal import Metrics
internal import SystemLimits
internal import Tensors

/// A run that has begun: its phases, each of which every rank must call, and what they change.
final class TrainingRun {
    let stepsPerEpoch: Int
    /// Rank 0's files.
    let recorder: RunRecorder?
    private(set) var progress: Progress

    private let trainer: Trainer
    private let runner: StepRunner
    private let loader: BatchLoader
    private let validationSet: Evaluator
    private let testSet: Evaluator
    /// Training records, where the mean of the weights needs running statistics of its own.
    private let statisticsSet: Evaluator?
    private let replicas: ReplicaCheck
    private let best: BestModel
    private let diagnostics: Diagnostics?
    private let schedule: LearningRateSchedule
    private let clock = ContinuousClock()
    private var checkpoints: CheckpointTimes
    private var totals = RunTotals()

    private var model: ModelState<Float> { runner.model }
    private var configuration: TrainingConfiguration { trainer.configuration }
    private var options: RunOptions { trainer.options }
    private var observer: any TrainingObserver { trainer.observer }

    init(
        trainer: Trainer, runner: StepRunner, loader: BatchLoader, stepsPerEpoch: Int, validation: Evaluator,
        test: Evaluator, statistics: Evaluator?, replicas: ReplicaCheck, best: BestModel,
        diagnostics: Diagnostics?,
        recorder: RunRecorder?, progress: Progress
    ) {
        self.trainer = trainer
        self.runner = runner
        self.loader = loader
        self.stepsPerEpoch = stepsPerEpoch
        validationSet = validation
        testSet = test
        statisticsSet = statistics
        self.replicas = replicas
        self.best = best
        self.diagnostics = diagnostics
        self.recorder = recorder
        self.progress = progress
        schedule = trainer.configuration.learningRateSchedule
        checkpoints = CheckpointTimes(last: clock.now)
    }

    func beginEpoch() {
        loader.beginEpoch(progress.epoch)
        diagnostics?.epochBegins(runner.times)
    }

    /// Takes a step and records it, and a checkpoint if one is due.
    ///
    /// - Returns: What any rank has asked for.
    func takeStep() throws -> StepRequests {
        let (start, epoch) = (clock.now, progress.epoch + 1)
        let rate = schedule.rate(atStep: progress.step, stepsPerEpoch: stepsPerEpoch)
        RankActivity.hasTaken(steps: progress.step)
        diagnostics?.stepBegins(progress, model.parameters)
        let result = try runner.step(
            progress.step, stepInEpoch: progress.stepInEpoch, learningRate: rate,
            requests: .init(
                stop: options.stopRequested(),
                checkpoint: trainer.isRoot && progress.stepInEpoch + 1 < stepsPerEpoch
                    && isCheckpointDue(duringStep: true)))
        let (loss, seconds) = (result.loss, (clock.now - start) / .seconds(1))
        progress.endStep(loss, seconds: seconds)
        diagnostics?.stepEnded(&progress, model.parameters)
        totals.add(loss.samples, seconds: seconds)
        options.watch(.step(progress.step, loss: loss, model: model))
        guard loss.lossSum.isFinite else { throw divergence(.loss(loss.meanLoss), result.origin) }
        if let origin = result.origin { throw divergence(.gradient, origin) }
        let isDue = result.requests.checkpoint || result.requests.stop
        let isCompared = options.consistencySteps.map { progress.step % $0 == 0 } ?? false
        if isDue || isCompared {
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
                epoch: epoch, step: progress.step, learningRate: rate, loss: loss.meanLoss,
                accuracy: loss.accuracy, seconds: seconds)
            recorder.record(record)
            observer.stepEnded(record)
            if isDue { writeCheckpoint(to: recorder) }
        }
        return result.requests
    }

    /// Ends the run where it was asked to stop, behind the last checkpoint.
    func stop() throws -> RunOutcome {
        let epoch = progress.epoch + 1
        recorder?.close()
        recorder?.takeMessages().forEach(observer.note)
        try trainer.agreeOnFiles(problem: recorder?.problem(ofStopAfter: progress.step, epoch: epoch))
        return .stopped(epoch: epoch, step: progress.step, directory: recorder?.directory.path ?? "")
    }

    /// Evaluates the model on the validation records, and records the epoch, and a checkpoint if one is due.
    func endEpoch() throws {
        let epoch = progress.epoch + 1
        RankActivity.hasTaken(steps: progress.step)
        RankActivity.enter(.evaluating)
        try averageEpoch(epoch)
        // Nothing behind the last step would see what it has come to.
        try replicas.check(epoch: epoch, step: progress.step)
        let (parameters, statistics) = judgedModel(afterEpochs: epoch)
        let result =
            configuration.validationSize > 0
            ? try validationSet.evaluate(parameters: parameters, runningStatistics: statistics) : nil
        if let result { options.watch(.validation(epoch: epoch, loss: result)) }
        if let loss = result?.meanLoss, !loss.isFinite { throw divergence(.validationLoss(loss)) }
        if let result {
            try best.consider(
                parameters: parameters, runningStatistics: statistics, validation: result, epoch: epoch,
                step: progress.step)
        }
        let record = EpochRecord(
            epoch: epoch, step: progress.step,
            learningRate: schedule.rate(atStep: progress.step - 1, stepsPerEpoch: stepsPerEpoch),
            trainLoss: progress.totals.meanLoss, trainAccuracy: progress.totals.accuracy,
            validationLoss: result?.meanLoss, validationAccuracy: result?.accuracy,
            seconds: progress.seconds,
            imagesPerSecond: Double(progress.totals.samples) / progress.seconds)
        let inside = try diagnostics?.gather(model, progress, runner.times)
        progress.endEpoch()
        guard let recorder else { return }
        recorder.record(record)
        if let inside { recorder.record(inside.record, weights: inside.weights) }
        observer.epochEnded(record)
        if isCheckpointDue(duringStep: false) { writeCheckpoint(to: recorder) }
        recorder.takeMessages().forEach(observer.note)
    }

    /// Takes the epoch's weights into a mean over epochs, and statistics with it. Collective: every rank must call it.
    private func averageEpoch(_ epoch: Int) throws {
        guard let share = configuration.averaging.share(afterEpoch: epoch) else { return }
        try model.average(share: share)
        if let averaged = model.averaged, let statisticsSet {
            try model.setAveragedStatistics(
                statisticsSet.batchStatistics(parameters: averaged.parameters))
        }
    }

    /// What is validated and tested after so many epochs: the mean of the weights where there is one, else the model itself.
    private func judgedModel(
        afterEpochs epochs: Int
    ) -> (parameters: Vector<Float>, runningStatistics: Vector<Float>) {
        guard let averaged = model.averaged, configuration.averaging.hasAverage(afterEpochs: epochs) else {
            return (model.parameters, model.runningStatistics)
        }
        return (averaged.parameters, averaged.runningStatistics)
    }

    /// Tests the model that was best on validation, without validation the last one, if it is to be tested, and writes the
    /// summary.
    func test() throws -> RunOutcome {
        // The last checkpoint first, as the test may take long and can be repeated. The other ranks know that it is there
        // when the test is over.
        RankActivity.enter(.saving)
        if let recorder {
            recorder.close()
            options.stepsEnd()
        }
        RankActivity.enter(.evaluating)
        let tested = best.result
        let last = judgedModel(afterEpochs: progress.epoch)
        let parameters = tested == nil ? last.parameters : best.weights.parameters.vector
        let statistics = tested == nil ? last.runningStatistics : best.weights.runningStatistics.vector
        let result =
            try options.isTested
            ? testSet.evaluate(parameters: parameters, runningStatistics: statistics) : nil
        let testViews = options.isTested ? options.testViews : nil
        let views = try testViews.map {
            try testSet.evaluate(views: $0, parameters: parameters, runningStatistics: statistics)
        }
        let own =
            configuration.averaging == .none || !options.isTested
            ? nil
            : try testSet.evaluate(
                parameters: model.parameters, runningStatistics: model.runningStatistics)
        if recorder == nil { options.stepsEnd() }
        for loss in [result, views, own].compactMap({ $0?.meanLoss }) where !loss.isFinite {
            throw Divergence(
                epoch: progress.epoch, step: progress.step, quantity: .testLoss(loss), place: nil,
                shouldReport: trainer.isRoot)
        }
        let peaks = try trainer.communicator.allgather(Int64(PeakMemory.bytes ?? 0)).map(Int.init)
        var summary = RunSummary(
            testAccuracy: result?.accuracy, testLoss: result?.meanLoss, testViews: testViews,
            testViewsAccuracy: views?.accuracy, testViewsLoss: views?.meanLoss,
            ownTestAccuracy: own?.accuracy, ownTestLoss: own?.meanLoss,
            bestEpoch: tested?.epoch ?? progress.epoch, bestValidationAccuracy: tested?.accuracy,
            parameterCount: model.mlp.parameterCount,
            tensorsSHA256: try trainer.isRoot ? digest() : "",
            averagedSHA256: try trainer.isRoot ? averagedDigest() : nil,
            worldSize: trainer.communicator.size, logicalShards: trainer.assignment.shardCount,
            epochs: progress.epoch, trainSeconds: totals.seconds, imagesPerSecond: totals.imagesPerSecond,
            checkpointPauseSeconds: checkpoints.longestPause,
            peakMemoryBytes: peaks.contains(0) ? nil : peaks)
        var problem: String?
        if let recorder {
            recorder.takeMessages().forEach(observer.note)
            let incidents = recorder.directory.incidents
            if !incidents.isEmpty { summary.incidents = incidents.count }
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
        try trainer.agreeOnFiles(problem: problem)
        return .finished(summary)
    }

    /// The digest of the model's tensors.
    private func digest() throws -> String {
        try digest(parameters: model.parameters, runningStatistics: model.runningStatistics)
    }

    /// That of the mean of the weights; nil without one.
    private func averagedDigest() throws -> String? {
        try model.averaged.map {
            try digest(parameters: $0.parameters, runningStatistics: $0.runningStatistics)
        }
    }

    private func digest(parameters: Vector<Float>, runningStatistics: Vector<Float>) throws -> String {
        TensorDigest.sha256(
            of: try ModelTensors(network: model.mlp.network).tensors(
                parameters: parameters, runningStatistics: runningStatistics, batches: progress.step,
                of: model))
    }

    private func writeCheckpoint(to recorder: RunRecorder) {
        RankActivity.enter(.saving)
        checkpoints.measure(clock) { recorder.checkpoint(model, progress, best: best) }
    }

    /// Whether a checkpoint is due: during a step, of the state after it; else of that at the end of an epoch.
    private func isCheckpointDue(duringStep: Bool) -> Bool {
        // The last state is always kept.
        if progress.epoch == configuration.epochs { return true }
        return switch options.checkpointInterval {
        case .epochs(let count): !duringStep && progress.epoch % count == 0
        case .steps(let count): (progress.step + (duringStep ? 1 : 0)) % count == 0
        case .seconds(let seconds): (clock.now - checkpoints.last) / .seconds(1) >= seconds
        }
    }

    private func divergence(
        _ quantity: Divergence.Quantity, _ origin: NonFiniteOrigin? = nil
    ) -> Divergence {
        // The step has been counted.
        let place = origin.map { origin in
            Divergence.Place(
                origin,
                record: origin.row.map { loader.record(step: progress.stepInEpoch - 1, row: $0) },
                placement: trainer.communicator.placement)
        }
        return Divergence(
            epoch: progress.epoch + 1, step: progress.step, quantity: quantity, place: place,
            shouldReport: trainer.isRoot)
    }
}
