internal import Checkpoints
internal import DurableFiles
internal import Foundation
package import Metrics
package import Training
internal import ZstdFrames

/// What a run has left in its directory so far, read to be shown.
///
/// A run that is under way, or was killed, can be read too: what is not there yet is missing, and a line that was cut off is
/// left out.
package struct RunRecords: Sendable {
    /// Where it lies.
    package let directory: RunDirectory
    /// `config.json`.
    package let configuration: TrainingConfiguration
    /// `metrics.jsonl`.
    package let epochs: [EpochRecord]
    /// `diagnostics.jsonl`; empty for a run without `--diagnostics`.
    package let diagnostics: [EpochDiagnostics]
    /// `summary.json`; nil for a run that has not come to its end.
    package let summary: RunSummary?
    /// What a person should know: lines that were cut off.
    package let notes: [String]

    /// Why a run directory cannot be shown.
    package struct Failure: Error, CustomStringConvertible, LocalizedError {
        /// One line that names the file or folder, what was expected, and what was found.
        package let description: String
        /// The same as ``description``.
        package var errorDescription: String? { description }

        /// A failure with that message.
        package init(description: String) { self.description = description }
    }

    /// Reads a run directory.
    ///
    /// - Throws: ``Failure`` where it is none, or a file of it holds something else.
    package init(path: String) throws {
        var trimmed = path
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        directory = RunDirectory(path: trimmed)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: trimmed, isDirectory: &isFolder), isFolder.boolValue
        else {
            let found = FileManager.default.fileExists(atPath: trimmed) ? "a file" : "nothing of that name"
            throw Failure(description: "\(path): expected the directory of a run, found \(found)")
        }
        guard let configuration = try directory.readConfiguration() else {
            throw Failure(
                description:
                    "\(path): expected the directory of a run, with config.json in it, found a folder without it"
            )
        }
        self.configuration = configuration
        var notes: [String] = []
        epochs = try Self.lines(of: directory.metricsJSONL, notes: &notes) { (line: EpochLine) in line.record
        }
        diagnostics = try Self.lines(of: directory.diagnostics, notes: &notes) {
            (record: EpochDiagnostics) in record
        }
        summary = directory.storedSummary
        self.notes = notes
    }

    /// `steps.jsonl.zst`: a record per step, of frames that are whole.
    ///
    /// - Throws: ``Failure``, or the file's error.
    package func steps() throws -> [StepRecord] {
        let file: ZstdFrameFile
        do {
            file = try ZstdFrameFile(reading: directory.steps)
        } catch let error as FileError where error.isNotFound {
            return []
        }
        var notes: [String] = []
        return try Self.records(in: file.contents, of: directory.steps, notes: &notes) { (line: StepLine) in
            line.record
        }
    }

    /// The last part of the directory's path.
    package var name: String { URL(fileURLWithPath: directory.path).lastPathComponent }

    /// The file of its newest checkpoint; nil without any.
    package var newestCheckpoint: String? {
        let entries = try? CheckpointStore(directory: directory.checkpoints).list()
        return entries?.max { $0.step < $1.step }?.path
    }

    /// The diagnostics of the last epoch that has any.
    package var lastDiagnostics: EpochDiagnostics? { diagnostics.last }

    private static func lines<Line: Decodable, Record>(
        of path: String, notes: inout [String], _ record: (Line) -> Record
    ) throws -> [Record] {
        let data: Data
        do throws(FileError) { data = try Files.read(path) } catch {
            if error.isNotFound { return [] }
            throw error
        }
        return try records(in: data, of: path, notes: &notes, record)
    }

    private static func records<Line: Decodable, Record>(
        in data: Data, of path: String, notes: inout [String], _ record: (Line) -> Record
    ) throws -> [Record] {
        let decoder = JSONDecoder()
        var lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // What follows the last newline is nothing, or a line that is being written or was never finished.
        if let rest = lines.popLast(), !rest.isEmpty {
            notes.append("\(path): its last line is cut off, and left out")
        }
        return try lines.enumerated().map { index, line in
            guard let decoded = try? decoder.decode(Line.self, from: line) else {
                let found = String(decoding: line.prefix(60), as: UTF8.self)
                throw Failure(
                    description: "\(path), line \(index + 1): expected a record in JSON, found \"\(found)\"")
            }
            return record(decoded)
        }
    }
}

/// A line of `metrics.jsonl`. What is null was not finite, or was not there.
private struct EpochLine: Decodable {
    let epoch: Int
    let step: Int
    let learningRate, trainLoss, trainAccuracy, validationLoss, validationAccuracy: Double?
    let seconds, imagesPerSecond: Double?
    /// What they were, by key.
    let nonFinite: [String: String]?

    var record: EpochRecord {
        EpochRecord(
            epoch: epoch, step: step, learningRate: learningRate ?? .nan, trainLoss: trainLoss ?? .nan,
            trainAccuracy: trainAccuracy ?? .nan,
            validationLoss: validationLoss ?? (nonFinite?["validation_loss"] == nil ? nil : .nan),
            validationAccuracy: validationAccuracy, seconds: seconds ?? .nan,
            imagesPerSecond: imagesPerSecond ?? .nan)
    }

    private enum CodingKeys: String, CodingKey {
        case epoch, step, seconds
        case learningRate = "learning_rate"
        case trainLoss = "train_loss"
        case trainAccuracy = "train_accuracy"
        case validationLoss = "validation_loss"
        case validationAccuracy = "validation_accuracy"
        case imagesPerSecond = "images_per_second"
        case nonFinite = "non_finite"
    }
}

/// A line of `steps.jsonl.zst`.
private struct StepLine: Decodable {
    let epoch: Int
    let step: Int
    let learningRate, loss, accuracy, seconds: Double?

    var record: StepRecord {
        StepRecord(
            epoch: epoch, step: step, learningRate: learningRate ?? .nan, loss: loss ?? .nan,
            accuracy: accuracy ?? .nan, seconds: seconds)
    }
    private enum CodingKeys: String, CodingKey {
        case epoch, step, loss, accuracy, seconds
        case learningRate = "learning_rate"
    }
}
