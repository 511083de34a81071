import Checkpoints
import FileTestSupport
import Foundation

/// A small model after some steps: noise as weights, so that it compresses like one.
func sampleCheckpoint(step: Int = 390, hidden: Int = 64) throws -> Checkpoint {
    var generator = SeededGenerator(state: UInt64(step))
    func tensor(_ name: String, _ shape: [Int]) throws -> NamedTensor {
        let count = shape.reduce(1, *)
        let floats = (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
        return try NamedTensor(name: name, shape: shape, floats: floats)
    }
    let metadata = CheckpointMetadata(
        configuration: #"{"batchSize":128,"name":"größe \"x\"\n"}"#, logicalShards: 8,
        position: .init(epoch: 1, step: step, stepInEpoch: 39),
        bestValidation: .init(epoch: 1, step: 351, accuracy: 0.1 + 0.2, loss: 1.0 / 3),
        dataFingerprint: "00ff", arithmetic: "portable", worldSize: 3, programVersion: "1.2.3",
        additional: ["sum_of_losses": "12.5", "": "empty key"])
    return Checkpoint(
        tensors: [
            try tensor("layers.0.weight", [hidden, 30]),
            try tensor("layers.0.bias", [hidden]),
            NamedTensor(name: "layers.1.num_batches_tracked", scalar: 390),
            try tensor("empty", [0, 5]),
            try NamedTensor(name: "mask", elementType: .uint8, shape: [3], bytes: Data([1, 2, 3])),
        ], metadata: metadata)
}

/// The tensors by name: files have an order of their own.
func byName(_ tensors: [NamedTensor]) -> [NamedTensor] { tensors.sorted { $0.name < $1.name } }
