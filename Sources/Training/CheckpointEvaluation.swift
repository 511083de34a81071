public import Checkpoints
public import Collectives
public import Datasets
internal import Foundation
public import MLPEngine
public import Metrics
internal import Tensors

/// What a checkpoint's model makes of the records of a split.
public struct CheckpointEvaluation: Sendable {
    /// The losses.
    public let loss: BatchLoss
    /// What the records were taken for.
    public let confusion: ConfusionMatrix

    /// Evaluates a checkpoint's model. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - checkpoint: On rank 0 the checkpoint; nil on all others.
    ///   - model: Which of its models.
    ///   - split: The records, as the checkpoint's run divided them.
    ///   - dataset: Where the records are.
    ///   - communicator: The ranks.
    ///   - mode: Who evaluates.
    /// - Returns: The same on every rank.
    /// - Throws: An `AgreedFailure` where all ranks fail together.
    public static func run(
        _ checkpoint: ResumePoint?, model: Checkpoint.Model, split: RunSplit = .test,
        dataset: any ImageDataset, communicator: any Communicator, mode: RunOptions.Evaluation
    ) throws -> CheckpointEvaluation {
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
            guard dataset.format == configuration.format else {
                throw ConfigurationError(
                    "--data", found: "\(dataset.format.name) (\(dataset.location))",
                    expected: "\(configuration.format.name), which the model was trained on")
            }
        }
        if mode == .sharded, communicator.size > 1 {
            try communicator.agree(on: "trying the arithmetic") {
                try ArithmeticProbe(configuration, stepsPerEpoch: 1)
            }.compare(over: communicator)
        }
        let mlp = MLP(configuration.model)
        let weights = try communicator.agree(on: "making room for the model") {
            try BestModel.Weights(network: mlp.network)
        }
        let (parameters, statistics) = (weights.parameters.vector, weights.runningStatistics.vector)
        let evaluator = try communicator.agree(on: "reading the checkpoint and the records") {
            if let checkpoint = checkpoint?.checkpoint {
                // Before the first validation the checkpoint's own model is the best one.
                try ModelTensors(network: mlp.network).restore(
                    checkpoint, prefix: checkpoint.prefix(of: model) ?? "",
                    parameters: parameters, runningStatistics: statistics)
            }
            let (part, indices) = try split.records(of: dataset, configuration)
            return try Evaluator(
                mlp: mlp, dataset: dataset, split: part, indices: indices,
                communicator: communicator, mode: mode,
                threadsPerRank: ProcessorShare.threads(of: communicator))
        }
        try communicator.broadcast(parameters.buffer, root: 0)
        try communicator.broadcast(statistics.buffer, root: 0)
        let result = try evaluator.evaluateWithConfusion(
            parameters: parameters, runningStatistics: statistics)
        return CheckpointEvaluation(loss: result.loss, confusion: result.confusion)
    }
}
