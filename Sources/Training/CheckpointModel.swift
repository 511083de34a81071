package import Checkpoints
package import Collectives
package import Datasets
internal import Foundation
internal import MLPEngine
internal import Tensors
internal import Whitening

/// A checkpoint's model, on every rank.
package struct CheckpointModel {
    /// The run's configuration.
    package let configuration: TrainingConfiguration
    /// The data set as the model reads it: whitened, if its run had it so.
    package let dataset: any ImageDataset
    /// The model's numbers.
    let weights: BestModel.Weights

    /// The parameters, in the network's layout.
    package var parameters: [Float] { weights.parameters.vector.array }
    /// Batch norm's running statistics, in the network's layout.
    package var runningStatistics: [Float] { weights.runningStatistics.vector.array }

    /// Reads the model on rank 0 and gives it to all. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - checkpoint: On rank 0 the checkpoint; nil on all others.
    ///   - model: Which of its models.
    ///   - dataset: What the model is to be held against: of the kind that it was trained on.
    ///   - communicator: The ranks.
    ///   - note: Told on rank 0 what people should know.
    /// - Throws: An `AgreedFailure` where all ranks fail together.
    package init(
        _ checkpoint: ResumePoint?, model: Checkpoint.Model, dataset: any ImageDataset,
        communicator: any Communicator, note: (String) -> Void
    ) throws {
        let text = try communicator.agree(on: "checking the checkpoint") {
            try checkpoint?.checkTensors()
            return try checkpoint.map {
                String(decoding: try JSONEncoder().encode($0.configuration), as: UTF8.self)
            }
        }
        let configuration = try JSONDecoder().decode(
            TrainingConfiguration.self, from: Data(try communicator.broadcast(text: text ?? "", root: 0).utf8)
        )
        try communicator.agree(on: "comparing the data set with the checkpoint's") {
            guard dataset.format == configuration.dataFormat else {
                throw ConfigurationError(
                    "--data", found: "\(dataset.format.name) (\(dataset.location))",
                    expected: "\(configuration.dataFormat.name), which the model was trained on")
            }
        }
        let network = MLP(configuration.model).network
        weights = try communicator.agree(on: "reading the checkpoint") {
            let weights = try BestModel.Weights(network: network)
            if let point = checkpoint, let checkpoint = point.checkpoint {
                try ModelTensors(network: network).restore(
                    checkpoint, prefix: try point.prefix(of: model),
                    parameters: weights.parameters.vector,
                    runningStatistics: weights.runningStatistics.vector)
            }
            return weights
        }
        try communicator.broadcast(weights.parameters.vector.buffer, root: 0)
        try communicator.broadcast(weights.runningStatistics.vector.buffer, root: 0)
        self.configuration = configuration
        let expected = try WhitenedDataset.Expectation.broadcast(checkpoint?.whitening, over: communicator)
        let team = ProcessorAffinity.withAffinityToAllProcessors {
            WorkerTeam(upTo: ProcessorShare.threads(of: communicator))
        }
        self.dataset =
            try configuration.whitened(
                dataset, expected: expected, communicator: communicator, team: team, note: note) ?? dataset
    }
}
