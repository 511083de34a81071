import CollectivesTesting
import Checkpoints
import Collectives
import FileTestSupport
import DataParallel
import Foundation
import Metrics
import Synchronization
import Testing
import Training
import ZstdFrames

/// What a run leaves behind, and what it says where it cannot.
@Suite struct RunFilesTests {
    private let folder: TemporaryFolder
    private let run: RunDirectory

    init() throws {
        folder = try TemporaryFolder()
        run = RunDirectory(path: folder.path("run"))
    }

    private var checkpoints: [Int] {
        get throws { try CheckpointStore(directory: run.checkpoints).list().map(\.step) }
    }

    /// A run that finds a folder where the checkpoint after `step` steps belongs, so that it cannot be written.
    private func runWithoutCheckpoint(of step: Int, epochs: Int = 2) -> SmallRun {
        let path = CheckpointStore(directory: run.checkpoints).path(step: step)
        return SmallRun(
            epochs: epochs,
            whenBegun: {
                try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            })
    }

    // MARK: Stopping and ending without a checkpoint

    @Test(arguments: [3, 8])
    func `Stopped without a checkpoint of it, all ranks say so, and what there is to go on from`(step: Int)
        throws
    {
        let (small, output) = (runWithoutCheckpoint(of: step), run.path)
        let results = try ThreadCommunicator.run(nodeOfRank: [0, 0, 1]) { communicator in
            Result { try small.train(over: communicator, output: output, stopStep: step) }
        }
        for (rank, result) in results.enumerated() {
            let error = #expect(throws: UnsavedRun.self) { try result.get() }
            #expect(error?.shouldReport == (rank == 0))
            let message = error?.description ?? ""
            #expect(message.contains("stopped as asked after step \(step) in epoch \(step > 5 ? 2 : 1)"))
            #expect(message.contains("found a folder"))
            let remedy =
                step > 5
                ? "the newest is step-00000005.safetensors.zst: --resume \(run.path) goes on from there"
                : "there is no other in \(run.checkpoints): --resume \(run.path) begins again"
            #expect(message.hasSuffix(remedy), "\(message)")
        }
    }

    @Test
    func `A run whose last checkpoint cannot be written ends with its result, and as one that is not saved`()
        throws
    {
        let (small, output) = (runWithoutCheckpoint(of: 10), run.path)
        let results = try ThreadCommunicator.run(nodeOfRank: [0, 1]) { communicator in
            Result { try small.train(over: communicator, output: output) }
        }
        for result in results {
            let error = #expect(throws: UnsavedRun.self) { try result.get() }
            #expect(error?.description.contains("its last checkpoint could not be written") == true)
            #expect(error?.description.contains("the newest is step-00000005.safetensors.zst") == true)
        }
        #expect(FileManager.default.fileExists(atPath: run.summary))
    }

    @Test func `A checkpoint that is missing in the middle does not keep a run from ending well`() throws {
        let outcome = try runWithoutCheckpoint(of: 5).train(
            over: SingleProcessCommunicator(), output: run.path)
        #expect(!outcome.digest.isEmpty)
    }

    @Test func `A summary that cannot be written is told`() throws {
        let path = run.summary
        let small = SmallRun(whenBegun: {
            try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        })
        let error = #expect(throws: UnsavedRun.self) {
            try small.train(over: SingleProcessCommunicator(), output: run.path)
        }
        #expect(
            error?.description.contains("its last checkpoint is written, but not all its files are") == true)
        #expect(error?.description.contains(run.summary) == true)
    }

    // MARK: Retention

    @Test func `The best checkpoint stays, however few are kept`() throws {
        // Steps so small that they change nothing: the first epoch's accuracy is never surpassed.
        let small = SmallRun(epochs: 4, learningRate: 1e-30, validationSize: 20, keepLast: 1)
        let outcome = try small.train(over: SingleProcessCommunicator(), output: run.path)
        guard case .finished(let summary) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(summary.bestEpoch == 1)
        #expect(try checkpoints == [5, 20])
    }

    // MARK: The summary

    @Test func `A run that looks at no test image says so, and is tested when it goes on`() throws {
        // With a mean of the weights there is a second model that could be looked at.
        var small = SmallRun(validationSize: 20)
        small.configure = { $0.averaging = .ema(decay: 0.9) }
        var untested = small
        untested.isTested = false
        let output = run.path
        let (untestedRun, testedRun) = (untested, small)
        let outcomes = try ThreadCommunicator.run(size: 2) {
            try untestedRun.train(over: $0, output: output)
        }
        let first = try #require(outcomes[0].summary)
        #expect(first.testAccuracy == nil && first.testLoss == nil && first.bestValidationAccuracy != nil)
        #expect(try !String(contentsOfFile: run.summary, encoding: .utf8).contains("test_"))
        let tested = try testedRun.train(
            over: SingleProcessCommunicator(), output: run.path, resumes: true
        ).summary
        let whole = try testedRun.train(
            over: SingleProcessCommunicator(), output: folder.path("whole")
        ).summary
        #expect(whole?.testLoss != nil && tested?.testLoss == whole?.testLoss)
        #expect(whole?.ownTestLoss != nil && tested?.ownTestLoss == whole?.ownTestLoss)
        #expect(tested?.tensorsSHA256 == first.tensorsSHA256)
    }

    @Test func `A summary is there only while the run is at its end`() throws {
        let world = SingleProcessCommunicator()
        _ = try SmallRun().train(over: world, output: run.path)
        let first = try folder.data("run/summary.json")
        _ = try SmallRun().train(over: world, output: run.path, resumes: true)
        #expect(try folder.data("run/summary.json") == first)

        let path = run.summary
        let more = SmallRun(epochs: 3, whenBegun: { #expect(!FileManager.default.fileExists(atPath: path)) })
        _ = try more.train(over: world, output: run.path, stopStep: 2, resumes: true)
        #expect(!FileManager.default.fileExists(atPath: run.summary))
        #expect(try folder.data("run/summary.json.superseded") == first)

        _ = try more.train(over: world, output: run.path, resumes: true)
        let decoded = try JSONDecoder().decode(RunSummary.self, from: folder.data("run/summary.json"))
        #expect(decoded.epochs == 3)
    }

    // MARK: Records

    /// Takes records and cannot write them.
    private final class FailingSink: MetricsSink {
        let steps = Mutex<[Int]>([])

        private struct Full: Error, CustomStringConvertible {
            let description = "the disk is full"
        }

        func recordStep(_ record: StepRecord) throws {
            steps.withLock { $0.append(record.step) }
            throw Full()
        }
        func recordEpoch(_ record: EpochRecord) throws { throw Full() }
        func flush() throws { throw Full() }
        func close() throws { throw Full() }
    }

    private static func steps(_ range: ClosedRange<Int>) -> [StepRecord] {
        range.map { StepRecord(epoch: 1, step: $0, learningRate: 0.1, loss: 1, accuracy: 0.5) }
    }

    private static let epoch = EpochRecord(
        epoch: 1, step: 600, learningRate: 0.1, trainLoss: 1, trainAccuracy: 0.5, seconds: 1,
        imagesPerSecond: 1)

    @Test(arguments: [0, 1, 2])
    func `A file that cannot be written misses no record, and keeps none from the others`(place: Int) throws {
        let failing = FailingSink()
        let csv = try CSVSink(path: folder.path("metrics.csv"))
        let log = try StepLog(path: folder.path("steps.jsonl.zst"), stepsPerFrame: 7)
        var sinks: [any MetricsSink] = [csv, log]
        sinks.insert(failing, at: place)
        let messages = MessageBox([])
        let queue = try FileQueue(sinks: sinks, messages: messages)
        queue.record(Self.steps(1...256))
        queue.record(Self.steps(257...600))
        queue.record(Self.epoch)
        queue.flush()
        #expect(queue.close() == ["the disk is full"])
        #expect(messages.take() == ["the disk is full"])
        #expect(failing.steps.withLock { $0 } == Array(1...600))
        #expect(try String(contentsOfFile: folder.path("metrics.csv"), encoding: .utf8).contains("\n1,600,"))
        let lines = try ZstdFrameFile(reading: folder.path("steps.jsonl.zst")).contents
        #expect(lines.split(separator: UInt8(ascii: "\n")).count == 600)
    }

    @Test func `Records of a time without room are written once there is, in order and once`() async throws {
        let directory = folder.path
        await #expect(processExitsWith: .success) { [directory = directory as String] in
            let log = try StepLog(path: directory + "/steps.jsonl.zst", stepsPerFrame: 10)
            let events = try TensorBoardSink(directory: directory, stepInterval: 1, secondsPerFlush: 0)
            let lines = try JSONLinesSink(path: directory + "/metrics.jsonl")
            let messages = MessageBox([])
            let queue = try FileQueue(sinks: [lines, log, events], messages: messages)
            func record(_ range: ClosedRange<Int>) {
                queue.record(
                    range.map { StepRecord(epoch: 1, step: $0, learningRate: 0.1, loss: 1, accuracy: 0.5) })
            }
            record(1...100)
            queue.flush()
            queue.afterAll { do { try limitFileSize(to: 1) } catch { Issue.record(error) } }
            record(101...1300)
            for epoch in 1...3 {
                queue.record(
                    EpochRecord(
                        epoch: epoch, step: 1300, learningRate: 0.1, trainLoss: 1, trainAccuracy: 0.5,
                        seconds: 1,
                        imagesPerSecond: 1))
            }
            queue.flush()
            record(1301...2600)
            queue.afterAll { do { try limitFileSize(to: 1 << 30) } catch { Issue.record(error) } }
            record(2601...2700)
            #expect(queue.close().isEmpty)
            #expect(messages.take().count == 3)
        }
        let log = try ZstdFrameFile(reading: folder.path("steps.jsonl.zst"))
        #expect(log.damage == nil)
        let steps = String(decoding: log.contents, as: UTF8.self).split(separator: "\n").map { line in
            line.firstMatch(of: /"step":(\d+)/).flatMap { Int($0.1) }
        }
        #expect(steps == Array(1...2700))
        let epochs = try String(contentsOfFile: folder.path("metrics.jsonl"), encoding: .utf8)
        #expect(epochs.split(separator: "\n").map { $0.prefix(10) } == (1...3).map { "{\"epoch\":\($0)" })
    }
}
