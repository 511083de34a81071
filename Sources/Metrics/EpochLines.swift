internal import DurableFiles
internal import Foundation

/// A text file with a line per epoch, and perhaps a header line.
struct EpochLines {
    let path: String
    /// What opening had to repair.
    private(set) var notes: [String] = []

    private var lines: AppendBuffer

    init(
        path: String, opening: MetricsOpening, header: String?,
        parsing parse: (ArraySlice<UInt8>) -> RecordLine?
    ) throws(MetricsError) {
        self.path = path
        let headerLine = Data((header.map { $0 + "\n" } ?? "").utf8)
        do {
            var isNew = true
            if case .continuing(let position) = opening, let old = try Self.contents(of: path) {
                notes = try Self.cut(old, at: path, after: position, headerLine: headerLine, parsing: parse)
                isNew = false
            }
            let file = try AppendFile(path: path, truncating: isNew)
            if file.size == 0 { try file.appendContents(of: headerLine) }
            lines = AppendBuffer(file)
        } catch {
            throw MetricsError(error, path: path, operation: "open")
        }
    }

    /// Drops the lines that were recorded after `position`, and damaged ones; the file is replaced as a whole.
    private static func cut(
        _ old: Data, at path: String, after position: MetricsPosition, headerLine: Data,
        parsing parse: (ArraySlice<UInt8>) -> RecordLine?
    ) throws(FileError) -> [String] {
        let kept = KeptLines(
            old.starts(with: headerLine) ? old.dropFirst(headerLine.count) : old,
            keeping: { $0.epoch <= position.epoch && $0.step <= position.step }, parsing: parse)
        let new = headerLine + kept.text
        if new != old { try Files.replace(path, with: new) }
        return kept.malformed > 0 ? ["\(path): dropped \(kept.malformed) damaged line(s)"] : []
    }

    /// Writes a line; one that could not be written is kept and tried again with the next.
    mutating func append(_ line: String) throws(MetricsError) {
        do throws(FileError) {
            try lines.add(Data((line + "\n").utf8))
            try lines.write()
        } catch {
            throw MetricsError(error, path: path, operation: "write")
        }
    }

    mutating func flush() throws(MetricsError) {
        do { try lines.synchronize() } catch { throw MetricsError(error, path: path, operation: "write") }
    }

    private static func contents(of path: String) throws(FileError) -> Data? {
        do throws(FileError) { return try Files.read(path) } catch {
            if error.isNotFound { return nil }
            throw error
        }
    }
}

/// `metrics.csv`: a header row and a row per epoch, with an empty field where there is no value.
///
/// Columns: epoch, step, learning_rate, train_loss, train_accuracy, validation_loss, validation_accuracy, seconds,
/// images_per_second. Numbers are the shortest decimals that read back the same; a value that is not finite is `nan`,
/// `inf` or `-inf`. A row is handed to the operating system at once.
public final class CSVSink: MetricsSink {
    private static let header =
        EpochRecord(
            epoch: 0, step: 0, learningRate: 0, trainLoss: 0, trainAccuracy: 0, seconds: 0, imagesPerSecond: 0
        ).fields.csvHeader

    private var lines: EpochLines

    /// Opens the file.
    ///
    /// - Throws: `MetricsError`.
    public init(path: String, opening: MetricsOpening = .new) throws(MetricsError) {
        lines = try EpochLines(path: path, opening: opening, header: Self.header) { RecordLine(csv: $0) }
    }

    /// What had to be repaired when the file was opened: lines for the user.
    public var notes: [String] { lines.notes }

    /// Steps have no row.
    public func recordStep(_ record: StepRecord) {}

    /// Writes the epoch's row.
    ///
    /// - Throws: `MetricsError`; the row is kept and written with the next.
    public func recordEpoch(_ record: EpochRecord) throws(MetricsError) {
        try lines.append(record.fields.csv)
    }

    /// Waits until all rows have reached the storage.
    ///
    /// - Throws: `MetricsError`.
    public func flush() throws(MetricsError) { try lines.flush() }

    /// Flushes for the last time.
    ///
    /// - Throws: `MetricsError`.
    public func close() throws(MetricsError) { try lines.flush() }
}

/// `metrics.jsonl`: a JSON object per line and epoch, with the keys of the columns of `CSVSink`.
///
/// Numbers are the shortest decimals that read back the same. A value that is not there is null; so is one that is not
/// finite, for which JSON has no notation, and then the key `non_finite` says what it was:
/// `"non_finite":{"train_loss":"nan"}`. A line is handed to the operating system at once.
public final class JSONLinesSink: MetricsSink {
    private var lines: EpochLines

    /// Opens the file.
    ///
    /// - Throws: `MetricsError`.
    public init(path: String, opening: MetricsOpening = .new) throws(MetricsError) {
        lines = try EpochLines(path: path, opening: opening, header: nil) { RecordLine(json: $0) }
    }

    /// What had to be repaired when the file was opened: lines for the user.
    public var notes: [String] { lines.notes }

    /// Steps have no line.
    public func recordStep(_ record: StepRecord) {}

    /// Writes the epoch's line.
    ///
    /// - Throws: `MetricsError`; the line is kept and written with the next.
    public func recordEpoch(_ record: EpochRecord) throws(MetricsError) {
        try lines.append(record.fields.json)
    }

    /// Waits until all lines have reached the storage.
    ///
    /// - Throws: `MetricsError`.
    public func flush() throws(MetricsError) { try lines.flush() }

    /// Flushes for the last time.
    ///
    /// - Throws: `MetricsError`.
    public func close() throws(MetricsError) { try lines.flush() }
}
