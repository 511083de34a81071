internal import Foundation
internal import Threads

/// Writes checkpoints on a thread of its own, so that training goes on meanwhile.
///
/// Policy: one checkpoint is being written and one more may wait. `submit` returns at once in both cases; when one is
/// already waiting, `submit` itself waits until that one's turn has come. None is ever skipped, so which files a run
/// leaves does not depend on the speed of the disk.
///
/// A checkpoint that cannot be written is reported and nothing else happens: the ones before it are still there, and
/// the next one is tried.
public final class CheckpointWriter: @unchecked Sendable {
    /// What became of a submitted checkpoint.
    public enum Event: Sendable {
        /// It was written: its entry, the size of the file in bytes, how long that took in seconds, and the old
        /// checkpoints that were removed for it.
        case written(CheckpointStore.Entry, size: Int, seconds: Double, removed: [CheckpointStore.Entry])
        /// It could not be written.
        case failed(step: Int, CheckpointError)
        /// It was written, but old ones could not be removed.
        case retentionFailed(CheckpointError)
    }

    private struct Job {
        let checkpoint: Checkpoint
        let protected: Set<Int>
        let release: @Sendable () -> Void
    }

    private let store: CheckpointStore
    private let level: Int
    private let keepLast: Int?
    private let report: @Sendable (Event) -> Void

    // `@unchecked Sendable` rests on this: what follows is only touched with the condition locked.
    private let condition = NSCondition()
    private var waiting: Job?
    private var isWriting = false
    private var isFinishing = false
    private var isThreadDone = false

    /// Opens the store for writing and starts the thread.
    ///
    /// - Parameters:
    ///   - store: Where checkpoints go.
    ///   - level: zstd's compression level.
    ///   - keepLast: How many of the newest checkpoints are kept besides protected ones; nil keeps all.
    ///   - report: Called for every submitted checkpoint, on the writer's thread.
    /// - Throws: `CheckpointError.file` if the folder cannot be created or cleaned up, `.cannotStart` if there can be no
    ///   more threads.
    public init(
        store: CheckpointStore, level: Int = 1, keepLast: Int? = nil,
        report: @escaping @Sendable (Event) -> Void
    ) throws(CheckpointError) {
        self.store = store
        self.level = level
        self.keepLast = keepLast
        self.report = report
        try store.openForWriting()
        do {
            try SystemThread.start("checkpoints") { [self] in run() }
        } catch {
            throw .cannotStart(reason: error.description)
        }
    }

    /// Hands over a checkpoint to be written; see the policy above for when this waits.
    ///
    /// Must not be called after `finish`.
    ///
    /// - Parameters:
    ///   - checkpoint: A snapshot: nothing changes it before it is released.
    ///   - protected: Steps whose checkpoints retention keeps; the one submitted is kept in any case.
    ///   - release: Called on the writer's thread when nobody looks at the checkpoint any more, whether or not it was written.
    public func submit(
        _ checkpoint: Checkpoint, protecting protected: Set<Int> = [],
        release: @escaping @Sendable () -> Void = {}
    ) {
        condition.lock()
        defer { condition.unlock() }
        precondition(!isFinishing, "a checkpoint was submitted to a writer that has been finished")
        while waiting != nil { condition.wait() }
        waiting = Job(checkpoint: checkpoint, protected: protected, release: release)
        condition.broadcast()
    }

    /// Waits until everything submitted has been written or reported as failed.
    public func waitUntilIdle() {
        condition.lock()
        defer { condition.unlock() }
        while waiting != nil || isWriting { condition.wait() }
    }

    /// Waits as `waitUntilIdle` does and ends the thread. Must be called once the run is over, or the thread stays.
    public func finish() {
        condition.lock()
        defer { condition.unlock() }
        isFinishing = true
        condition.broadcast()
        while !isThreadDone { condition.wait() }
    }

    private func run() {
        while let job = next() {
            write(job)
            job.release()
            condition.lock()
            isWriting = false
            condition.broadcast()
            condition.unlock()
        }
        condition.lock()
        isThreadDone = true
        condition.broadcast()
        condition.unlock()
    }

    /// Waits for the next checkpoint; nil when the writer is finished and nothing waits.
    private func next() -> Job? {
        condition.lock()
        defer { condition.unlock() }
        while waiting == nil && !isFinishing { condition.wait() }
        guard let job = waiting else { return nil }
        waiting = nil
        isWriting = true
        condition.broadcast()
        return job
    }

    private func write(_ job: Job) {
        let start = ContinuousClock.now
        let step = job.checkpoint.metadata.position.step
        do throws(CheckpointError) {
            let (entry, size) = try store.write(job.checkpoint, level: level)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            // Only now: at every moment at least as many good checkpoints exist as are to be kept.
            var removed: [CheckpointStore.Entry] = []
            do throws(CheckpointError) {
                removed = try store.applyRetention(
                    keepLast: keepLast, protecting: job.protected.union([step]))
            } catch {
                report(.retentionFailed(error))
            }
            report(.written(entry, size: size, seconds: seconds, removed: removed))
        } catch {
            report(.failed(step: step, error))
        }
    }
}
