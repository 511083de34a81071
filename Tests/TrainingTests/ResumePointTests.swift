import Checkpoints
import FileTestSupport
import Foundation
import Testing
import Training

@Suite struct ResumePointTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Puts a checkpoint after `step` steps of a run with the seed `step` and 3 epochs into a run directory.
    @discardableResult
    private func put(_ step: Int, in name: String) throws -> String {
        var configuration = TrainingConfiguration()
        configuration.seed = UInt64(step)
        configuration.epochs = 3
        let text = String(decoding: try JSONEncoder().encode(configuration), as: UTF8.self)
        let store = CheckpointStore(directory: RunDirectory(path: folder.path(name)).checkpoints)
        try store.openForWriting()
        return try store.write(
            Checkpoint(
                tensors: [try NamedTensor(name: "a", shape: [1], floats: [1])],
                metadata: CheckpointMetadata(
                    configuration: text, logicalShards: 8,
                    position: .init(epoch: 0, step: step, stepInEpoch: step), dataFingerprint: "",
                    arithmetic: "", worldSize: 1, programVersion: ""))
        ).entry.path
    }

    private func damage(_ path: String) throws {
        let url = URL(filePath: path)
        try Data(contentsOf: url).dropLast().write(to: url)
    }

    @Test func `A run directory means its newest checkpoint`() throws {
        try put(10, in: "run")
        try put(20, in: "run")
        let point = try ResumePoint(resolving: folder.path("run"))
        #expect(point.configuration.seed == 20 && point.notes.isEmpty)
        #expect(point.directory?.path == folder.path("run"))
    }

    @Test func `A damaged newest checkpoint is told of, set aside, and the one before is used`() throws {
        try put(10, in: "run")
        try damage(try put(20, in: "run"))
        let point = try ResumePoint(resolving: folder.path("run"))
        #expect(point.configuration.seed == 10 && point.notes.count == 1)
        #expect(
            point.notes.first?.contains("step-00000020") == true
                && point.notes.first?.contains("going on from") == true)
        #expect(
            try folder.names() == ["run"]
                && FileManager.default.contentsOfDirectory(atPath: folder.path("run/checkpoints")).sorted()
                    == ["step-00000010.safetensors.zst", "step-00000020.safetensors.zst.damaged"]
        )
    }

    @Test func `Where all are damaged nothing begins again by itself, now or later`() throws {
        let run = RunDirectory(path: folder.path("run"))
        _ = try run.create()
        try run.write(TrainingConfiguration(), to: run.configuration)
        try damage(try put(10, in: "run"))
        #expect(throws: CheckpointError.self) { try ResumePoint(run: run) }
        let error = #expect(throws: ResumePoint.Failure.self) { try ResumePoint(run: run) }
        #expect(error?.description.contains("step-00000010.safetensors.zst.damaged") == true)
    }

    @Test func `A run without a checkpoint begins with its own configuration`() throws {
        let run = RunDirectory(path: folder.path("run"))
        _ = try run.create()
        var configuration = TrainingConfiguration()
        configuration.seed = 5
        try run.write(configuration, to: run.configuration)
        let point = try ResumePoint(run: run)
        #expect(point.configuration == configuration && point.directory?.path == run.path)
    }

    @Test func `More epochs in config.json hold, another result does not`() throws {
        try put(10, in: "run")
        let run = RunDirectory(path: folder.path("run"))
        var configuration = try ResumePoint(run: run).configuration
        configuration.epochs = 9
        try run.write(configuration, to: run.configuration)
        #expect(try ResumePoint(run: run).configuration.epochs == 9)
        configuration.learningRate = 0.7
        try run.write(configuration, to: run.configuration)
        let found = try ResumePoint(run: run).configuration
        #expect(found.epochs == 3 && found.learningRate == 0.1)
    }

    @Test func `A checkpoint is itself, and knows its run`() throws {
        let path = try put(10, in: "run")
        try put(20, in: "run")
        let point = try ResumePoint(resolving: path)
        #expect(point.configuration.seed == 10 && point.directory?.path == folder.path("run"))
        let copy = folder.path("copy.zst")
        try FileManager.default.copyItem(atPath: path, toPath: copy)
        #expect(try ResumePoint(resolving: copy).directory == nil)
    }

    @Test func `A damaged checkpoint given by name is an error and stays where it is`() throws {
        let path = try put(10, in: "run")
        try damage(path)
        let error = #expect(throws: CheckpointError.self) { try ResumePoint(resolving: path) }
        #expect(error?.description.contains("\(path) is damaged") == true)
        #expect(FileManager.default.fileExists(atPath: path))
    }

    @Test func `latest is the run whose newest checkpoint was written last`() throws {
        let old = try put(10, in: "runs/b")
        try put(20, in: "runs/a")
        let past = Date(timeIntervalSinceNow: -100)
        try FileManager.default.setAttributes([.modificationDate: past], ofItemAtPath: old)
        try FileManager.default.createDirectory(
            atPath: folder.path("runs/c"), withIntermediateDirectories: true)
        let parent = folder.path("runs")
        #expect(try ResumePoint(resolving: "latest", latestIn: parent).configuration.seed == 20)
    }

    @Test func `Without any run, or with nothing there, the error says where it looked`() throws {
        let none = #expect(throws: RunDirectory.Failure.self) {
            try ResumePoint(resolving: "latest", latestIn: folder.path("runs"))
        }
        #expect(none?.description.contains(folder.path("runs")) == true)
        for path in [folder.path("nowhere"), folder.path] {
            let error = #expect(throws: ResumePoint.Failure.self) { try ResumePoint(resolving: path) }
            #expect(error?.description.contains("--resume \(path)") == true)
        }
    }

    @Test func `A checkpoint of something else than a training run is refused by name`() throws {
        let store = CheckpointStore(directory: folder.path)
        let path = try store.write(
            Checkpoint(
                tensors: [],
                metadata: CheckpointMetadata(
                    configuration: "{}", logicalShards: 8, position: .init(epoch: 0, step: 1, stepInEpoch: 1),
                    dataFingerprint: "", arithmetic: "", worldSize: 1, programVersion: ""))
        ).entry.path
        let error = #expect(throws: ResumePoint.Failure.self) { try ResumePoint(resolving: path) }
        #expect(error?.description.contains(path) == true)
    }
}
