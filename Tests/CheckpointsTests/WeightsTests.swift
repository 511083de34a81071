import Checkpoints
import Testing

@Suite struct WeightsTests {
    private func checkpoint(bestStep: Int?) throws -> Checkpoint {
        let best = bestStep.map {
            CheckpointMetadata.BestValidation(epoch: 1, step: $0, accuracy: 0.5, loss: 1)
        }
        return Checkpoint(
            tensors: [
                try NamedTensor(name: "layers.0.weight", shape: [1], floats: [1]),
                NamedTensor(name: "layers.1.num_batches_tracked", scalar: 20),
                try NamedTensor(name: "optimizer.velocity.layers.0.weight", shape: [1], floats: [2]),
                try NamedTensor(name: "best.layers.0.weight", shape: [1], floats: [3]),
                NamedTensor(name: "best.layers.1.num_batches_tracked", scalar: 10),
            ],
            metadata: CheckpointMetadata(
                configuration: "{}", logicalShards: 8, position: .init(epoch: 2, step: 20, stepInEpoch: 0),
                bestValidation: best, dataFingerprint: "", arithmetic: "", worldSize: 1, programVersion: ""))
    }

    @Test func `The current model is what has neither prefix`() throws {
        let weights = try checkpoint(bestStep: 10).weights(of: .current)
        #expect(weights.map(\.name) == ["layers.0.weight", "layers.1.num_batches_tracked"])
        #expect(try weights[0].floats() == [1])
    }

    @Test func `The best model loses its prefix`() throws {
        let weights = try checkpoint(bestStep: 10).weights(of: .best)
        #expect(weights.map(\.name) == ["layers.0.weight", "layers.1.num_batches_tracked"])
        #expect(try weights[0].floats() == [3] && weights[1].integer() == 10)
    }

    @Test func `The best model is the current one where it was reached at the same step`() throws {
        let weights = try checkpoint(bestStep: 20).weights(of: .best)
        #expect(try weights.count == 2 && weights[0].floats() == [1])
    }

    @Test func `The mean of the weights is what was validated, where there is one`() throws {
        var checkpoint = try checkpoint(bestStep: 20)
        checkpoint.tensors += [
            try NamedTensor(name: "averaged.layers.0.weight", shape: [1], floats: [4]),
            NamedTensor(name: "averaged.layers.1.num_batches_tracked", scalar: 20),
        ]
        for model in [Checkpoint.Model.averaged, .best] {
            let weights = try checkpoint.weights(of: model)
            #expect(weights.map(\.name) == ["layers.0.weight", "layers.1.num_batches_tracked"])
            #expect(try weights[0].floats() == [4])
        }
        let own = try checkpoint.weights(of: .current)
        #expect(try own.count == 2 && own[0].floats() == [1])
        checkpoint.metadata.bestValidation?.step = 10
        #expect(try checkpoint.weights(of: .best)[0].floats() == [3])
    }

    @Test func `Without a mean of the weights there is none to be had`() throws {
        let checkpoint = try checkpoint(bestStep: 10)
        let error = #expect(throws: SafetensorsError.self) { try checkpoint.weights(of: .averaged) }
        #expect(error?.description.contains("expected a mean of the weights") == true)
    }

    @Test func `Without a validation there is no best model`() throws {
        let checkpoint = try checkpoint(bestStep: nil)
        #expect(checkpoint.prefix(of: .best) == nil)
        let error = #expect(throws: SafetensorsError.self) { try checkpoint.weights(of: .best) }
        #expect(error?.description.contains("no validation") == true)
    }
}
