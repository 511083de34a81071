import DurableFiles
import FileTestSupport
import Foundation
import Synchronization
import Testing

@Suite struct FileLockTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func take() throws -> FileLock? {
        if case .taken(let lock) = try FileLock.take(folder.path("lock")) { lock } else { nil }
    }

    @Test func `Who has it keeps others out, and is named`() throws {
        let lock = try #require(try take())
        guard case .held(let holder) = try FileLock.take(folder.path("lock")) else {
            Issue.record("taken twice")
            return
        }
        let process = ProcessInfo.processInfo.processIdentifier
        #expect(
            holder.contains(/^process \d+ on [^ ]+ since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/), "\(holder)")
        #expect(holder.hasPrefix("process \(process) on "))
        #expect(FileLock.holder(of: folder.path("lock")) == holder)
        lock.release()
        lock.release()
        #expect(FileLock.holder(of: folder.path("lock")) == nil)
        #expect(try folder.names().isEmpty)
        #expect(try take() != nil)
    }

    @Test func `It ends with the last reference`() throws {
        do { _ = try #require(try take()) }
        #expect(try folder.names().isEmpty)
        #expect(try take() != nil)
    }

    @Test func `The lock of a process that was killed keeps nobody out`() async throws {
        let path = folder.path("lock")
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let attempt = try FileLock.take(path)
            kill(getpid(), SIGKILL)
            withExtendedLifetime(attempt) {}
        }
        #expect(try folder.names() == ["lock"])
        #expect(FileLock.holder(of: path) == nil)
        #expect(try take() != nil)
    }

    @Test func `Of many who take it and give it back again and again, one has it at a time`() throws {
        let path = folder.path("lock")
        let counts = Mutex((holders: 0, taken: 0, held: 0, shared: 0, failed: 0))
        // Threads of their own: between opening the file and locking it each may be put off for as long as it likes.
        Self.concurrently(8) {
            for _ in 0..<3000 {
                switch try? FileLock.take(path) {
                case .taken(let lock):
                    counts.withLock {
                        $0.taken += 1
                        $0.holders += 1
                        if $0.holders > 1 { $0.shared += 1 }
                    }
                    sched_yield()
                    counts.withLock { $0.holders -= 1 }
                    lock.release()
                case .held: counts.withLock { $0.held += 1 }
                case .unsupported, nil: counts.withLock { $0.failed += 1 }
                }
            }
        }
        let result = counts.withLock { $0 }
        #expect(result.shared == 0 && result.failed == 0, "\(result)")
        #expect(result.taken > 0 && result.taken + result.held == 24_000, "\(result)")
        #expect(try folder.names().isEmpty)
    }

    @Test func `A lock that was given back is free although children are started meanwhile`() throws {
        // Children have a copy of every open file from their start until they run their own program.
        let isDone = Mutex(false)
        let started = DispatchGroup()
        started.enter()
        Thread.detachNewThread {
            while !isDone.withLock({ $0 }) {
                var child: pid_t = 0
                var words: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
                if posix_spawn(&child, "/usr/bin/env", nil, nil, &words, nil) == 0 { waitpid(child, nil, 0) }
                free(words[0])
            }
            started.leave()
        }
        let path = folder.path("lock")
        var refused = 0
        for _ in 0..<1000 {
            // As a process leaves it that was killed.
            try folder.put("lock", Data())
            #expect(FileLock.holder(of: path) == nil)
            guard let lock = try take() else {
                refused += 1
                continue
            }
            lock.release()
        }
        isDone.withLock { $0 = true }
        started.wait()
        #expect(refused == 0)
    }

    private static func concurrently(_ count: Int, _ body: @escaping @Sendable () -> Void) {
        let done = DispatchGroup()
        for _ in 0..<count {
            done.enter()
            Thread.detachNewThread {
                body()
                done.leave()
            }
        }
        done.wait()
    }

    @Test func `A folder that cannot be written to, and a link in its place, are errors`() throws {
        #expect(throws: FileError.self) { try FileLock.take(folder.path("none/lock")) }
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("lock"), withDestinationPath: "elsewhere")
        #expect(throws: FileError.self) { try FileLock.take(folder.path("lock")) }
        #expect(try folder.names() == ["lock"])
    }
}
