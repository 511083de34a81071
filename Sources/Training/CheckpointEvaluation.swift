public import Checkpoints
public import Collectives
public import Datasets
public import MLPEngine
internal import Tensors

/// The test of a checkpoint's model.
public struct CheckpointEvaluation {
    /// Computes a checkpoint's losses on the test records. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - checkpoint: On rank 0 the checkpoint; nil on all others.
    ///   - model: Which of its models.
    ///   - dataset: Where the records are.
    ///   - communicator: The ranks.
    ///   - mode: Who evaluates.
    /// - Returns: The same record on every rank.
    /// - Throws: An `AgreedFailure` where all ranks fail together.
    public static func run(
        _ checkpoint: ResumePoint?, model: Checkpoint.Model, dataset: any ImageDataset,
        communicator: any Communicator,
        mode: RunOptions.Evaluation
    ) throws -> BatchLoss {
        let stored = try CheckpointModel(
            checkpoint, model: model, dataset: dataset, communicator: communicator)
        let configuration = stored.configuration
        if mode == .sharded, communicator.size > 1 {
            try communicator.agree(on: "trying the arithmetic") {
                try ArithmeticProbe(configuration, stepsPerEpoch: 1)
            }.compare(over: communicator)
        }
        let mlp = MLP(configuration.model)
        let evaluator = try communicator.agree(on: "reading the records") {
            try Evaluator(
                mlp: mlp, dataset: dataset, split: .test, indices: Array(0..<dataset.count(of: .test)),
                communicator: communicator, mode: mode,
                threadsPerRank: ProcessorShare.threads(of: communicator))
        }
        return try withExtendedLifetime(stored.weights) { weights in
            try evaluator.evaluate(
                parameters: weights.parameters.vector, runningStatistics: weights.runningStatistics.vector)
        }
    }
}
