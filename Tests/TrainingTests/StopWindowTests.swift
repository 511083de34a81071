import Checkpoints
import Collectives
import Datasets
import FileTestSupport
import Foundation
import Metrics
import Synchronization
import Testing
import Training

/// When what asks a run to stop may be noted instead of ending the process.
@Suite struct StopWindowTests {
    private final class Silence: TrainingObserver {
        func runBegins(_ header: [(key: String, value: String)], plan: ConsoleReporter.Plan) {}
        func stepEnded(_ record: StepRecord) {}
        func epochEnded(_ record: EpochRecord) {}
        func note(_ text: String) {}
        func runEnded(_ summary: RunSummary, directory: String) {}
    }

    @Test func `It opens before the first step and closes when the last checkpoint is there`() throws {
        let folder = try TemporaryFolder()
        let run = RunDirectory(path: folder.path("run"))
        let events = Mutex<[String]>([])
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = [4]
        configuration.epochs = 1
        configuration.batchSize = 32
        configuration.validationSize = 0
        var options = RunOptions(programVersion: "test")
        options.output = run.path
        options.checkpointInterval = .epochs(1)
        options.stepsBegin = { events.withLock { $0.append("begin") } }
        options.stopRequested = {
            events.withLock { $0.append("step") }
            return false
        }
        options.stepsEnd = {
            let steps = (try? CheckpointStore(directory: run.checkpoints).list().map(\.step)) ?? []
            let isTold = FileManager.default.fileExists(atPath: run.summary)
            events.withLock { $0.append("end \(steps) \(isTold ? "after" : "before") the test") }
        }
        _ = try Trainer(
            communicator: SingleProcessCommunicator(), configuration: configuration, options: options,
            dataset: SyntheticDataset(seed: 5, trainingCount: 96, testCount: 20), resumePoint: nil,
            observer: Silence()
        ).run()
        #expect(
            events.withLock { $0 } == ["begin", "step", "step", "step", "end [3] before the test"])
    }
}
