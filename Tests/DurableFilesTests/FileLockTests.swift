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
        let holders = Mutex(0)
        let taken = Mutex(0)
        let held = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<200 {
                guard let attempt = try? FileLock.take(path) else {
                    Issue.record("a lock could not be asked for")
                    continue
                }
                if case .taken(let lock) = attempt {
                    let before = holders.withLock { count in
                        defer { count += 1 }
                        return count
                    }
                    #expect(before == 0)
                    taken.withLock { $0 += 1 }
                    holders.withLock { $0 -= 1 }
                    lock.release()
                } else {
                    held.withLock { $0 += 1 }
                }
            }
        }
        #expect(taken.withLock { $0 } > 0 && taken.withLock { $0 } + held.withLock { $0 } == 1600)
        #expect(try folder.names().isEmpty)
    }

    @Test func `A folder that cannot be written to, and a link in its place, are errors`() throws {
        #expect(throws: FileError.self) { try FileLock.take(folder.path("none/lock")) }
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("lock"), withDestinationPath: "elsewhere")
        #expect(throws: FileError.self) { try FileLock.take(folder.path("lock")) }
        #expect(try folder.names() == ["lock"])
    }
}
