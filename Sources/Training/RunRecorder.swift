internal import Checkpoints
internal import DataParallel
internal import Foundation
internal import MLPEngine
internal import Metrics
internal import Synchronization
internal import Tensors

/// Rank 0's files: configuration, metrics, checkpoints and summary of a run.
///
/// A file that cannot be written is reported once and tried again with the next record; training goes on.
final class RunRecorder {
    let directory: RunDirectory

    private let configurationText: String
    private let configuration: TrainingConfiguration
    private let options: RunOptions
    private let worldSize: Int
    private let dataFingerprint: String
    private let model: ModelTensors
    private let sinks: [any MetricsSink]
    private let writer: CheckpointWriter
    private let events = EventQueue()
    private unowned let observer: any TrainingObserver
    private var reportedFailures = Set<String>()

    /// Creates or continues the run directory and opens its files.
    ///
    /// - Throws: Where that is not possible.
    init(
        directory: RunDirectory, continuing position: CheckpointMetadata.Position?,
        configuration: TrainingConfiguration, options: RunOptions, worldSize: Int, dataFingerprint: String,
        network: Sequential, observer: any TrainingObserver
    ) throws {
        self.directory = directory
        self.configuration = configuration
        self.options = options
        self.worldSize = worldSize
        self.dataFingerprint = dataFingerprint
        self.observer = observer
        model = ModelTensors(network: network)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        configurationText = String(decoding: try encoder.encode(configuration), as: UTF8.self)

        let store = CheckpointStore(directory: directory.checkpoints)
        var opening = MetricsOpening.new
        if let position, directory.holdsRun {
            opening = .continuing(.init(epoch: position.epoch, step: position.step))
            try store.setAside(after: position.step)
        } else {
            try directory.create()
        }
        try directory.write(configuration, to: directory.configuration)
        let csv = try CSVSink(path: directory.metricsCSV, opening: opening)
        let lines = try JSONLinesSink(path: directory.metricsJSONL, opening: opening)
        let steps = try StepLog(path: directory.steps, opening: opening)
        for note in csv.notes + lines.notes + steps.notes { observer.note(note) }
        sinks = [csv, lines, steps, try TensorBoardSink(directory: directory.path, opening: opening)]
        writer = try CheckpointWriter(
            store: store, level: options.compressionLevel, keepLast: options.keepLast
        ) { [events] event in events.append(event) }
    }

    func record(_ step: StepRecord) {
        forEachSink { try $0.recordStep(step) }
    }

    func record(_ epoch: EpochRecord) {
        forEachSink { try $0.recordEpoch(epoch) }
    }

    /// Takes a snapshot and hands it to the writer's thread.
    func checkpoint(_ replica: Replica<Float>, _ progress: Progress, best: BestModel) throws {
        var tensors = try modelTensors(replica, progress)
        if let velocity = replica.velocity { tensors += try model.tensors(velocity: velocity) }
        if let result = best.result, result.step != progress.step {
            tensors += try model.tensors(
                parameters: best.parameters.vector, runningStatistics: best.runningStatistics.vector,
                batches: result.step, prefix: ModelTensors.bestPrefix)
        }
        let metadata = CheckpointMetadata(
            configuration: configurationText, logicalShards: configuration.logicalShards ?? 0,
            position: progress.position, bestValidation: best.result, dataFingerprint: dataFingerprint,
            blasKernel: BLAS.kernelName, worldSize: worldSize, programVersion: options.programVersion,
            additional: progress.additional)
        // What the checkpoint's position says must be in the logs when somebody goes on from it.
        forEachSink { try $0.flush() }
        writer.submit(
            Checkpoint(tensors: tensors, metadata: metadata), protecting: best.result.map { [$0.step] } ?? [])
        reportEvents()
    }

    /// The digest of the model's tensors.
    func digest(_ replica: Replica<Float>, _ progress: Progress) throws -> String {
        TensorDigest.sha256(of: try modelTensors(replica, progress))
    }

    /// Writes the summary and closes all files, waiting for the last checkpoint.
    func finish(_ summary: RunSummary) throws {
        close()
        try directory.write(summary, to: directory.summary)
    }

    /// Closes all files, waiting for the last checkpoint.
    func close() {
        writer.finish()
        reportEvents()
        forEachSink { try $0.close() }
    }

    private func modelTensors(_ replica: Replica<Float>, _ progress: Progress) throws -> [NamedTensor] {
        try model.tensors(
            parameters: replica.parameters, runningStatistics: replica.runningStatistics,
            batches: progress.step)
    }

    private func forEachSink(_ body: (any MetricsSink) throws -> Void) {
        for sink in sinks {
            do { try body(sink) } catch { report(once: "\(error)") }
        }
    }

    private func reportEvents() {
        for event in events.drain() {
            switch event {
            case .written: break
            case .failed(let step, let error): observer.note("no checkpoint of step \(step): \(error)")
            case .retentionFailed(let error): report(once: "old checkpoints stay: \(error)")
            }
        }
    }

    private func report(once text: String) {
        if reportedFailures.insert(text).inserted { observer.note(text) }
    }
}

/// What the checkpoint writer's thread has to say, until the training thread listens.
private final class EventQueue: Sendable {
    private let events = Mutex<[CheckpointWriter.Event]>([])

    func append(_ event: CheckpointWriter.Event) {
        events.withLock { $0.append(event) }
    }

    func drain() -> [CheckpointWriter.Event] {
        events.withLock { events in
            defer { events = [] }
            return events
        }
    }
}
