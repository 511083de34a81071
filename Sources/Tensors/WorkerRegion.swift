internal import CClosure
internal import Foundation
internal import Synchronization

/// Calls `run` with the closure as C sees it. The counterpart in C takes the closure as the two words as which Swift passes
/// one; `withoutActuallyEscaping` would allocate in each region.
@_silgen_name("dp_with_closure")
private func withClosure(
    _ body: (Int) -> Void, _ region: UnsafeMutableRawPointer,
    _ run: @convention(c) (dp_closure, UnsafeMutableRawPointer?) -> Void)

/// What the threads of a ``WorkerTeam`` share: the tasks at hand, and who still works on them.
///
/// In a training step regions follow one another within microseconds, so a thread that waits spins at first, then gives
/// its processor away between looks, and a worker at last sleeps.
final class WorkerRegion: @unchecked Sendable {
    private static let looksBeforeYielding = 2000
    private static let yieldsBeforeSleeping = 200

    /// How many threads call ``work()``: settled before the first region.
    var workers = 0

    private let condition = NSCondition()
    /// Counts the regions begun. Raising it publishes `body` and `count`.
    private let generation = Atomic(0)
    private let nextTask = Atomic(0)
    private let busyWorkers = Atomic(0)
    private let sleepers = Atomic(0)
    private let isEnding = Atomic(false)

    // Written by the caller before it raises `generation`, read by workers after they have seen that.
    private var body = dp_closure()
    private var count = 0

    func run(_ count: Int, _ body: (Int) -> Void) {
        self.count = count
        withClosure(body, Unmanaged.passUnretained(self).toOpaque()) { body, region in
            guard let region else { return }
            Unmanaged<WorkerRegion>.fromOpaque(region).takeUnretainedValue().run(body)
        }
    }

    /// Returns when nobody calls `body` any more.
    private func run(_ body: dp_closure) {
        self.body = body
        nextTask.store(0, ordering: .relaxed)
        // Every worker passes through every region, so none can be late for the next one.
        busyWorkers.store(workers, ordering: .relaxed)
        begin()
        takeTasks()
        var looks = 0
        while busyWorkers.load(ordering: .acquiring) > 0 {
            looks += 1
            if looks > Self.looksBeforeYielding { sched_yield() }
        }
    }

    func end() {
        isEnding.store(true, ordering: .relaxed)
        begin()
    }

    /// A worker's life.
    func work() {
        var seen = 0
        while true {
            waitForRegion(after: seen)
            seen += 1
            if isEnding.load(ordering: .relaxed) { return }
            takeTasks()
            busyWorkers.subtract(1, ordering: .releasing)
        }
    }

    private func begin() {
        // Sequential consistency: either this sees the sleeper, or the sleeper sees the new generation.
        generation.add(1, ordering: .sequentiallyConsistent)
        guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
        condition.lock()
        condition.broadcast()
        condition.unlock()
    }

    private func takeTasks() {
        while true {
            let task = nextTask.add(1, ordering: .relaxed).oldValue
            guard task < count else { return }
            dp_call_closure(body, task)
        }
    }

    private func waitForRegion(after seen: Int) {
        for _ in 0..<Self.looksBeforeYielding where generation.load(ordering: .acquiring) != seen { return }
        for _ in 0..<Self.yieldsBeforeSleeping {
            if generation.load(ordering: .acquiring) != seen { return }
            sched_yield()
        }
        condition.lock()
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while generation.load(ordering: .sequentiallyConsistent) == seen { condition.wait() }
        sleepers.subtract(1, ordering: .relaxed)
        condition.unlock()
    }
}
