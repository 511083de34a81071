public import Checkpoints
public import Collectives
public import Datasets
public import MLPEngine
public import Metrics
internal import Tensors

/// What a checkpoint's model makes of the records of a split.
public struct CheckpointEvaluation: Sendable {
    /// The losses.
    public let loss: BatchLoss
    /// What the records were taken for.
    public let confusion: ConfusionMatrix
    /// The losses of the mean over views, where views were asked for.
    public let viewsLoss: BatchLoss?

    /// Evaluates a checkpoint's model. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - checkpoint: On rank 0 the checkpoint; nil on all others.
    ///   - model: Which of its models.
    ///   - split: The records, as the checkpoint's run divided them.
    ///   - dataset: Where the records are.
    ///   - communicator: The ranks.
    ///   - mode: Who evaluates.
    ///   - views: Over which views the probabilities are averaged, besides; nil for none.
    ///   - note: Told on rank 0 what people should know.
    /// - Returns: The same on every rank.
    /// - Throws: An `AgreedFailure` where all ranks fail together.
    public static func run(
        _ checkpoint: ResumePoint?, model: Checkpoint.Model, split: RunSplit = .test,
        dataset: any ImageDataset, communicator: any Communicator, mode: RunOptions.Evaluation,
        views: TestViews? = nil, note: (String) -> Void = { _ in }
    ) throws -> CheckpointEvaluation {
        let stored = try CheckpointModel(
            checkpoint, model: model, dataset: dataset, communicator: communicator, note: note)
        let (configuration, dataset) = (stored.configuration, stored.dataset)
        try communicator.agree(on: "checking the views") {
            try views?.check(against: configuration.format, setting: "--views")
        }
        if mode == .sharded, communicator.size > 1 {
            try communicator.agree(on: "trying the arithmetic") {
                try ArithmeticProbe(configuration, stepsPerEpoch: 1)
            }.compare(over: communicator)
        }
        let mlp = MLP(configuration.model)
        let evaluator = try communicator.agree(on: "reading the records") {
            let (part, indices) = try split.records(of: dataset, configuration)
            return try Evaluator(
                mlp: mlp, dataset: dataset, split: part, indices: indices,
                communicator: communicator, mode: mode,
                threadsPerRank: ProcessorShare.threads(of: communicator))
        }
        return try withExtendedLifetime(stored.weights) { weights in
            let (parameters, statistics) = (weights.parameters.vector, weights.runningStatistics.vector)
            let result = try evaluator.evaluateWithConfusion(
                parameters: parameters, runningStatistics: statistics)
            let viewsLoss = try views.map {
                try evaluator.evaluate(views: $0, parameters: parameters, runningStatistics: statistics)
            }
            return CheckpointEvaluation(
                loss: result.loss, confusion: result.confusion, viewsLoss: viewsLoss)
        }
    }
}
