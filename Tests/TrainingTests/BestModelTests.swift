import CollectivesTesting
import Checkpoints
import Collectives
import DataParallel
import FileTestSupport
import MLPEngine
import Metrics
import Testing
import Training

/// Which model is tested in the end.
@Suite struct BestModelTests {
    /// A finished run whose best epoch is another one by accuracy than by loss, and is not the last.
    private struct Contested: Sendable {
        let run: SmallRun
        let output: String
        let folder: TemporaryFolder
        let summary: RunSummary
        let bestByAccuracy: Int

        /// The checkpoint at the end of an epoch, from 1.
        func checkpoint(epoch: Int) throws -> ResumePoint {
            let step = String(epoch * SmallRun.stepsPerEpoch)
            let name = "step-" + String(repeating: "0", count: 8 - step.count) + step + ".safetensors.zst"
            return try ResumePoint(path: output + "/checkpoints/" + name)
        }

        func testLoss(epoch: Int, _ model: Checkpoint.Model = .current) throws -> Double {
            try CheckpointEvaluation.run(
                checkpoint(epoch: epoch), model: model, dataset: run.dataset,
                communicator: SingleProcessCommunicator(), mode: .rank0
            ).loss.meanLoss
        }
    }

    private static let contested = Result {
        // Few records make accuracy and loss disagree soon.
        for seed in UInt64(1)...40 {
            let run = SmallRun(
                batchNorm: .sync, epochs: 6, learningRate: 0.05, seed: seed, validationSize: 30)
            let folder = try TemporaryFolder()
            let observer = SmallRun.Observer()
            let outcome = try run.train(
                over: SingleProcessCommunicator(), output: folder.path("run"), observer: observer)
            let accuracies = observer.epochs.map { $0.validationAccuracy ?? 0 }
            let losses = observer.epochs.map { $0.validationLoss ?? 0 }
            guard let best = accuracies.indices.max(by: { accuracies[$0] < accuracies[$1] }),
                let first = accuracies.firstIndex(of: accuracies[best]), first < accuracies.count - 1,
                losses.firstIndex(of: losses.min() ?? 0) != first, let summary = outcome.summary
            else { continue }
            return Contested(
                run: run, output: folder.path("run"), folder: folder, summary: summary,
                bestByAccuracy: first + 1)
        }
        throw NoSuchRun()
    }

    private struct NoSuchRun: Error {}

    @Test("It is the first one with the highest accuracy on validation, whatever the losses")
    func accuracyDecides() throws {
        let contested = try Self.contested.get()
        #expect(contested.summary.bestEpoch == contested.bestByAccuracy)
    }

    @Test(
        "Its parameters are tested with its own statistics: to the bit what `evaluate` finds for its checkpoint"
    )
    func parametersAndStatistics() throws {
        let contested = try Self.contested.get()
        let last = contested.summary.epochs
        #expect(try contested.summary.testLoss == contested.testLoss(epoch: contested.bestByAccuracy))
        #expect(try contested.summary.testLoss == contested.testLoss(epoch: last, .best))
        #expect(try contested.summary.testLoss != contested.testLoss(epoch: last))
    }

    @Test("It reaches all ranks when a run goes on, and all of them test it")
    func reachesAllRanks() throws {
        let contested = try Self.contested.get()
        var run = contested.run
        run.evaluation = .sharded
        let (resumed, output) = (run, contested.output)
        let outcomes = try ThreadCommunicator.run(nodeOfRank: [0, 0, 1]) {
            try resumed.train(over: $0, output: output, resumes: true)
        }
        for outcome in outcomes {
            #expect(outcome.summary?.testLoss == contested.summary.testLoss)
            #expect(outcome.summary?.bestEpoch == contested.bestByAccuracy)
        }
    }
}
