import FileTestSupport
import Foundation
import Metrics
import Reports
import Testing
import Training

@Suite("Records of a run")
struct RunRecordsTests {
    @Test("A run is read as it was written, and what is not finite is NaN")
    func reading() throws {
        let runs = try SampleRuns()
        let run = try runs.add("a", seed: 7, diagnostics: true)
        #expect(run.configuration.seed == 7 && run.name == "a" && run.summary == nil && run.notes.isEmpty)
        #expect(run.epochs.map(\.trainLoss) == [2, 1, 2.0 / 3])
        #expect(run.epochs[1].validationLoss?.isNaN == true && run.epochs[2].validationLoss == 1.5)
        #expect(run.diagnostics.map(\.epoch) == [1, 2, 3])
        #expect(run.diagnostics[0].tensors[0].updateNorm.isNaN)
        #expect(try run.steps().map(\.step) == Array(1...30))
        // However it is written.
        #expect(try RunRecords(path: run.directory.path + "//").name == "a")
    }

    @Test("A line that was cut off is left out and told; what is missing is missing")
    func cutOff() throws {
        let runs = try SampleRuns()
        try runs.add("a", diagnostics: true)
        for file in ["metrics.jsonl", "diagnostics.jsonl"] {
            let whole = try runs.folder.data("a/" + file)
            try runs.folder.put("a/" + file, whole.dropLast(20))
        }
        let steps = try runs.folder.data("a/steps.jsonl.zst")
        try runs.folder.put("a/steps.jsonl.zst", steps.dropLast(3))
        let run = try RunRecords(path: runs.folder.path("a"))
        #expect(run.epochs.map(\.epoch) == [1, 2] && run.diagnostics.map(\.epoch) == [1, 2])
        #expect(
            run.notes.count == 2 && run.notes[0].contains("metrics.jsonl") && run.notes[0].contains("cut off")
        )
        #expect(try run.steps().count < 30)
        for file in ["metrics.jsonl", "diagnostics.jsonl", "steps.jsonl.zst"] {
            try FileManager.default.removeItem(atPath: runs.folder.path("a/" + file))
        }
        let bare = try RunRecords(path: runs.folder.path("a"))
        #expect(try bare.epochs.isEmpty && bare.diagnostics.isEmpty && bare.steps().isEmpty)
    }

    @Test("What is no run is refused, with the file, what was expected and what was found")
    func refusals() throws {
        let runs = try SampleRuns()
        try runs.add("a")
        func message(_ path: String) -> String {
            do {
                _ = try RunRecords(path: path)
                return ""
            } catch { return "\(error)" }
        }
        let folder = runs.folder
        #expect(message(folder.path("none")).contains("none: expected the directory of a run, found nothing"))
        #expect(
            message(folder.path("a/config.json")).contains("expected the directory of a run, found a file"))
        #expect(message(folder.path).contains("expected the directory of a run, with config.json in it"))
        try folder.put("a/metrics.jsonl", Data("{\"epoch\":1,\"step\":1}\nnonsense\n".utf8))
        #expect(
            message(folder.path("a")).contains(
                "metrics.jsonl, line 2: expected a record in JSON, found \"nonsense\""))
        try folder.put("a/config.json", Data("[]".utf8))
        #expect(
            message(folder.path("a")).contains("config.json: expected the configuration of a training run"))
    }
}
