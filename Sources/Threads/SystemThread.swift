internal import CSystemCalls
public import Foundation

/// Threads of this process, whose start can fail: a control group, a container or `ulimit -u` bounds their number.
///
/// Foundation's `Thread` ignores that, and Dispatch waits until there is one; whoever counts on such a thread waits for
/// ever.
public enum SystemThread {
    /// Starts a thread that runs `body` and ends. It inherits the caller's processor affinity.
    ///
    /// - Parameters:
    ///   - name: What it is called in the system's tables, which show the first 15 bytes.
    ///   - stackByteCount: The size of its stack.
    ///   - body: What it does.
    /// - Throws: ``ThreadError`` where the system allows no more threads; `body` does not run then.
    public static func start(
        _ name: String, stackByteCount: Int = 8 << 20, _ body: @escaping @Sendable () -> Void
    ) throws(ThreadError) {
        let context = Unmanaged.passRetained(Body(body))
        let code = dp_thread_start(
            name, stackByteCount,
            { context in
                guard let context else { return }
                Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
            }, context.toOpaque())
        guard code != 0 else { return }
        context.release()
        throw ThreadError(name: name, reason: String(cString: strerror(code)))
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}

/// A thread that the system did not start.
public struct ThreadError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// What the thread was to be called.
    public let name: String
    /// Why not, in the system's words.
    public let reason: String
    /// How many were wanted.
    public let wanted: Int
    /// How many of them had been started.
    public let started: Int

    /// An error of a thread.
    public init(name: String, reason: String, wanted: Int = 1, started: Int = 0) {
        (self.name, self.reason, self.wanted, self.started) = (name, reason, wanted, started)
    }

    /// One line: `starting thread "worker": expected 63 threads, found room for 7: Resource temporarily unavailable`.
    public var description: String {
        let count = "expected \(wanted) more \(wanted == 1 ? "thread" : "threads")"
        return "starting thread \"\(name)\": \(count), found room for \(started): \(reason)"
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}

/// Work done on a thread of its own, in order. It does what a serial dispatch queue does, but its start can fail and then
/// nothing waits for ever.
public final class SerialThread: Sendable {
    /// The thread holds on to this alone, so that it ends when its owner goes.
    private let works: Works

    /// Starts the thread.
    ///
    /// - Throws: ``ThreadError``.
    public init(_ name: String) throws(ThreadError) {
        let works = Works()
        self.works = works
        try SystemThread.start(name) { works.run() }
    }

    deinit { works.end() }

    /// Has `work` done behind everything handed over before, and returns at once.
    public func async(execute work: @escaping @Sendable () -> Void) { works.add(work) }

    /// Waits until everything handed over so far is done, and calls `work`. Nobody else may hand anything over meanwhile.
    public func sync<Value>(execute work: () throws -> Value) rethrows -> Value {
        works.waitUntilIdle()
        return try work()
    }

    /// `@unchecked Sendable` rests on this: everything mutable is only touched with the condition locked.
    private final class Works: @unchecked Sendable {
        private let condition = NSCondition()
        private var waiting: [@Sendable () -> Void] = []
        private var isBusy = false
        private var isEnding = false

        func add(_ work: @escaping @Sendable () -> Void) {
            condition.withLock {
                waiting.append(work)
                condition.broadcast()
            }
        }

        func waitUntilIdle() {
            condition.withLock { while isBusy || !waiting.isEmpty { condition.wait() } }
        }

        func end() {
            condition.withLock {
                isEnding = true
                condition.broadcast()
            }
        }

        func run() {
            while true {
                let works = condition.withLock {
                    isBusy = false
                    condition.broadcast()
                    while waiting.isEmpty && !isEnding { condition.wait() }
                    defer { waiting = [] }
                    isBusy = !waiting.isEmpty
                    return waiting
                }
                if works.isEmpty { return }
                for work in works { work() }
            }
        }
    }
}
