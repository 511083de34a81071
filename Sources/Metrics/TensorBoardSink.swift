internal import DurableFiles
internal import Foundation
public import Images

/// `events.out.tfevents.<time>.<host>.<pid>`: scalars, histograms and pictures that TensorBoard shows.
///
/// Tags: of an epoch `loss/train`, `accuracy/train`, `loss/validation`, `accuracy/validation`, `images_per_second`; of a
/// step `loss/step`, `accuracy/step`, `learning_rate`. Of an epoch's diagnostics, with the layer's, tensor's or class's name
/// behind a further "/": scalars `activations/mean`, `activations/variance`, `dead_units`, `norms/weight`, `norms/gradient`,
/// `norms/update`, `classes/precision`, `classes/recall`, `classes/f1`; histograms `outputs`, `weights`; the picture
/// `first_layer/weights`. The horizontal axis is the step. Values that are not finite are
/// written as they are: TensorBoard marks them.
///
/// A run that goes on writes a new file; its session start makes TensorBoard drop what older files hold of later steps.
public final class TensorBoardSink: MetricsSink {
    private static let prefix = "events.out.tfevents."

    /// The file.
    public let path: String

    private let stepInterval: Int
    private let secondsPerFlush: Double
    private var events: AppendBuffer
    private var flushed = ContinuousClock.now
    private var hasSteps = false

    /// Creates the file.
    ///
    /// - Parameters:
    ///   - directory: The folder in which the file is created.
    ///   - opening: Whether the run begins or goes on; no older file is changed either way.
    ///   - stepInterval: Steps whose number is a multiple of this are written.
    ///   - secondsPerFlush: Events are written to the file at most this long after they were recorded, while steps
    ///     go on.
    /// - Throws: `MetricsError`.
    public init(
        directory: String, opening: MetricsOpening = .new, stepInterval: Int = 10, secondsPerFlush: Double = 5
    ) throws(MetricsError) {
        self.stepInterval = max(1, stepInterval)
        self.secondsPerFlush = secondsPerFlush
        do throws(FileError) {
            // TensorBoard reads the files in order of their names: a new one must come last even within a second.
            let times = try Files.names(in: directory).compactMap { Self.time(in: $0) }
            let now = Int(Date().timeIntervalSince1970)
            let time = max(now, (times.max() ?? 0) + 1)
            let process = ProcessInfo.processInfo
            let host = process.hostName.replacingOccurrences(of: "/", with: "_")
            path = "\(directory)/\(Self.prefix)\(time).\(host).\(process.processIdentifier)"
            events = AppendBuffer(try AppendFile(creating: path))
        } catch {
            throw MetricsError(error, path: directory, operation: "open")
        }
        try add(.fileVersion("brain.Event:2"), step: 0)
        if case .continuing(let position) = opening {
            // TensorBoard drops what has this step or a later one.
            try add(.sessionStart, step: position.step + 1)
        }
        try flush()
    }

    /// Records the step's scalars if its number is a multiple of the interval.
    ///
    /// - Throws: `MetricsError`; what could not be written is kept and tried again.
    public func recordStep(_ record: StepRecord) throws(MetricsError) {
        guard record.step % stepInterval == 0 else { return }
        hasSteps = true
        try add(
            [
                ("loss/step", record.loss), ("accuracy/step", record.accuracy),
                ("learning_rate", record.learningRate),
            ], step: record.step)
        if (ContinuousClock.now - flushed) / .seconds(1) >= secondsPerFlush { try write() }
    }

    /// Records and writes the epoch's scalars.
    ///
    /// - Throws: `MetricsError`; what could not be written is kept and tried again.
    public func recordEpoch(_ record: EpochRecord) throws(MetricsError) {
        var scalars = [
            ("loss/train", record.trainLoss), ("accuracy/train", record.trainAccuracy),
            ("images_per_second", record.imagesPerSecond),
        ]
        if let loss = record.validationLoss { scalars.append(("loss/validation", loss)) }
        if let accuracy = record.validationAccuracy { scalars.append(("accuracy/validation", accuracy)) }
        // A tag has one value at a step: where steps are recorded, the learning rate is theirs.
        if !hasSteps { scalars.append(("learning_rate", record.learningRate)) }
        try add(scalars, step: record.step)
        try write()
    }

    /// Records and writes what was found in the model after an epoch. What has no value has no point.
    ///
    /// - Throws: `MetricsError`; what could not be written is kept and tried again.
    public func recordDiagnostics(
        _ diagnostics: EpochDiagnostics, weights: RasterImage?
    ) throws(MetricsError) {
        var scalars: [(tag: String, value: Double)] = []
        for layer in diagnostics.layers {
            scalars.append(("activations/mean/\(layer.name)", layer.mean))
            scalars.append(("activations/variance/\(layer.name)", layer.variance))
            if let dead = layer.deadUnits { scalars.append(("dead_units/\(layer.name)", dead)) }
        }
        for tensor in diagnostics.tensors {
            scalars.append(("norms/weight/\(tensor.name)", tensor.norm))
            scalars.append(("norms/gradient/\(tensor.name)", tensor.gradientNorm))
            scalars.append(("norms/update/\(tensor.name)", tensor.updateNorm))
        }
        if let confusion = diagnostics.confusion {
            for (label, name) in confusion.classes.enumerated() {
                let values = [
                    ("precision", confusion.precision(of: label)), ("recall", confusion.recall(of: label)),
                    ("f1", confusion.f1(of: label)),
                ]
                for (kind, value) in values {
                    if let value { scalars.append(("classes/\(kind)/\(name)", value)) }
                }
            }
        }
        let step = diagnostics.step
        try add(scalars, step: step)
        for layer in diagnostics.layers {
            try add(.histogram(tag: "outputs/\(layer.name)", layer.histogram), step: step)
        }
        for tensor in diagnostics.tensors {
            try add(.histogram(tag: "weights/\(tensor.name)", tensor.histogram), step: step)
        }
        if let weights { try add(weights, tag: "first_layer/weights", step: step) }
        try write()
    }

    private func add(_ picture: RasterImage, tag: String, step: Int) throws(MetricsError) {
        let png: Data
        do { png = try picture.pngData() } catch { throw MetricsError(error, path: path, operation: "write") }
        try add(
            .image(
                tag: tag, width: picture.width, height: picture.height, channels: picture.channels, png: png),
            step: step)
    }

    /// Waits until all events have reached the storage.
    ///
    /// - Throws: `MetricsError`; what could not be written is kept and tried again.
    public func flush() throws(MetricsError) {
        flushed = .now
        do { try events.synchronize() } catch { throw MetricsError(error, path: path, operation: "write") }
    }

    /// Flushes for the last time.
    ///
    /// - Throws: `MetricsError`.
    public func close() throws(MetricsError) { try flush() }

    private func add(_ scalars: [(tag: String, value: Double)], step: Int) throws(MetricsError) {
        try add(.scalars(scalars.map { .init(tag: $0.tag, value: Float($0.value)) }), step: step)
    }

    private func add(_ contents: TensorBoardEvent.Contents, step: Int) throws(MetricsError) {
        let event = TensorBoardEvent(contents, step: step, wallTime: Date().timeIntervalSince1970)
        do { try events.add(TFRecord.framed(event.encoded)) } catch {
            throw MetricsError(error, path: path, operation: "write")
        }
    }

    private func write() throws(MetricsError) {
        flushed = .now
        do { try events.write() } catch { throw MetricsError(error, path: path, operation: "write") }
    }

    private static func time(in name: String) -> Int? {
        guard name.hasPrefix(prefix) else { return nil }
        // A time that no clock can show is another's file.
        return Int(name.dropFirst(prefix.count).prefix { $0 != "." }).flatMap { $0 < 1 << 53 ? $0 : nil }
    }
}
