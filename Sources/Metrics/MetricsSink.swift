/// Something that takes the records of a run: a file or the console.
///
/// A sink is used by one thread at a time. It keeps what it could not write and tries it again, in order: after an error
/// the caller goes on with the next record. Of what waits for room it keeps up to 256 MiB, and drops what comes after that.
public protocol MetricsSink: AnyObject {
    /// Takes the record of a step. Steps come in ascending order.
    ///
    /// - Throws: `MetricsError` if an earlier or this record could not be written.
    func recordStep(_ record: StepRecord) throws

    /// Takes the record of an epoch, after its steps.
    ///
    /// - Throws: `MetricsError` if an earlier or this record could not be written.
    func recordEpoch(_ record: EpochRecord) throws

    /// Returns when all that was recorded has reached the storage. A run calls it before it writes a checkpoint,
    /// so that no step is missing when it is resumed from there.
    ///
    /// - Throws: `MetricsError` if something could not be written; it is tried again at the next call.
    func flush() throws

    /// Flushes for the last time; nothing may be recorded afterwards.
    ///
    /// - Throws: `MetricsError` as `flush` does.
    func close() throws
}
