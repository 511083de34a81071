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

    /// Finds what `--resume` means.
    ///
    /// - Parameters:
    ///   - text: A run directory, a checkpoint file, or `latest`: the run directory with the newest checkpoint in `parent`.
    ///   - parent: Where `latest` looks.
    /// - Throws: `CheckpointError`, or ``Failure`` where there is nothing to go on from.
    public init(resolving text: String, latestIn parent: String = "runs") throws {
        if text == "latest" {
            try self.init(run: try RunDirectory.latest(in: parent))
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
            try self.init(run: RunDirectory(path: text))
        } else {
            try self.init(path: text)
        }
    }

    /// Reads a checkpoint.
    ///
    /// - Parameter path: The file.
    /// - Throws: `CheckpointError`, or ``Failure``.
    public init(path: String) throws {
        let checkpoint = try CheckpointFile.read(path)
        self.checkpoint = checkpoint
        directory = RunDirectory.containing(checkpoint: path)
        configuration = try Self.configuration(of: checkpoint, path: path)
        notes = []
        origin = path
    }

    /// Reads the newest good checkpoint of a run. Damaged ones that are newer are set aside and named in ``notes``.
    ///
    /// A run without checkpoints, ended before its first one, goes on from the beginning with the configuration of its
    /// `config.json`.
    ///
    /// - Throws: `CheckpointError` where all are damaged, ``Failure`` where nothing of a run is there.
    public init(run directory: RunDirectory) throws {
        self.directory = directory
        let stored = directory.storedConfiguration
        if let restored = try Self.newestCheckpoint(of: directory) {
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

    private static func newestCheckpoint(of directory: RunDirectory) throws -> CheckpointStore.Restored? {
        do {
            return try CheckpointStore(directory: directory.checkpoints).restoreNewest()
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
