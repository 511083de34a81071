public import DurableFiles
public import Foundation

/// Why a checkpoint could not be read or written.
public enum CheckpointError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
    /// The file is something else; `reason` says what was expected and found.
    case notACheckpoint(path: String, reason: String)
    /// The file is truncated or damaged; `reason` says how.
    case damaged(path: String, reason: String)
    /// The file is whole but of a format version that this program does not know.
    case unknownVersion(path: String, expected: Int, found: String)
    /// The operating system refused an operation on a file; the error names it.
    case file(FileError)
    /// The file could not be read here and now, and nothing is known against it; `reason` says why.
    case unreadable(path: String, reason: String)
    /// The checkpoint cannot be written as a file: `reason` says why.
    case cannotEncode(reason: String)
    /// There is no thread to write checkpoints on: `reason` says why.
    case cannotStart(reason: String)
    /// There is no checkpoint in the folder.
    case noneFound(directory: String)
    /// There are checkpoints in the folder, but all are damaged.
    case allDamaged(directory: String, files: [DamagedCheckpoint])

    /// One line that names the file, what was expected and what was found.
    public var description: String {
        switch self {
        case .notACheckpoint(let path, let reason): "\(path) is not a checkpoint: \(reason)"
        case .damaged(let path, let reason): "\(path) is damaged: \(reason)"
        case .unknownVersion(let path, let expected, let found):
            "\(path) has format version \(found), expected version \(expected)"
        case .file(let error): error.description
        case .unreadable(let path, let reason):
            "\(path) could not be read (\(reason)); it was left as it is: expected that it can be read when that is"
                + " mended, or an older checkpoint given by name"
        case .cannotEncode(let reason): "the checkpoint cannot be encoded: \(reason)"
        case .cannotStart(let reason): "checkpoints cannot be written beside the training: \(reason)"
        case .noneFound(let directory): "found no checkpoint in \(directory)"
        case .allDamaged(let directory, let files):
            "found no good checkpoint in \(directory): "
                + files.map(\.description).joined(separator: "; ")
        }
    }

    /// The same as `description`.
    public var errorDescription: String? { description }

    /// Whether bytes were read and are wrong. A file that could not be read may be good.
    public var isDamage: Bool {
        switch self {
        case .notACheckpoint, .damaged: true
        case .file, .unreadable, .unknownVersion, .cannotEncode, .cannotStart, .noneFound, .allDamaged: false
        }
    }
}

/// A checkpoint that could not be read and was set aside.
public struct DamagedCheckpoint: Sendable, Equatable, CustomStringConvertible {
    /// Its name in the store.
    public let name: String
    /// Its step.
    public let step: Int
    /// Why it cannot be read, naming the file.
    public let reason: String
    /// The name it was given; nil if it was left where it is, or could not be renamed.
    public let setAsideAs: String?

    /// One line: the reason and what became of the file.
    public var description: String {
        "\(reason) (" + (setAsideAs.map { "set aside as \($0)" } ?? "left where it is") + ")"
    }
}
