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
        try run.create()
        #expect(FileManager.default.fileExists(atPath: run.path))
        #expect(!run.holdsRun)
    }

    @Test func `A folder that holds a run is not taken for another`() throws {
        let run = RunDirectory(path: folder.path("run"))
        try run.create()
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
        try run.create()
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

    @Test func `A time stamp names a run`() {
        let name = RunDirectory.timeStamped(Date(timeIntervalSince1970: 1_000_000_000)).path
        #expect(name.wholeMatch(of: /runs\/2001-09-0[89]T\d\d-\d\d-40/) != nil, "\(name)")
    }
}
