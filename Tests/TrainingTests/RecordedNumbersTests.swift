import Checkpoints
import Collectives
import DataParallel
import FileTestSupport
import Metrics
import Testing
import Training

/// Numbers that nothing computes with again, and people read.
@Suite struct RecordedNumbersTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test("The learning rate of an epoch is that of its last step")
    func learningRate() throws {
        let observer = SmallRun.Observer()
        // Ten steps of warm-up, five an epoch.
        _ = try SmallRun(learningRate: 0.2, warmupEpochs: 2).train(
            over: SingleProcessCommunicator(), output: folder.path("run"), observer: observer)
        #expect(observer.epochs.map(\.learningRate) == [0.2 * 5 / 10, 0.2])
        #expect(observer.epochs.map(\.step) == [5, 10])
    }

    @Test("The speed of a run is its images divided by its seconds")
    func speed() throws {
        let run = SmallRun()
        let summary = try #require(
            run.train(over: SingleProcessCommunicator(), output: folder.path("run")).summary)
        let images = Double(run.epochs * run.steps * SmallRun.batchSize)
        #expect(abs(summary.imagesPerSecond * summary.trainSeconds - images) < 1e-6 * images)
    }

    @Test("Batch norm's counters of batches are the steps so far, as PyTorch counts them")
    func batches() throws {
        let output = folder.path("run")
        _ = try SmallRun(batchNorm: .sync).train(over: SingleProcessCommunicator(), output: output)
        for step in [5, 10] {
            let path = CheckpointStore(directory: output + "/checkpoints").path(step: step)
            let counters = try CheckpointFile.read(path).tensors.filter {
                $0.name.hasSuffix("num_batches_tracked") && !$0.name.hasPrefix("best.")
            }
            #expect(try counters.map { try $0.integer() } == [Int64(step), Int64(step)])
        }
    }
}
