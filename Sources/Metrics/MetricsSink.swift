internal import DurableFiles
public import Foundation
public import Images
internal import ZstdFrames

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

    /// Takes what a run that was asked for it has found inside of its model after an epoch, behind the epoch's own record.
    ///
    /// - Parameters:
    ///   - diagnostics: What was found.
    ///   - weights: A picture of the first layer's weights, where they make one.
    /// - Throws: `MetricsError` if an earlier or this record could not be written.
    func recordDiagnostics(_ diagnostics: EpochDiagnostics, weights: RasterImage?) throws

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

extension MetricsSink {
    /// A sink that says nothing else has no place for it.
    public func recordDiagnostics(_ diagnostics: EpochDiagnostics, weights: RasterImage?) throws {}
}

/// Why a file of records could not be read or written.
public struct MetricsError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
    /// The file.
    public let path: String
    /// What was tried, as a verb: "write", "open".
    public let operation: String
    /// Why it failed.
    public let reason: String

    /// "cannot write runs/a/metrics.csv: No space left on device".
    public var description: String { "cannot \(operation) \(path): \(reason)" }

    /// The same as `description`.
    public var errorDescription: String? { description }

    init(path: String, operation: String, reason: String) {
        self.path = path
        self.operation = operation
        self.reason = reason
    }

    init(_ error: any Error, path: String, operation: String) {
        if let error = error as? FileError {
            self.init(path: error.path, operation: error.operation, reason: error.reason)
        } else {
            self.init(path: path, operation: operation, reason: "\(error)")
        }
    }
}
