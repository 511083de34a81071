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
    /// `diagnostics.jsonl`: an object per epoch, of a run with diagnostics.
    public var diagnostics: String { path + "/diagnostics.jsonl" }
    /// `layers.csv`: a row per epoch and layer or tensor, of a run with diagnostics.
    public var layersCSV: String { path + "/layers.csv" }
    /// `classes.csv`: a row per epoch and class, of a run with diagnostics.
    public var classesCSV: String { path + "/classes.csv" }
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
    package func readConfiguration() throws -> TrainingConfiguration? {
        let data: Data
        do throws(FileError) { data = try Files.read(configuration) } catch {
            if error.isNotFound { return nil }
            throw error
        }
        return try TrainingConfiguration(stored: data, at: configuration)
    }

    /// The summary in `summary.json`; nil if there is none or it is no whole one.
    package var storedSummary: RunSummary? {
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

    /// Whether a run with diagnostics was here.
    var holdsDiagnostics: Bool { FileManager.default.fileExists(atPath: diagnostics) }

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
        for file in [
            configuration, metricsCSV, metricsJSONL, steps, diagnostics, layersCSV, classesCSV, summary,
        ] {
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

/// The right to write to a run directory, which one process at a time has.
///
/// It lasts until the last reference goes, or the process ends, however it ends.
public final class RunLock: Sendable {
    /// The run directory.
    public let directory: RunDirectory
    /// What a person should know: that the file system knows no locks.
    let notes: [String]

    private let lock: FileLock?

    /// Takes the lock of a folder that is there.
    ///
    /// A process that was just killed may take a moment to end, so where another one has the lock it is tried again for
    /// `patience`.
    ///
    /// - Parameters:
    ///   - directory: The run directory.
    ///   - setting: What an error calls it: `--output` or `--resume`.
    ///   - patience: For how long.
    /// - Throws: `RunDirectory.Failure` if another process has it, which the message names, or the folder cannot be written
    ///   to.
    public init(
        _ directory: RunDirectory, setting: String, patience: Duration = .seconds(2)
    ) throws {
        let end = ContinuousClock.now + patience
        while true {
            switch try Self.attempt(directory, setting) {
            case .taken(let lock):
                (self.lock, notes) = (lock, [])
            case .unsupported(let reason):
                lock = nil
                notes = [
                    "\(directory.path) cannot be locked (\(reason)): nothing keeps another process from writing to it"
                ]
            case .held(let holder):
                guard ContinuousClock.now < end else {
                    throw RunDirectory.Failure(
                        description:
                            "\(setting) \(directory.path): expected a run that no process works on, found"
                            + " \(holder) at work on it")
                }
                Thread.sleep(forTimeInterval: 0.1)
                continue
            }
            self.directory = directory
            return
        }
    }

    private static func attempt(_ directory: RunDirectory, _ setting: String) throws -> FileLock.Attempt {
        do throws(FileError) {
            return try FileLock.take(directory.lockFile)
        } catch {
            throw RunDirectory.Failure(
                description: "\(setting) \(directory.path): expected a folder that can be written to, found:"
                    + " \(error.reason)")
        }
    }
}

extension RunDirectory {
    /// Creates the folder for a new run and takes its lock. A folder that is there is taken if it holds no run.
    ///
    /// - Throws: ``Failure`` if it cannot be created, already holds a run, or another process is about to begin one.
    public func create() throws -> RunLock {
        try checkHoldsNoRun()
        do throws(FileError) {
            try Files.createFolder(path)
        } catch {
            throw Failure(
                description: "--output \(path): expected a folder that can be created, found: \(error.reason)"
            )
        }
        let lock = try RunLock(self, setting: "--output")
        // Another process may have been here since.
        try checkHoldsNoRun()
        return lock
    }

    private func checkHoldsNoRun() throws(Failure) {
        guard holdsRun else { return }
        let found = FileLock.holder(of: lockFile).map { "one with \($0) at work on it" } ?? "one"
        throw Failure(
            description: "--output \(path): expected no run there, found \(found); resume it or name another")
    }

    /// Creates the folder of a new run that was given none, and takes its lock: `runs/2026-11-21T01-45-58`, in local time, or
    /// `runs/2026-11-21T01-45-58-2` and so on where that is taken.
    ///
    /// - Throws: ``Failure`` if it cannot be created.
    public static func createTimeStamped(in parent: String = "runs", at date: Date = Date()) throws -> RunLock
    {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.dateFormat = "yyyy-MM-dd'T'HH-mm-ss"
        let first = parent + "/" + formatter.string(from: date)
        var path = first
        do throws(FileError) {
            try Files.createFolder(parent)
            var number = 1
            // It belongs to the process that made it, and to no other that began within this second.
            while try !Files.createNewFolder(path) {
                number += 1
                path = "\(first)-\(number)"
            }
        } catch {
            throw Failure(
                description: "--output \(path): expected a folder that can be created, found: \(error.reason)"
            )
        }
        return try RunLock(RunDirectory(path: path), setting: "--output")
    }
}
