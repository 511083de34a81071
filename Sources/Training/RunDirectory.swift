internal import Checkpoints
internal import DurableFiles
public import Foundation

/// The folder in which a run leaves its files.
public struct RunDirectory: Sendable {
    /// An error about the folder.
    public struct Failure: Error, CustomStringConvertible, LocalizedError {
        /// One line that names the folder, what was expected, and what was found.
        public let description: String
        /// The same as ``description``.
        public var errorDescription: String? { description }
    }

    /// Where it is.
    public let path: String

    /// A folder at `path`, which need not exist yet.
    public init(path: String) { self.path = path }

    /// `config.json`: all that is needed to repeat the run.
    public var configuration: String { path + "/config.json" }
    /// `metrics.csv`: a row per epoch.
    public var metricsCSV: String { path + "/metrics.csv" }
    /// `metrics.jsonl`: an object per epoch.
    public var metricsJSONL: String { path + "/metrics.jsonl" }
    /// `steps.jsonl.zst`: an object per step.
    public var steps: String { path + "/steps.jsonl.zst" }
    /// `checkpoints/`.
    public var checkpoints: String { path + "/checkpoints" }
    /// `summary.json`: what the run came to; there while the run is at its end.
    public var summary: String { path + "/summary.json" }
    /// `run.lock`: there while a process works on the run, and says which.
    public var lockFile: String { path + "/run.lock" }

    /// The run directory to which a checkpoint file belongs, if it lies in one.
    public static func containing(checkpoint path: String) -> RunDirectory? {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        guard folder.lastPathComponent == "checkpoints" else { return nil }
        return RunDirectory(path: folder.deletingLastPathComponent().path)
    }

    /// The run directory with the newest checkpoint among those that lie in `parent`.
    ///
    /// - Throws: ``Failure`` if there is none.
    public static func latest(in parent: String) throws -> RunDirectory {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        let runs = names.sorted().compactMap { name -> (run: RunDirectory, date: Date)? in
            let run = RunDirectory(path: parent + "/" + name)
            return run.newestCheckpointDate.map { (run, $0) }
        }
        guard let latest = runs.max(by: { $0.date < $1.date }) else {
            throw Failure(
                description: "--resume latest: expected a run with checkpoints in \(parent), found none")
        }
        return latest.run
    }

    /// When the newest of its checkpoints was written; nil without any.
    private var newestCheckpointDate: Date? {
        let entries = (try? CheckpointStore(directory: checkpoints).list()) ?? []
        return entries.compactMap {
            let attributes = try? FileManager.default.attributesOfItem(atPath: $0.path)
            return attributes?[.modificationDate] as? Date
        }.max()
    }

    /// The names of checkpoints that were found damaged and set aside.
    var damagedCheckpoints: [String] { CheckpointStore(directory: checkpoints).damagedNames }

    /// The configuration in `config.json`; nil if there is none or it is none that can be used.
    public var storedConfiguration: TrainingConfiguration? { (try? readConfiguration()) ?? nil }

    /// The configuration in `config.json`; nil if there is none.
    ///
    /// - Throws: `FileError` if the file cannot be read, ``ResumePoint/Failure`` if it holds none that can be used.
    func readConfiguration() throws -> TrainingConfiguration? {
        let data: Data
        do throws(FileError) { data = try Files.read(configuration) } catch {
            if error.isNotFound { return nil }
            throw error
        }
        return try TrainingConfiguration(stored: data, at: configuration)
    }

    /// The summary in `summary.json`; nil if there is none or it is no whole one.
    var storedSummary: RunSummary? {
        guard let data = try? Files.read(summary) else { return nil }
        return try? JSONDecoder().decode(RunSummary.self, from: data)
    }

    /// Whether `other` is the same folder, however it is written.
    func isSame(as other: RunDirectory) -> Bool {
        func canonical(_ path: String) -> String {
            URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
        }
        return canonical(path) == canonical(other.path)
    }

    /// Whether a run was begun here.
    public var holdsRun: Bool {
        [configuration, metricsCSV, metricsJSONL, steps, checkpoints, summary].contains {
            FileManager.default.fileExists(atPath: $0)
        }
    }

    /// Sets `summary.json` aside as `summary.json.superseded`, where there is one: the run is about to go on, and what it came to
    /// before is no longer its end.
    ///
    /// - Throws: ``Failure``.
    func setAsideSummary() throws {
        do throws(FileError) {
            try Files.rename(summary, to: summary + ".superseded")
            try Files.synchronizeFolder(path)
        } catch {
            if error.isNotFound { return }
            throw Failure(
                description: "\(summary): expected a file that can be set aside, found: \(error.reason)")
        }
    }

    /// Removes what a crash left of `config.json` and the like while they were being written. Only for the lock's holder.
    func removeLeftovers() {
        let names = (try? Files.names(in: path)) ?? []
        for file in [configuration, metricsCSV, metricsJSONL, steps, summary] {
            let name = String(file.dropFirst(path.count + 1))
            for leftover in names where Files.isTemporary(leftover, of: name) {
                try? Files.remove(path + "/" + leftover)
            }
        }
    }

    /// Writes a value as JSON, whole or not at all.
    ///
    /// - Throws: ``Failure``.
    public func write(_ value: some Encodable, to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try write(try encoder.encode(value) + Data("\n".utf8), to: path)
    }

    private func write(_ data: Data, to path: String) throws {
        do throws(FileError) {
            try Files.replace(path, with: data)
        } catch {
            throw Failure(description: "\(path): expected a file that can be written, found: \(error.reason)")
        }
    }
}
