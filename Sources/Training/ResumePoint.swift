internal import Checkpoints
public import Foundation

/// Where a run goes on, read on rank 0: a checkpoint, or the beginning of a run that was ended before its first one.
public struct ResumePoint: Sendable {
    /// An error about what a run was to go on from.
    public struct Failure: Error, CustomStringConvertible, LocalizedError {
        /// One line that names the file or folder, what was expected, and what was found.
        public let description: String
        /// The same as ``description``.
        public var errorDescription: String? { description }
    }

    /// The run directory to go on in; nil where the checkpoint lies outside one.
    public let directory: RunDirectory?
    /// The configuration of the run.
    public let configuration: TrainingConfiguration
    /// What a person should know: damaged checkpoints that were passed over.
    public let notes: [String]

    /// What training goes on from; nil: from the beginning.
    let checkpoint: Checkpoint?
    /// Where that was found.
    let origin: String
    /// The lock of `directory`, taken before anything there was read; nil where the run goes on elsewhere.
    let lock: RunLock?

    /// Finds what `--resume` means.
    ///
    /// - Parameters:
    ///   - text: A run directory, a checkpoint file, or `latest`: the run directory with the newest checkpoint in `parent`.
    ///   - parent: Where `latest` looks.
    ///   - output: Where the run is to go on; nil for its own directory. A run is locked if it goes on in its own directory,
    ///     and left as it is if it goes on in another.
    /// - Throws: `CheckpointError`; ``Failure`` where there is nothing to go on from; `RunDirectory.Failure` where another
    ///   process works on the run.
    public init(
        resolving text: String, latestIn parent: String = "runs", output: String? = nil
    ) throws {
        if text == "latest" {
            try self.init(run: try RunDirectory.latest(in: parent), output: output)
            return
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: text, isDirectory: &isFolder) else {
            throw Failure(
                description:
                    "--resume \(text): expected a run directory, a checkpoint, or the word latest, found nothing there"
            )
        }
        if isFolder.boolValue {
            try self.init(run: RunDirectory(path: text), output: output)
        } else {
            let lock = try RunDirectory.containing(checkpoint: text).flatMap { run in
                try Self.lock(run, output: output)
            }
            try self.init(path: text, lock: lock)
        }
    }

    /// Reads a checkpoint, and changes nothing.
    ///
    /// - Parameter path: The file.
    /// - Throws: `CheckpointError`, or ``Failure``.
    public init(path: String) throws { try self.init(path: path, lock: nil) }

    private init(path: String, lock: RunLock?) throws {
        let checkpoint = try CheckpointFile.read(path)
        self.lock = lock
        self.checkpoint = checkpoint
        directory = RunDirectory.containing(checkpoint: path)
        configuration = try Self.configuration(of: checkpoint, path: path)
        notes = []
        origin = path
    }

    /// Reads the newest good checkpoint of a run. Damaged ones that are newer are named in ``notes``, and set aside if the run
    /// goes on in its own directory.
    ///
    /// A run without checkpoints, ended before its first one, goes on from the beginning with the configuration of its
    /// `config.json`.
    ///
    /// - Parameters:
    ///   - directory: The run.
    ///   - output: As above.
    /// - Throws: `CheckpointError` where all are damaged, ``Failure`` where nothing of a run is there, `RunDirectory.Failure`
    ///   where another process works on it.
    public init(run directory: RunDirectory, output: String? = nil) throws {
        self.directory = directory
        lock = directory.holdsRun ? try Self.lock(directory, output: output) : nil
        let stored = directory.storedConfiguration
        if let restored = try Self.newestCheckpoint(of: directory, settingAside: lock != nil) {
            checkpoint = restored.checkpoint
            origin = restored.entry.path
            notes = restored.damaged.map { "\($0.description); going on from \(restored.entry.path)" }
            var configuration = try Self.configuration(of: restored.checkpoint, path: restored.entry.path)
            // More epochs may have been asked for since the checkpoint was written.
            if let stored, stored.differences(from: configuration).isEmpty {
                configuration.epochs = stored.epochs
            }
            self.configuration = configuration
        } else {
            // To begin again over a run whose checkpoints were all lost is for a person to decide.
            guard directory.damagedCheckpoints.isEmpty else {
                throw Failure(
                    description:
                        "--resume \(directory.path): expected a good checkpoint, found only damaged ones set aside: "
                        + directory.damagedCheckpoints.joined(separator: ", "))
            }
            guard let stored = try directory.readConfiguration() else {
                throw Failure(
                    description:
                        "--resume \(directory.path): expected a run with a checkpoint or a config.json, found neither"
                )
            }
            checkpoint = nil
            configuration = stored
            origin = directory.path
            notes = []
        }
    }

    /// The lock of a run that goes on in its own directory; nil if it goes on in another.
    private static func lock(_ directory: RunDirectory, output: String?) throws -> RunLock? {
        let isOwn = output.map { directory.isSame(as: RunDirectory(path: $0)) } ?? true
        return isOwn ? try RunLock(directory, setting: "--resume") : nil
    }

    private static func newestCheckpoint(
        of directory: RunDirectory, settingAside: Bool
    ) throws -> CheckpointStore.Restored? {
        do {
            return try CheckpointStore(directory: directory.checkpoints)
                .restoreNewest(settingAside: settingAside)
        } catch CheckpointError.noneFound {
            return nil
        }
    }

    private static func configuration(of checkpoint: Checkpoint, path: String) throws -> TrainingConfiguration
    {
        let configuration = try TrainingConfiguration(
            stored: Data(checkpoint.metadata.configuration.utf8), at: path)
        try checkpoint.metadata.check(against: configuration, path: path)
        return configuration
    }
}
