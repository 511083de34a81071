internal import Foundation

/// A fixed number of threads that work on the same tasks together and then wait for each other.
///
/// Who computes which task is left to chance: a result must not depend on it.
public final class WorkerTeam: Sendable {
    /// The number of threads, the caller's included.
    public let threadCount: Int

    private let region: WorkerRegion

    /// Starts `threadCount` − 1 threads, which inherit the caller's processor affinity.
    public init(threadCount: Int) {
        precondition(threadCount >= 1, "a team of \(threadCount)")
        self.threadCount = threadCount
        let region = WorkerRegion(workers: threadCount - 1)
        self.region = region
        for index in 1..<max(1, threadCount) {
            let thread = Thread { region.work() }
            thread.name = "worker \(index)"
            thread.stackSize = 8 << 20
            thread.start()
        }
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
