import Checkpoints
import Collectives
import FileTestSupport
import Foundation
import Testing
import Training

/// That one process at a time works in a run directory. A lock is taken per open file, so two in one process exclude each
/// other as those of two processes do.
@Suite struct RunLockTests {
    private let folder: TemporaryFolder
    private let run: RunDirectory

    init() throws {
        folder = try TemporaryFolder()
        run = RunDirectory(path: folder.path("run"))
    }

    /// Every file below the folder with what it holds.
    private func contents() throws -> [String: Data] {
        let paths = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return try paths.reduce(into: [:]) { result, path in
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: folder.path(path), isDirectory: &isFolder)
            result[path] = isFolder.boolValue ? Data() : try folder.data(path)
        }
    }

    private func expectHeld(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) {
        let error = #expect(throws: RunDirectory.Failure.self, sourceLocation: sourceLocation) { try body() }
        let holder = "process \(ProcessInfo.processInfo.processIdentifier) on "
        #expect(
            error?.description.contains(holder) == true, "\(String(describing: error))",
            sourceLocation: sourceLocation)
        #expect(error?.description.contains(run.path) == true, sourceLocation: sourceLocation)
    }

    @Test func `A run in training is not resumed, is not begun again, and is left as it is`() throws {
        _ = try SmallRun().train(over: SingleProcessCommunicator(), output: run.path, stopStep: 6)
        // A damaged checkpoint would be renamed by who goes on from here.
        let store = CheckpointStore(directory: run.checkpoints)
        try Data([1, 2, 3]).write(to: URL(filePath: store.path(step: 9)))
        let lock = try RunLock(run, setting: "--resume")
        let before = try contents()
        expectHeld { _ = try ResumePoint(resolving: run.path) }
        expectHeld { _ = try ResumePoint(resolving: "latest", latestIn: folder.path) }
        expectHeld { _ = try ResumePoint(resolving: store.path(step: 6)) }
        expectHeld { _ = try ResumePoint(resolving: store.path(step: 6), output: run.path + "/.") }
        expectHeld { _ = try run.create() }
        expectHeld { _ = try SmallRun().train(over: SingleProcessCommunicator(), output: run.path) }
        #expect(try contents() == before)
        withExtendedLifetime(lock) {}
    }

    @Test func `A run in training can be gone on from elsewhere, and is left as it is`() throws {
        _ = try SmallRun().train(over: SingleProcessCommunicator(), output: run.path, stopStep: 6)
        let store = CheckpointStore(directory: run.checkpoints)
        try Data([1, 2, 3]).write(to: URL(filePath: store.path(step: 9)))
        let lock = try RunLock(run, setting: "--resume")
        let before = try contents()
        let point = try ResumePoint(resolving: run.path, output: folder.path("other"))
        #expect(point.notes.count == 1)
        #expect(point.notes.first?.contains("left where it is") == true)
        #expect(try contents() == before)
        withExtendedLifetime(lock) {}
    }

    @Test func `A folder in which another process is about to begin is not taken`() throws {
        let lock = try run.create()
        expectHeld { _ = try run.create() }
        withExtendedLifetime(lock) {}
    }

    @Test func `The lock is held until the run is over, and then nothing is left of it`() throws {
        let path = run.path
        let lockFile = run.lockFile
        var observed = SmallRun()
        observed.whenBegun = {
            #expect(FileManager.default.fileExists(atPath: lockFile))
            #expect(throws: RunDirectory.Failure.self) {
                try RunLock(RunDirectory(path: path), setting: "--resume", patience: .zero)
            }
        }
        _ = try observed.train(over: SingleProcessCommunicator(), output: path, stopStep: 3)
        #expect(!FileManager.default.fileExists(atPath: lockFile))
        _ = try observed.train(over: SingleProcessCommunicator(), output: path, resumes: true)
        #expect(!FileManager.default.fileExists(atPath: lockFile))
    }

    @Test func `A process that is about to end is waited for`() throws {
        let holder = Holder(try run.create())
        Thread.detachNewThread {
            Thread.sleep(forTimeInterval: 0.2)
            holder.lock = nil
        }
        _ = try RunLock(run, setting: "--resume", patience: .seconds(60))
    }

    /// Touched by one thread after the other.
    private final class Holder: @unchecked Sendable {
        var lock: RunLock?

        init(_ lock: RunLock) { self.lock = lock }
    }
}
