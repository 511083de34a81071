internal import Checkpoints
public import Foundation

/// A checkpoint to go on from, read on rank 0.
public struct ResumePoint: Sendable {
    /// An error about a checkpoint that is whole but not one of a run that can go on.
    public struct Failure: Error, CustomStringConvertible, LocalizedError {
        /// One line that names the file, what was expected, and what was found.
        public let description: String
        /// The same as ``description``.
        public var errorDescription: String? { description }
    }

    /// The run directory to go on in; nil where the checkpoint lies outside one.
    public let directory: RunDirectory?
    /// The configuration of the run.
    public let configuration: TrainingConfiguration

    let checkpoint: Checkpoint

    /// Reads a checkpoint.
    ///
    /// - Parameter path: The file.
    /// - Throws: `CheckpointError`, or ``Failure``.
    public init(path: String) throws {
        checkpoint = try CheckpointFile.read(path)
        directory = RunDirectory.containing(checkpoint: path)
        let text = Data(checkpoint.metadata.configuration.utf8)
        do {
            configuration = try JSONDecoder().decode(TrainingConfiguration.self, from: text)
        } catch {
            throw Failure(
                description: "\(path): expected the configuration of a training run, found another one")
        }
    }
}
