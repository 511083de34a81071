import FileTestSupport
import Foundation
import Testing
import Training

@Suite struct RunDirectoryTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func `A new run directory is created with the folders above it`() throws {
        let run = RunDirectory(path: folder.path("a/b/run"))
        #expect(!run.holdsRun)
        let lock = try run.create()
        #expect(lock.directory.path == run.path)
        #expect(FileManager.default.fileExists(atPath: run.path))
        #expect(!run.holdsRun)
    }

    @Test func `A folder that holds a run is not taken for another`() throws {
        let run = RunDirectory(path: folder.path("run"))
        _ = try run.create()
        try run.write(TrainingConfiguration(), to: run.configuration)
        #expect(run.holdsRun)
        let error = #expect(throws: RunDirectory.Failure.self) { try run.create() }
        #expect(error?.description.contains(run.path) == true)
    }

    @Test func `What cannot be a folder is an error that names it`() throws {
        try folder.put("file", Data())
        let run = RunDirectory(path: folder.path("file/run"))
        let error = #expect(throws: RunDirectory.Failure.self) { try run.create() }
        #expect(error?.description.contains("--output \(run.path)") == true)
    }

    @Test func `The configuration comes back, and a half of it does not`() throws {
        let run = RunDirectory(path: folder.path("run"))
        _ = try run.create()
        #expect(run.storedConfiguration == nil)
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = [7]
        try run.write(configuration, to: run.configuration)
        #expect(run.storedConfiguration == configuration)
        let whole = try folder.data("run/config.json")
        try folder.put("run/config.json", whole.prefix(whole.count / 2))
        #expect(run.storedConfiguration == nil)
    }

    @Test func `A checkpoint in the folder checkpoints belongs to the run around it`() {
        let path = folder.path("run/checkpoints/step-00000010.safetensors.zst")
        #expect(RunDirectory.containing(checkpoint: path)?.path == folder.path("run"))
        #expect(RunDirectory.containing(checkpoint: folder.path("step-00000010.safetensors.zst")) == nil)
    }

    @Test func `A time stamp names a run, and a number after it the next one of that second`() throws {
        let moment = Date(timeIntervalSince1970: 1_000_000_000)
        let names = try (1...3).map { _ in
            try RunDirectory.createTimeStamped(in: folder.path("runs"), at: moment).directory.path
        }
        let first = try #require(names.first)
        #expect(first.hasPrefix(folder.path("runs/")))
        #expect(first.contains(/2001-09-0[89]T\d\d-\d\d-40$/), "\(first)")
        // Runs of one second never share a folder.
        #expect(names == [first, first + "-2", first + "-3"])
    }

    @Test func `What a run leaves that is killed as it begins is taken for a run`() throws {
        for name in ["config.json", "metrics.csv", "metrics.jsonl", "steps.jsonl.zst", "summary.json"] {
            let run = RunDirectory(path: folder.path("run-" + name))
            try FileManager.default.createDirectory(atPath: run.path, withIntermediateDirectories: true)
            #expect(!run.holdsRun)
            try folder.put("run-\(name)/\(name)", Data())
            #expect(run.holdsRun)
        }
    }
}
