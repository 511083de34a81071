import Checkpoints
import FileTestSupport
import Foundation
import Testing

@Suite struct CheckpointStoreTests {
    let folder: TemporaryFolder
    let store: CheckpointStore

    init() throws {
        folder = try TemporaryFolder()
        store = CheckpointStore(directory: folder.path)
    }

    private func write(_ steps: Int...) throws {
        for step in steps { try store.write(try sampleCheckpoint(step: step)) }
    }

    private func damage(_ step: Int) throws {
        let name = CheckpointStore.name(step: step)
        var file = try folder.data(name)
        file[file.count / 2] ^= 0xff
        try folder.put(name, file)
    }

    @Test func `Names have eight digits, and more where they are needed`() {
        #expect(CheckpointStore.name(step: 390) == "step-00000390.safetensors.zst")
        #expect(CheckpointStore.name(step: 1_234_567_890) == "step-1234567890.safetensors.zst")
        #expect(store.path(step: 0) == folder.path("step-00000000.safetensors.zst"))
    }

    @Test func `The list is ascending by step and passes over other names`() throws {
        try write(20, 100_000_000, 3)
        for name in [
            "step-1.safetensors.zst", "step-0000000x.safetensors.zst", "step--0000001.safetensors.zst",
        ] {
            try folder.put(name, Data())
        }
        try folder.put("step-00000009.safetensors.zst.damaged", Data())
        #expect(try store.list().map(\.step) == [3, 20, 100_000_000])
        #expect(try store.list().first?.path == folder.path("step-00000003.safetensors.zst"))
        #expect(try CheckpointStore(directory: folder.path("none")).list().isEmpty)
    }

    @Test func `A written checkpoint is the only new file`() throws {
        let (entry, size) = try store.write(try sampleCheckpoint(step: 7))
        #expect(entry.name == "step-00000007.safetensors.zst")
        #expect(try folder.names() == [entry.name])
        #expect(try folder.data(entry.name).count == size)
    }

    @Test func `The newest checkpoint is restored`() throws {
        try write(10, 20)
        let restored = try store.restoreNewest()
        #expect(restored.entry.step == 20)
        #expect(restored.checkpoint.metadata.position.step == 20)
        #expect(restored.damaged.isEmpty)
    }

    @Test func `Damaged newer ones are set aside and reported by name, and the one before is restored`()
        throws
    {
        try write(10, 20, 30)
        try damage(20)
        let newest = CheckpointStore.name(step: 30)
        try folder.put(newest, try folder.data(newest).prefix(100))
        let restored = try store.restoreNewest()
        #expect(restored.entry.step == 10)
        #expect(restored.damaged.map(\.step) == [30, 20])
        #expect(
            restored.damaged.map(\.setAsideAs) == [
                newest + ".damaged", CheckpointStore.name(step: 20) + ".damaged",
            ])
        #expect(restored.damaged[0].reason.contains("\(folder.path(newest)) is damaged: truncated"))
        #expect(try store.list().map(\.step) == [10])
        #expect(try folder.names().count == 3)
        #expect(try store.restoreNewest().damaged.isEmpty)
    }

    @Test func `Read by one who may not change the folder, damaged ones are left where they are`() throws {
        try write(10, 20)
        try damage(20)
        let before = try folder.names()
        let restored = try store.restoreNewest(settingAside: false)
        #expect(restored.entry.step == 10)
        #expect(restored.damaged.map(\.setAsideAs) == [nil])
        #expect(try folder.names() == before)
    }

    @Test func `A checkpoint under the name of another step is not used`() throws {
        try write(10)
        try folder.put(CheckpointStore.name(step: 99), try folder.data(CheckpointStore.name(step: 10)))
        let restored = try store.restoreNewest()
        #expect(restored.entry.step == 10)
        #expect(restored.damaged.map(\.step) == [99])
    }

    @Test func `No checkpoint, and none that is good, are different errors`() throws {
        #expect(throws: CheckpointError.noneFound(directory: folder.path)) { try store.restoreNewest() }
        try write(10)
        try damage(10)
        let error = #expect(throws: CheckpointError.self) { try store.restoreNewest() }
        guard case .allDamaged(_, let files) = error else {
            Issue.record("found \(String(describing: error))")
            return
        }
        #expect(files.map(\.name) == ["step-00000010.safetensors.zst"])
    }

    @Test func `A checkpoint that cannot be opened is not passed over`() throws {
        try write(10)
        // A folder of that name: it cannot be read, whoever runs the test.
        try FileManager.default.createDirectory(
            atPath: store.path(step: 20), withIntermediateDirectories: false)
        let error = #expect(throws: CheckpointError.self) { try store.restoreNewest() }
        #expect(
            error
                == .unreadable(
                    path: store.path(step: 20), reason: "expected a regular file, found a folder"))
    }

    @Test func `Opening for writing creates the folder and removes what a crash left behind`() throws {
        let store = CheckpointStore(directory: folder.path("run/checkpoints"))
        #expect(try store.openForWriting().isEmpty)
        let leftover = ".step-00000010.safetensors.zst.tmp-4711"
        for name in [leftover, ".other.tmp-1", "step-00000009.safetensors.zst"] {
            try folder.put("run/checkpoints/" + name, Data([1]))
        }
        #expect(try store.openForWriting() == [leftover])
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path("run/checkpoints"))
            .sorted()
        #expect(left == [".other.tmp-1", "step-00000009.safetensors.zst"])
    }

    @Test func `Retention keeps the newest and the protected ones`() throws {
        try write(1, 2, 3, 4, 5)
        #expect(try store.applyRetention(keepLast: nil, protecting: []).isEmpty)
        #expect(try store.applyRetention(keepLast: 9, protecting: []).isEmpty)
        let removed = try store.applyRetention(keepLast: 2, protecting: [2])
        #expect(removed.map(\.step) == [1, 3])
        #expect(try store.list().map(\.step) == [2, 4, 5])
        try store.applyRetention(keepLast: 0, protecting: [4])
        #expect(try store.list().map(\.step) == [4])
    }

    @Test func `Later checkpoints can be set aside`() throws {
        try write(1, 2, 3)
        #expect(try store.setAside(after: 1).map(\.step) == [2, 3])
        #expect(try store.list().map(\.step) == [1])
        #expect(try folder.names().contains("step-00000003.safetensors.zst.superseded"))
    }

    @Test func `A full disk leaves no temporary file, and the checkpoint before it stays good`() async throws
    {
        try write(10)
        let directory = folder.path
        await #expect(processExitsWith: .success) { [directory = directory as String] in
            let store = CheckpointStore(directory: directory)
            try limitFileSize(to: 4000)
            // Larger than the limit, and of the same step too: the file that is there must not be touched.
            for step in [10, 20] {
                let checkpoint = try sampleCheckpoint(step: step)
                let error = #expect(throws: CheckpointError.self) { try store.write(checkpoint) }
                #expect(error?.description == "cannot write \(store.path(step: step)): File too large")
            }
        }
        #expect(try folder.names() == [CheckpointStore.name(step: 10)])
        #expect(try store.restoreNewest().checkpoint.metadata.position.step == 10)
    }
}
