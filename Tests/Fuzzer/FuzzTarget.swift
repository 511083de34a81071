import Checkpoints
import Datasets
import DurableFiles
import Foundation
import Images
import Metrics
import Training
import ZstdFrames

/// A parser, valid inputs for it, and what may come of others.
struct FuzzTarget {
    /// How it is asked for.
    let name: String
    /// Inputs that must be accepted as they are; the others are made of them.
    let seeds: [[UInt8]]
    /// Words of the input's language.
    var tokens: [[UInt8]] = []
    /// Whether it is text with numbers in it.
    var isText = false
    /// Takes an input. A refusal is an error of one of the parsers' own types.
    let take: (_ input: [UInt8]) throws -> Void

    /// Something that is no refusal: the input was taken for something else than it is.
    struct Finding: Error, CustomStringConvertible {
        let description: String
    }

    /// Whether an error is one with which the parsers refuse input.
    static func isRefusal(_ error: any Error) -> Bool {
        switch error {
        case is DatasetError, is ZstdError, is SafetensorsError, is CheckpointError, is MetricsError,
            is FileError, is PNGError, is ConfigurationError, is ResumePoint.Failure, is RunDirectory.Failure,
            is Divergence:
            true
        default: false
        }
    }

    /// All parsers; `folder` is theirs.
    static func all(in folder: String) throws -> [FuzzTarget] {
        try dataTargets(in: folder) + checkpointTargets(in: folder) + logTargets(in: folder)
            + recordTargets(in: folder) + [resumeTarget(in: folder)]
    }

    /// - Throws: `Finding` with `message` if `isTrue` is false.
    static func require(_ isTrue: Bool, _ message: @autoclosure () -> String) throws {
        guard isTrue else { throw Finding(description: message()) }
    }

    static func bytes(_ words: [String]) -> [[UInt8]] { words.map { Array($0.utf8) } }
}
