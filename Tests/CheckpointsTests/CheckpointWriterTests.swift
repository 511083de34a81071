import Checkpoints
import FileTestSupport
import Foundation
import Synchronization
import Testing

/// Collects a writer's reports; can hold the writer up while it reports.
final class Reports: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func add(_ event: CheckpointWriter.Event) {
        let line =
            switch event {
            case .written(let entry, _, _, let removed):
                "written \(entry.step) removed \(removed.map(\.step))"
            case .failed(let step, let error): "failed \(step): \(error)"
            case .retentionFailed(let error): "retention: \(error)"
            }
        lines.withLock { $0.append(line) }
    }
}

@Suite struct CheckpointWriterTests {
    let folder: TemporaryFolder
    let store: CheckpointStore

    init() throws {
        folder = try TemporaryFolder()
        store = CheckpointStore(directory: folder.path("checkpoints"))
    }

    @Test func `Every submitted checkpoint is written, in order, and old ones are removed`() throws {
        let reports = Reports()
        let writer = try CheckpointWriter(store: store, keepLast: 2) { reports.add($0) }
        for step in 1...5 { writer.submit(try sampleCheckpoint(step: step), protecting: [2]) }
        writer.finish()
        #expect(
            reports.all == [
                "written 1 removed []", "written 2 removed []", "written 3 removed [1]",
                "written 4 removed []",
                "written 5 removed [3]",
            ])
        #expect(try store.list().map(\.step) == [2, 4, 5])
    }

    @Test func `One checkpoint is written while another waits without holding up the trainer`() throws {
        let gate = DispatchSemaphore(value: 0)
        let reports = Reports()
        let writer = try CheckpointWriter(store: store) { event in
            gate.wait()
            reports.add(event)
        }
        // The first is held in its report; the second waits: neither call may block, or the test never ends.
        writer.submit(try sampleCheckpoint(step: 1))
        while try store.list().isEmpty { Thread.sleep(forTimeInterval: 0.001) }
        writer.submit(try sampleCheckpoint(step: 2))
        #expect(reports.all.isEmpty)
        #expect(try store.list().map(\.step) == [1])
        gate.signal()
        gate.signal()
        writer.waitUntilIdle()
        #expect(reports.all.count == 2)
        writer.finish()
        writer.finish()
    }

    @Test func `A third checkpoint waits until the second one's turn has come`() throws {
        let gate = DispatchSemaphore(value: 0)
        let writer = try CheckpointWriter(store: store) { _ in gate.wait() }
        let isSubmitted = Mutex(false)
        writer.submit(try sampleCheckpoint(step: 1))
        while try store.list().isEmpty { Thread.sleep(forTimeInterval: 0.001) }
        writer.submit(try sampleCheckpoint(step: 2))
        let third = try sampleCheckpoint(step: 3)
        let done = DispatchSemaphore(value: 0)
        withExtendedLifetime(isSubmitted) {
            Thread.detachNewThread {
                writer.submit(third)
                done.signal()
            }
        }
        #expect(done.wait(timeout: .now() + 0.1) == .timedOut)
        for _ in 0..<3 { gate.signal() }
        done.wait()
        writer.finish()
        #expect(try store.list().map(\.step) == [1, 2, 3])
    }

    @Test func `A write that fails is reported, and the next one is tried`() throws {
        let reports = Reports()
        let writer = try CheckpointWriter(store: store) { reports.add($0) }
        // A folder stands where step 2 should go.
        try FileManager.default.createDirectory(
            atPath: store.path(step: 2) + "/x", withIntermediateDirectories: true)
        for step in 1...3 { writer.submit(try sampleCheckpoint(step: step)) }
        writer.finish()
        #expect(reports.all.count == 3)
        #expect(
            reports.all[1]
                == "failed 2: cannot replace \(store.path(step: 2)): expected a file or nothing there, found a folder"
        )
        #expect(reports.all[2] == "written 3 removed []")
        let names = try FileManager.default.contentsOfDirectory(atPath: store.directory)
        #expect(!names.contains { $0.hasPrefix(".") })
    }

    @Test func `A checkpoint is released once, when it has been reported, written or not`() throws {
        let events = Mutex<[String]>([])
        let writer = try CheckpointWriter(store: store) { event in
            if case .failed = event { events.withLock { $0.append("failed") } }
            if case .written = event { events.withLock { $0.append("written") } }
        }
        // Two tensors of one name cannot be written.
        var twice = try sampleCheckpoint(step: 1)
        twice.tensors += twice.tensors
        for checkpoint in [twice, try sampleCheckpoint(step: 2)] {
            writer.submit(checkpoint) { events.withLock { $0.append("released") } }
        }
        writer.finish()
        #expect(events.withLock(\.self) == ["failed", "released", "written", "released"])
        #expect(try store.list().map(\.step) == [2])
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.directory).count == 1)
    }

    @Test func `A folder that cannot be created is an error at once`() throws {
        try folder.put("checkpoints", Data())
        #expect(throws: CheckpointError.self) { try CheckpointWriter(store: store) { _ in } }
    }
}
