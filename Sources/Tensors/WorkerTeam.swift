public import Threads

/// A number of threads, settled when they are started, that work on the same tasks together and then wait for each other.
///
/// Who computes which task is left to chance: a result must not depend on it.
public final class WorkerTeam: Sendable {
    /// The number of threads, the caller's included.
    public let threadCount: Int

    private let region: WorkerRegion

    /// Starts `threadCount` − 1 threads, which inherit the caller's processor affinity.
    ///
    /// - Throws: `ThreadError` where the system does not allow as many; none of them is left then.
    public convenience init(threadCount: Int) throws(ThreadError) {
        try self.init(upTo: threadCount, atLeast: threadCount)
    }

    /// Starts up to `most` − 1 threads, as many as the system allows, which inherit the caller's processor affinity.
    public convenience init(upTo most: Int) {
        // The caller is there already.
        do { try self.init(upTo: most, atLeast: 1) } catch { preconditionFailure("\(error)") }
    }

    private init(upTo most: Int, atLeast least: Int) throws(ThreadError) {
        precondition(least >= 1 && least <= most, "a team of \(least) to \(most)")
        let region = WorkerRegion()
        var workers = 0
        while workers < most - 1 {
            do {
                try SystemThread.start("worker \(workers + 1)") { region.work() }
            } catch {
                guard workers + 1 >= least else {
                    region.end()
                    throw ThreadError(
                        name: error.name, reason: error.reason, wanted: most - 1, started: workers)
                }
                break
            }
            workers += 1
        }
        region.workers = workers
        self.region = region
        threadCount = workers + 1
    }

    deinit { region.end() }

    /// Calls `body` with each of `0..<count`, spread over the threads, and returns when all calls have.
    ///
    /// One thread at a time may call this, and `body` must not. It allocates nothing.
    public func run(_ count: Int, _ body: (Int) -> Void) {
        if threadCount == 1 || count <= 1 {
            for index in 0..<count { body(index) }
        } else {
            region.run(count, body)
        }
    }
}
