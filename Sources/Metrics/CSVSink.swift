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
