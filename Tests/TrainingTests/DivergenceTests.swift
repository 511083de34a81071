import Checkpoints
import Collectives
import CollectivesTesting
import FileTestSupport
import Foundation
import Testing
import Training

/// Runs whose numbers stop being numbers.
@Suite struct DivergenceTests {
    private func diverge(_ run: SmallRun, in folder: TemporaryFolder) -> Divergence? {
        #expect(throws: Divergence.self) {
            _ = try run.train(over: SingleProcessCommunicator(), output: folder.path("run"))
        }
    }

    @Test("A loss that is no number ends the run at its step")
    func loss() throws {
        let folder = try TemporaryFolder()
        let divergence = diverge(SmallRun(learningRate: 1e30), in: folder)
        #expect(divergence?.step == 2 && divergence?.epoch == 1)
        guard case .loss(let loss)? = divergence?.quantity else {
            Issue.record("\(String(describing: divergence))")
            return
        }
        #expect(!loss.isFinite)
    }

    @Test(
        "The message names layer, rank, host and record, alike on all ranks, and the last checkpoint stays",
        arguments: ["factor-exchange", "allreduce"])
    func place(strategy: String) throws {
        let folder = try TemporaryFolder()
        var run = SmallRun(learningRate: 1e30, checkpointInterval: .steps(1))
        run.configure = { $0.strategy = strategy == "allreduce" ? .allreduce : .factorExchange }
        let output = folder.path("run")
        let found = try ThreadCommunicator.run(nodeOfRank: [0, 1, 0]) { [run] communicator -> Divergence? in
            do {
                _ = try run.train(over: communicator, output: output)
                return nil
            } catch let divergence as Divergence {
                return divergence
            }
        }
        let first = try #require(found[0])
        let place = try #require(first.place)
        for divergence in found {
            #expect(divergence?.description == first.description && divergence?.place == place)
        }
        #expect(found.map { $0?.shouldReport } == [true, false, false])
        let rank = try #require(place.rank)
        let record = try #require(place.record)
        let host = rank == 1 ? "node-1" : "node-0"
        #expect(
            first.description.contains(
                "at step \(first.step) in epoch 1, first in the output of \(place.layer) (forward pass), on rank \(rank) (host \(host)), row"
            ), "\(first)")
        #expect(first.description.contains("of the batch, training record \(record); try a smaller --lr"))
        let store = CheckpointStore(directory: folder.path("run/checkpoints"))
        #expect(try store.restoreNewest().checkpoint.metadata.position.step == first.step - 1)
    }

    @Test("Where the parameters were spoilt by the step before, the one that was is named")
    func parameter() throws {
        let divergence = try #require(diverge(SmallRun(learningRate: 1e300), in: TemporaryFolder()))
        #expect(divergence.step == 2 && divergence.place?.layer == "layers.0")
        #expect(
            divergence.description.contains(
                "first in the output of layers.0 (forward pass), as layers.0.weight was not finite before the step"
            ), "\(divergence)")
    }

    @Test(
        "What the last update has spoilt ends the run without a summary, with or without validation",
        arguments: [0, 20], [1e30, 1e38, 1e300])
    func lastUpdate(validationSize: Int, learningRate: Double) throws {
        let folder = try TemporaryFolder()
        // The loss of the only step is that of the model before it.
        let run = SmallRun(
            epochs: 1, steps: 1, learningRate: learningRate, validationSize: validationSize)
        let divergence = diverge(run, in: folder)
        #expect(divergence?.step == 1 && divergence?.epoch == 1)
        #expect(!FileManager.default.fileExists(atPath: folder.path("run/summary.json")))
        let store = CheckpointStore(directory: folder.path("run/checkpoints"))
        // If there is a checkpoint, it holds nothing but numbers.
        for entry in try store.list() {
            for tensor in try CheckpointFile.read(entry.path).tensors where tensor.elementType == .float32 {
                #expect(try tensor.floats().allSatisfy(\.isFinite), "\(tensor.name)")
            }
        }
        // To go on comes to the same end, for the same reason.
        #expect(throws: Divergence.self) {
            _ = try run.train(over: SingleProcessCommunicator(), output: folder.path("run"), resumes: true)
        }
    }

    @Test("A checkpoint that holds infinity or NaN is no place to go on from, and the message says why")
    func resume() throws {
        let folder = try TemporaryFolder()
        let run = SmallRun(validationSize: 20)
        _ = try run.train(over: SingleProcessCommunicator(), output: folder.path("run"), stopStep: 7)
        let store = CheckpointStore(directory: folder.path("run/checkpoints"))
        let good = try store.restoreNewest().checkpoint
        func expectRefusal(_ spoil: (inout Checkpoint) throws -> Void) throws {
            var checkpoint = good
            try spoil(&checkpoint)
            try CheckpointFile.encode(checkpoint).write(to: URL(filePath: store.path(step: 7)))
            let error = #expect(throws: ResumePoint.Failure.self) {
                _ = try run.train(
                    over: SingleProcessCommunicator(), output: folder.path("run"), resumes: true)
            }
            #expect(error?.description.contains("expected finite numbers") == true)
        }
        for name in ["layers.0.weight", "optimizer.velocity.layers.0.bias", "best.layers.2.weight"] {
            for value in [Float.nan, .infinity] {
                try expectRefusal { checkpoint in
                    let index = try #require(checkpoint.tensors.firstIndex { $0.name == name })
                    let tensor = checkpoint.tensors[index]
                    var floats = try tensor.floats()
                    floats[floats.count / 2] = value
                    checkpoint.tensors[index] = try NamedTensor(
                        name: name, shape: tensor.shape, floats: floats)
                }
            }
        }
        try expectRefusal { $0.metadata.bestValidation?.loss = .nan }
    }
}
