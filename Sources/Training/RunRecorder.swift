internal import Checkpoints
internal import DataParallel
internal import Datasets
internal import Foundation
package import Images
package import Metrics
internal import MLPEngine
internal import Synchronization
internal import Tensors
package import Threads

/// Rank 0's files: configuration, metrics, checkpoints and summary of a run.
///
/// Training hands over records and snapshots and goes on; a queue of its own writes them, in order, so that whatever
/// a checkpoint's position says is in the logs before the checkpoint is there. A file that cannot be written is
/// reported once and tried again with later records; training goes on.
final class RunRecorder {
    var directory: RunDirectory { lock.directory }
    /// Why records could not be written even when the files were closed.
    private(set) var unwrittenRecords: [String] = []

    /// Held for as long as anything is written.
    private let lock: RunLock
    private let configurationText: String
    private let configuration: TrainingConfiguration
    private let options: RunOptions
    private let worldSize: Int
    private let dataFingerprint: String
    private let whiteningSHA256: String?
    private let arithmetic: Arithmetic
    private let layout: ModelTensors
    private let writer: CheckpointWriter
    private let files: FileQueue
    private let messages: MessageBox
    private let failures: CheckpointFailures
    private let snapshots: SnapshotPool
    private var pendingSteps: [StepRecord] = []
    private var isClosed = false

    /// Opens the files in a run directory, new ones or those of a run that goes on.
    ///
    /// - Throws: Where that is not possible.
    init(
        lock: RunLock, continuing position: CheckpointMetadata.Position?,
        configuration: TrainingConfiguration, options: RunOptions, worldSize: Int, dataFingerprint: String,
        whiteningSHA256: String?, arithmetic: Arithmetic, network: Sequential
    ) throws {
        self.lock = lock
        let directory = lock.directory
        self.configuration = configuration
        self.options = options
        self.worldSize = worldSize
        self.dataFingerprint = dataFingerprint
        self.whiteningSHA256 = whiteningSHA256
        self.arithmetic = arithmetic
        layout = ModelTensors(network: network, optimizer: configuration.optimizer)
        snapshots = try SnapshotPool(
            network: network, optimizer: configuration.optimizer, averages: configuration.averaging != .none)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        configurationText = String(decoding: try encoder.encode(configuration), as: UTF8.self)

        let store = CheckpointStore(directory: directory.checkpoints)
        var opening = MetricsOpening.new
        if let position {
            opening = .continuing(.init(epoch: position.epoch, step: position.step))
            directory.removeLeftovers()
            // First of all, so that it never stands beside a run that has more before it.
            if try position.epoch < configuration.epochs
                || store.list().contains(where: { $0.step > position.step })
            {
                try directory.setAsideSummary()
            }
            try store.setAside(after: position.step)
        }
        try directory.write(configuration, to: directory.configuration)
        let csv = try CSVSink(path: directory.metricsCSV, opening: opening)
        let lines = try JSONLinesSink(path: directory.metricsJSONL, opening: opening)
        let steps = try StepLog(path: directory.steps, opening: opening)
        let events = try TensorBoardSink(directory: directory.path, opening: opening)
        // What a run left that had diagnostics until now is cut like all else, whether it goes on with them or not.
        let inside =
            options.diagnostics || (position != nil && directory.holdsDiagnostics)
            ? try Self.diagnostics(of: directory, opening, classes: configuration.format.classNames) : []
        let messages = MessageBox(
            lock.notes + csv.notes + lines.notes + steps.notes + inside.flatMap(\.notes))
        self.messages = messages
        files = try FileQueue(sinks: [csv, lines, steps, events] + inside, messages: messages)
        let failures = CheckpointFailures()
        self.failures = failures
        writer = try CheckpointWriter(
            store: store, level: options.compressionLevel, keepLast: options.keepLast
        ) { event in
            switch event {
            case .written: break
            case .failed(let step, let error):
                failures.record("\(error)", step: step)
                messages.append("no checkpoint of step \(step): \(error)")
            case .retentionFailed(let error): messages.append("old checkpoints stay: \(error)")
            }
        }
        pendingSteps.reserveCapacity(Self.stepsPerHandover)
    }

    private static func diagnostics(
        of directory: RunDirectory, _ opening: MetricsOpening, classes: [String]
    ) throws -> [DiagnosticsFile] {
        [
            try .json(path: directory.diagnostics, opening: opening),
            try .layers(path: directory.layersCSV, opening: opening),
            try .classes(path: directory.classesCSV, names: classes, opening: opening),
        ]
    }

    private static let stepsPerHandover = 256

    /// What went wrong since the last call, in lines for people.
    func takeMessages() -> [String] { messages.take() }

    func record(_ step: StepRecord) {
        pendingSteps.append(step)
        if pendingSteps.count == Self.stepsPerHandover { handOverSteps() }
    }

    func record(_ epoch: EpochRecord) {
        handOverSteps()
        files.record(epoch)
    }

    func record(_ diagnostics: EpochDiagnostics, weights: RasterImage?) {
        files.record(diagnostics, weights: weights)
    }

    /// Takes a snapshot and has it written behind everything recorded so far. Waits only while two earlier ones are
    /// still under way.
    func checkpoint(_ model: ModelState<Float>, _ progress: Progress, best: BestModel) {
        let metadata = CheckpointMetadata(
            configuration: configurationText, logicalShards: configuration.logicalShards ?? 0,
            position: progress.position, bestValidation: best.result, dataFingerprint: dataFingerprint,
            whiteningSHA256: whiteningSHA256, arithmetic: "\(arithmetic)", worldSize: worldSize,
            programVersion: options.programVersion,
            additional: progress.additional)
        let snapshot = snapshots.take()
        snapshot.capture(
            model, hasAverage: configuration.averaging.hasAverage(afterEpochs: progress.epoch), best: best,
            step: progress.step)
        handOverSteps()
        files.flush()
        files.afterAll { [writer, layout, snapshots, messages, failures] in
            do {
                let tensors = try snapshot.tensors(layout, metadata: metadata)
                writer.submit(
                    Checkpoint(tensors: tensors, metadata: metadata),
                    protecting: metadata.bestValidation.map { [$0.step] } ?? [],
                    release: { snapshots.giveBack(snapshot) })
            } catch {
                snapshots.giveBack(snapshot)
                failures.record("\(error)", step: metadata.position.step)
                messages.append("no checkpoint of step \(metadata.position.step): \(error)")
            }
        }
    }

    /// Writes the summary of a run that has come to its end.
    func write(_ summary: RunSummary) throws {
        try directory.write(summary, to: directory.summary)
    }

    /// Closes all files, waiting for the last checkpoint. May be called twice.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        handOverSteps()
        unwrittenRecords = files.close()
        writer.finish()
    }

    /// Why there is no checkpoint after `step` steps; nil if none was to be written or it was. After `close`.
    func checkpointFailure(ofStep step: Int) -> String? { failures.reason(ofStep: step) }

    /// The name of the newest checkpoint there is from before `step`.
    func newestCheckpoint(before step: Int) -> String? {
        let entries = (try? CheckpointStore(directory: directory.checkpoints).list()) ?? []
        return entries.last { $0.step < step }?.name
    }

    private func handOverSteps() {
        guard !pendingSteps.isEmpty else { return }
        let steps = pendingSteps
        pendingSteps.removeAll(keepingCapacity: true)
        files.record(steps)
    }
}

/// The last checkpoint that could not be written; for any thread.
private final class CheckpointFailures: Sendable {
    private let last = Mutex<(step: Int, reason: String)?>(nil)

    func record(_ reason: String, step: Int) { last.withLock { $0 = (step, reason) } }

    func reason(ofStep step: Int) -> String? {
        last.withLock { $0.flatMap { $0.step == step ? $0.reason : nil } }
    }
}

/// The metric files of a run, written in order on a queue of their own.
///
/// What a file's sink throws becomes a message; the other files, and the records behind that one, go on as if nothing had
/// happened.
///
/// `@unchecked Sendable` rests on this: the sinks are touched on the queue alone.
package final class FileQueue: @unchecked Sendable {
    private let sinks: [any MetricsSink]
    private let messages: MessageBox
    private let queue: SerialThread

    /// - Throws: `ThreadError`.
    package init(sinks: [any MetricsSink], messages: MessageBox) throws(ThreadError) {
        queue = try SerialThread("run files")
        self.sinks = sinks
        self.messages = messages
    }

    package func record(_ steps: [StepRecord]) {
        queue.async { [self] in
            for sink in sinks {
                // One by one: a sink that cannot write keeps the record for which it says so, and no other.
                for step in steps { attempt { try sink.recordStep(step) } }
            }
        }
    }

    package func record(_ epoch: EpochRecord) {
        queue.async { [self] in
            for sink in sinks { attempt { try sink.recordEpoch(epoch) } }
        }
    }

    package func record(_ diagnostics: EpochDiagnostics, weights: RasterImage?) {
        queue.async { [self] in
            for sink in sinks { attempt { try sink.recordDiagnostics(diagnostics, weights: weights) } }
        }
    }

    /// Has everything recorded so far brought to the storage.
    package func flush() {
        queue.async { [self] in
            for sink in sinks { attempt { try sink.flush() } }
        }
    }

    /// Has `body` called behind everything enqueued so far.
    package func afterAll(_ body: @escaping @Sendable () -> Void) {
        queue.async(execute: body)
    }

    /// Closes all files and waits for that.
    ///
    /// - Returns: What could not be written even now, in a line for each file.
    package func close() -> [String] {
        queue.sync { sinks.compactMap { sink in attempt { try sink.close() } } }
    }

    /// Calls `body`; an error becomes a message, which is returned.
    @discardableResult
    private func attempt(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            messages.append("\(error)")
            return "\(error)"
        }
    }
}

/// Messages for people, each kept once, until somebody takes them; for any thread.
package final class MessageBox: Sendable {
    private struct State {
        var waiting: [String]
        var seen: Set<String>
    }

    private let state: Mutex<State>

    package init(_ messages: [String]) {
        state = Mutex(State(waiting: messages, seen: Set(messages)))
    }

    package func append(_ message: String) {
        state.withLock { state in
            if state.seen.insert(message).inserted { state.waiting.append(message) }
        }
    }

    package func take() -> [String] {
        state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
    }
}
