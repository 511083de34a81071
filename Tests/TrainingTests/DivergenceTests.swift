import Checkpoints
import Collectives
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
