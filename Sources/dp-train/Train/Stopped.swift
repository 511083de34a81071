import ArgumentParser
import Collectives
import Foundation

/// A run that was asked to stop has done so, on all ranks, and can go on from its checkpoint.
struct Stopped: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// sysexits.h's EX_TEMPFAIL: batch systems can take it as a reason to queue the job again.
    static let exitCode = ExitCode(75)

    /// sysexits.h's EX_IOERR: the run stopped or came to its end, but could not write what it should leave behind.
    static let unsavedExitCode = ExitCode(74)

    let epoch: Int
    let step: Int
    let directory: String
    let shouldReport: Bool

    var description: String {
        "stopped as asked after step \(step) in epoch \(epoch); go on with --resume \(directory)"
    }
    var errorDescription: String? { description }
}
