internal import DurableFiles
internal import Foundation
public import Images

/// A file to which a run that is asked for diagnostics writes after every epoch.
///
/// `diagnostics.jsonl` has a line per epoch, an ``EpochDiagnostics`` that ``EpochDiagnostics/read(_:)`` reads. Null stands for
/// a number that is not finite, and `non_finite` beside it says which. `layers.csv` and `classes.csv` have a row for each
/// layer and tensor, and for each class, with an empty field where there is no value. Numbers are the shortest decimals that
/// read back the same. The lines of an epoch are handed to the operating system at once.
public final class DiagnosticsFile: MetricsSink {
    private var lines: EpochLines
    private let text: (EpochDiagnostics) throws -> String

    private init(
        _ lines: EpochLines, text: @escaping (EpochDiagnostics) throws -> String
    ) {
        (self.lines, self.text) = (lines, text)
    }

    /// Opens `diagnostics.jsonl`.
    ///
    /// - Throws: `MetricsError`.
    public static func json(
        path: String, opening: MetricsOpening = .new
    ) throws(MetricsError) -> DiagnosticsFile {
        let lines = try EpochLines(path: path, opening: opening, header: nil) { RecordLine(json: $0) }
        return DiagnosticsFile(lines) { try $0.json }
    }

    /// Opens `layers.csv`: epoch, step, name, kind, mean, variance, dead_units, norm, gradient_norm, update_norm. Layers have
    /// mean and variance and, activations, dead_units; tensors, whose kind is `tensor`, have the norms.
    ///
    /// - Throws: `MetricsError`.
    public static func layers(
        path: String, opening: MetricsOpening = .new
    ) throws(MetricsError) -> DiagnosticsFile {
        let header = "epoch,step,name,kind,mean,variance,dead_units,norm,gradient_norm,update_norm"
        let lines = try EpochLines(path: path, opening: opening, header: header) { RecordLine(csv: $0) }
        return DiagnosticsFile(lines) { $0.layersCSV }
    }

    /// Opens `classes.csv`: epoch, step, class, records, precision, recall, f1, and for each class how many records were taken
    /// for it, `predicted_NAME`.
    ///
    /// - Throws: `MetricsError`.
    public static func classes(
        path: String, names: [String], opening: MetricsOpening = .new
    ) throws(MetricsError) -> DiagnosticsFile {
        let predicted = names.map { csvField("predicted_" + $0) }
        let header = (["epoch,step,class,records,precision,recall,f1"] + predicted).joined(separator: ",")
        let lines = try EpochLines(path: path, opening: opening, header: header) { RecordLine(csv: $0) }
        return DiagnosticsFile(lines) { $0.classesCSV }
    }

    /// What had to be repaired when the file was opened: lines for the user.
    public var notes: [String] { lines.notes }

    /// Steps have no line.
    public func recordStep(_ record: StepRecord) {}

    /// Epochs have no line but that of their diagnostics.
    public func recordEpoch(_ record: EpochRecord) {}

    /// Writes the epoch's lines.
    ///
    /// - Throws: `MetricsError`; the lines are kept and written with the next.
    public func recordDiagnostics(
        _ diagnostics: EpochDiagnostics, weights: RasterImage?
    ) throws(MetricsError) {
        let text: String
        do { text = try self.text(diagnostics) } catch {
            throw MetricsError(error, path: lines.path, operation: "write")
        }
        if !text.isEmpty { try lines.append(text) }
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

extension EpochDiagnostics {
    /// Reads a run's `diagnostics.jsonl`. Lines that are none of it, such as one that a crash cut off, are passed over.
    ///
    /// - Throws: `MetricsError` where the file cannot be read.
    public static func read(_ path: String) throws(MetricsError) -> [EpochDiagnostics] {
        let contents: Data
        do throws(FileError) { contents = try Files.read(path, limit: largestFile) } catch {
            throw MetricsError(error, path: path, operation: "read")
        }
        let decoder = JSONDecoder()
        return contents.split(separator: UInt8(ascii: "\n")).compactMap {
            try? decoder.decode(EpochDiagnostics.self, from: $0)
        }
    }

    private static let largestFile = 1 << 30

    /// All but epoch and step, which every line begins with: `RecordLine` relies on it.
    private struct Rest: Encodable {
        let confusion: ConfusionMatrix?
        let layers: [LayerDiagnostics]
        let seconds: [PhaseSeconds]
        let tensors: [TensorDiagnostics]
    }

    fileprivate var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let rest = Rest(confusion: confusion, layers: layers, seconds: seconds, tensors: tensors)
            let text = String(decoding: try encoder.encode(rest), as: UTF8.self)
            return "{\"epoch\":\(epoch),\"step\":\(step),\(text.dropFirst())"
        }
    }

    fileprivate var layersCSV: String {
        let rows =
            layers.map {
                [$0.name, $0.kind, "\($0.mean)", "\($0.variance)", Self.field($0.deadUnits), "", "", ""]
            }
            + tensors.map {
                [$0.name, "tensor", "", "", "", "\($0.norm)", "\($0.gradientNorm)", "\($0.updateNorm)"]
            }
        return csv(rows)
    }

    fileprivate var classesCSV: String {
        guard let confusion else { return "" }
        return csv(
            confusion.classes.enumerated().map { label, name in
                [
                    name, "\(confusion.support(of: label))", Self.field(confusion.precision(of: label)),
                    Self.field(confusion.recall(of: label)), Self.field(confusion.f1(of: label)),
                ] + confusion.counts[label].map { "\($0)" }
            })
    }

    private func csv(_ rows: [[String]]) -> String {
        rows.map { (["\(epoch),\(step)"] + $0.map(csvField)).joined(separator: ",") }.joined(
            separator: "\n")
    }

    private static func field(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
}

/// A field of CSV, in quotation marks where it needs them (RFC 4180). It stays on one line.
private func csvField(_ text: String) -> String {
    let line = String(text.map { $0.isNewline ? " " : $0 })
    guard line.contains(where: { $0 == "," || $0 == "\"" }) else { return line }
    return "\"" + line.replacingOccurrences(of: "\"", with: "\"\"") + "\""
}
