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
