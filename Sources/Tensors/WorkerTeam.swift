internal import Foundation
internal import Synchronization
public import Threads

/// What a ``WorkerTeam`` computes: a value whose parts, one for each index, may be computed on any threads at once.
public protocol ParallelTask {
    /// Computes part `index`.
    func callAsFunction(_ index: Int)
}

extension ParallelTask {
    /// Calls the task at `pointer`, which is one of this type.
    fileprivate static func call(_ pointer: UnsafeRawPointer, _ index: Int) {
        pointer.assumingMemoryBound(to: Self.self).pointee(index)
    }
}

private struct ClosureTask: ParallelTask {
    let body: (Int) -> Void

    func callAsFunction(_ index: Int) { body(index) }
}

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

    /// Computes the parts `0..<count` of a task, spread over the threads, and returns when all are done.
    ///
    /// One thread at a time may call this, and the task must not. It allocates nothing.
    public func run(_ count: Int, _ task: some ParallelTask) {
        if threadCount == 1 || count <= 1 {
            for index in 0..<count { task(index) }
        } else {
            withUnsafePointer(to: task) { region.run(count, $0) }
        }
    }

    /// The same for a closure, for which Swift allocates where it goes to other threads: for whatever is not done in every
    /// step.
    public func run(_ count: Int, _ body: (Int) -> Void) {
        if threadCount == 1 || count <= 1 {
            for index in 0..<count { body(index) }
        } else {
            withoutActuallyEscaping(body) { run(count, ClosureTask(body: $0)) }
        }
    }
}

/// What the threads of a ``WorkerTeam`` share: the task at hand, and who still works on them.
///
/// In a training step regions follow one another within microseconds, so a thread that waits spins at first, then gives
/// its processor away between looks, and a worker at last sleeps.
private final class WorkerRegion: @unchecked Sendable {
    private static let looksBeforeYielding = 2000
    private static let yieldsBeforeSleeping = 200

    /// How many threads call ``work()``: settled before the first region.
    var workers = 0

    private let condition = NSCondition()
    /// Counts the regions begun. Raising it publishes the task.
    private let generation = Atomic(0)
    private let nextIndex = Atomic(0)
    private let busyWorkers = Atomic(0)
    private let sleepers = Atomic(0)
    private let isEnding = Atomic(false)

    // Written by the caller before it raises `generation`, read by workers after they have seen that: the task in the
    // caller's memory, and its type.
    private var task: UnsafeRawPointer?
    private var type: (any ParallelTask.Type)?
    private var count = 0

    /// Returns when nobody works on the task any more, so that it may stand on the caller's stack.
    func run<Task: ParallelTask>(_ count: Int, _ task: UnsafePointer<Task>) {
        self.count = count
        self.task = UnsafeRawPointer(task)
        type = Task.self
        nextIndex.store(0, ordering: .relaxed)
        // Every worker passes through every region, so none can be late for the next one.
        busyWorkers.store(workers, ordering: .relaxed)
        begin()
        takeIndices()
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
            takeIndices()
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

    private func takeIndices() {
        guard let task, let type else { return }
        while true {
            let index = nextIndex.add(1, ordering: .relaxed).oldValue
            guard index < count else { return }
            type.call(task, index)
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

extension Range where Bound == Int {
    /// One part of `0..<count`, divided among so many as evenly as possible: ⌊index · count / parts⌋ up to
    /// ⌊(index + 1) · count / parts⌋.
    @inlinable public init(part index: Int, of parts: Int, dividing count: Int) {
        self = index * count / parts..<(index + 1) * count / parts
    }
}
