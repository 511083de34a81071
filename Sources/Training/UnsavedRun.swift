public import Collectives
public import Foundation

/// A run ended as it should, but what it was to leave behind could not be written, on all ranks alike.
public struct UnsavedRun: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// One line: how the run ended, what could not be written and why, and what it can go on from.
    public let description: String
    /// True on rank 0.
    public let shouldReport: Bool
    /// The same as ``description``.
    public var errorDescription: String? { description }
}

extension Trainer {
    /// Waits for rank 0 to have its files, and throws on all ranks where it could not write them. Collective: every rank must
    /// call it.
    ///
    /// - Parameter problem: On rank 0, what could not be written; nil if all could.
    /// - Throws: ``UnsavedRun``, or the communicator's error.
    func agreeOnFiles(problem: String?) throws {
        // Asleep: a launcher ends all ranks when the first one ends, so the others wait here, with rank 0 still writing.
        try communicator.idleBarrier()
        let text = try communicator.broadcast(text: problem ?? "", root: 0)
        guard text.isEmpty else { throw UnsavedRun(description: text, shouldReport: isRoot) }
    }
}

extension RunRecorder {
    /// What to say of a run that stopped after `step` if there is no checkpoint of it; nil if there is one. After `close`.
    func problem(ofStopAfter step: Int, epoch: Int) -> String? {
        checkpointFailure(ofStep: step).map {
            "stopped as asked after step \(step) in epoch \(epoch), but without a checkpoint of it: \($0); \(remedy(before: step))"
        }
    }

    /// What to say of a run that came to its end after `step` if its files are not complete; nil if they are. After `close`.
    ///
    /// - Parameter others: Why other files could not be written.
    func problem(ofEndAfter step: Int, others: [String]) -> String? {
        if let failure = checkpointFailure(ofStep: step) {
            return
                "the run came to its end, but its last checkpoint could not be written: \(failure); \(remedy(before: step))"
        }
        guard let first = (unwrittenRecords + others).first else { return nil }
        return
            "the run came to its end and its last checkpoint is written, but not all its files are: \(first)"
    }

    /// What a run can go on from that has no checkpoint of `step`.
    private func remedy(before step: Int) -> String {
        guard let newest = newestCheckpoint(before: step) else {
            return "there is no other in \(directory.checkpoints): --resume \(directory.path) begins again"
        }
        return "the newest is \(newest): --resume \(directory.path) goes on from there"
    }
}
