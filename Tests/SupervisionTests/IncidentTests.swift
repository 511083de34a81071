import FileTestSupport
import Foundation
import Supervision
import Testing
import Training

@Suite struct IncidentTests {
    @Test func `Incidents are lines that are read again, and what is none is passed over`() throws {
        let folder = try TemporaryFolder()
        let run = RunDirectory(path: folder.path + "/run")
        #expect(run.incidents == [])
        let first = Incident(exitCode: 69, ranks: 4, hosts: [], seconds: 1.5, step: nil, action: "restart")
        let second = Incident(
            exitCode: 137, ranks: 2, hosts: ["a", "b"], seconds: 12, step: 40, action: "restart")
        try run.append(first)
        // As a supervisor that was killed while it wrote leaves it.
        let file = try FileHandle(forWritingTo: URL(filePath: run.incidentsFile))
        try file.seekToEnd()
        try file.write(contentsOf: Data("{\"time\":\n".utf8))
        try file.close()
        try run.append(second)
        #expect(run.incidents == [first, second])
    }

    @Test func `A run that is begun is resumed, on so many ranks of each host as it has slots`() throws {
        let folder = try TemporaryFolder()
        let supervisor = Supervisor(
            .init(
                launcher: ["mpirun", "--bind-to", "none"], program: "dp-train", flags: ["--epochs", "3"],
                directory: RunDirectory(path: folder.path), ranks: 3),
            stopRequested: { false }, note: { _ in })
        #expect(
            supervisor.words(ranks: 3, hosts: []) == [
                "mpirun", "--bind-to", "none", "-np", "3", "dp-train", "train", "--epochs", "3", "--output",
                folder.path,
            ])
        try Data("{}".utf8).write(to: URL(filePath: folder.path + "/config.json"))
        #expect(
            supervisor.words(ranks: 2, hosts: [.init(name: "a", slots: 1), .init(name: "b", slots: 4)]) == [
                "mpirun", "--bind-to", "none", "-np", "2", "--host", "a:1,b:4", "dp-train", "train",
                "--epochs", "3", "--resume", folder.path,
            ])
    }
}
