public import Collectives
public import MLPEngine
public import Tensors

/// One rank's part in training a model, a step at a time: load the batch, forward, loss, backward, exchange, update, finish.
///
/// The three in the middle are mathematics and know no ranks; what the ranks exchange is up to a ``DataParallelStrategy``.
/// After its making a step allocates nothing.
public final class TrainingStep<Scalar: TensorScalar & CollectiveElement> {
    /// The model, which the ranks of a node share.
    public let model: ModelState<Scalar>

    private let source: any BatchSource<Scalar>
    private let strategy: any DataParallelStrategy<Scalar>
    private let globalBatch: Int
    private let seed: UInt64
    private let workspace: Workspace<Scalar>
    private let batchStatistics: AlignedBuffer<Scalar>
    private var losses: [BatchLoss]

    /// Allocates what steps need.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - source: This rank's batches.
    ///   - strategy: How the ranks come together.
    ///   - rows: The rows of this rank's part of a global batch.
    ///   - globalBatch: The rows of all ranks.
    ///   - seed: The run's seed, for layers that draw random numbers.
    /// - Throws: `AllocationError`.
    public init(
        model: ModelState<Scalar>, source: any BatchSource<Scalar>,
        strategy: any DataParallelStrategy<Scalar>, rows: Int, globalBatch: Int, seed: UInt64
    ) throws(AllocationError) {
        (self.model, self.source, self.strategy) = (model, source, strategy)
        (self.globalBatch, self.seed) = (globalBatch, seed)
        let network = model.mlp.network
        workspace = try Workspace(for: network, capacity: rows, parts: strategy.parts)
        batchStatistics = try AlignedBuffer(allocating: strategy.parts * network.statisticsLayout.count)
        losses = Array(repeating: .zero, count: strategy.parts)
    }

    /// Takes a step. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - step: The steps taken before, since training began.
    ///   - batch: The number of the batch in its source.
    ///   - learningRate: η.
    ///   - requests: What this rank asks of all.
    /// - Returns: What all ranks know alike.
    /// - Throws: The communicator's error.
    public func take(
        _ step: Int, batch number: Int, learningRate: Double, requests: StepRequests = .init()
    ) throws -> StepResult {
        let (network, times) = (model.mlp.network, strategy.times)
        defer { times.enter(nil) }
        let statistics = batchStatistics.matrix(
            rows: workspace.parts, columns: network.statisticsLayout.count)

        // Load this rank's rows.
        times.enter(.batch)
        let batch = source.load(number)

        // Forward: logits [S, classes].
        times.enter(.forward)
        let pass = Pass(
            batch.own, parameters: model.parameters, workspace: workspace, products: strategy.products,
            mode: .training(
                .init(
                    collectives: strategy, batchStatistics: statistics, seed: seed, step: step,
                    firstRow: strategy.firstRow)))
        let logits = try network.forward(pass)

        // Loss: each part's sum, and ∂L/∂logits of the mean over the global batch, in place of the logits.
        let partRows = batch.own.rows / workspace.parts
        for part in 0..<workspace.parts {
            let rows = part * partRows..<(part + 1) * partRows
            losses[part] = SoftmaxCrossEntropy().evaluate(
                logits[rows: rows], batch.targets[rows: rows], factor: 1 / Scalar(globalBatch),
                gradient: logits[rows: rows])
        }

        // Backward: every layer hands in what its gradients are made of.
        times.enter(.backward)
        try network.backward(logits, pass)

        // Exchange what the update of this rank's share of the parameters needs of the other ranks.
        times.enter(.moving)
        var result = try strategy.exchange(
            batch, LocalResult(losses: losses, statistics: statistics, requests: requests))
        guard result.loss.lossSum.isFinite else {
            // Nothing is to be learned from that. The parameters are still those that it came from.
            result.origin = try originOfLoss(pass, batch.targets)
            return result
        }

        // Update this rank's share of the parameters, from gradients over the global batch.
        times.enter(.update)
        try strategy.update(model.optimizerStep(number: step + 1, learningRate: learningRate))

        // Finish: running statistics of the global batch; all ranks see all parameters.
        if try !strategy.finish(model) { result.origin = try originOfGradient() }
        return result
    }

    /// Where numbers first stopped being finite in a forward pass, which is done once more. Collective: every rank must call it.
    private func originOfLoss(_ pass: Pass<Scalar>, _ targets: Targets<Scalar>) throws -> NonFiniteOrigin? {
        let network = model.mlp.network
        var found = StepPlace.none
        let logits = try network.forward(pass) { layer, _, output in
            guard found == .none, let row = StridedMatrix(output).firstNonFiniteRow else { return }
            found = .output(layer, row: strategy.firstRow + row)
        }
        for row in 0..<logits.rows where found == .none {
            let one = logits[rows: row..<row + 1]
            let loss = SoftmaxCrossEntropy().evaluate(
                one, targets[rows: row..<row + 1], factor: 1, gradient: one)
            if !loss.lossSum.isFinite { found = .loss(of: network, row: strategy.firstRow + row) }
        }
        return try earliest(found)
    }

    /// The same of the backward pass. Collective: every rank must call it.
    private func originOfGradient() throws -> NonFiniteOrigin? {
        let found = strategy.firstNonFiniteGradient
        return try earliest(
            found.map { .gradient($0.entry, of: model.mlp.network, row: $0.row) } ?? .none)
    }

    private func earliest(_ place: StepPlace) throws -> NonFiniteOrigin? {
        try place.earliest(
            firstRow: strategy.firstRow, of: model.mlp.network, over: strategy.communicator
        ) { model.parameters[$0.range].isFinite }
    }
}

/// Where a rank's rows of global batches come from.
public protocol BatchSource<Scalar>: AnyObject {
    /// What the network computes with.
    associatedtype Scalar: TensorScalar

    /// Puts this rank's rows of a batch where the step can read them, and those of other ranks can.
    func load(_ number: Int) -> StepBatch<Scalar>
}

/// A global batch, as one rank sees it.
public struct StepBatch<Scalar: TensorScalar> {
    /// This rank's rows [S, inputs].
    public let own: BatchInput<Scalar>
    /// A target for each of them.
    public let targets: Targets<Scalar>
    /// All rows [B, inputs], in memory that the node shares: of this node's rows complete once all its ranks have loaded
    /// theirs, of the others once they have been exchanged.
    public let all: BatchInput<Scalar>
    /// Called on the leaders, where there are several nodes, to bring the batch's other rows to this node.
    public let exchange: ((any Communicator) throws -> Void)?

    /// A batch.
    public init(
        own: BatchInput<Scalar>, targets: Targets<Scalar>, all: BatchInput<Scalar>,
        exchange: ((any Communicator) throws -> Void)?
    ) {
        (self.own, self.targets, self.all, self.exchange) = (own, targets, all, exchange)
    }
}

/// What one rank asks of all.
public struct StepRequests: Sendable, Hashable {
    /// To stop after this step.
    public var stop: Bool
    /// To write a checkpoint of the state after this step.
    public var checkpoint: Bool

    /// Requests.
    public init(stop: Bool = false, checkpoint: Bool = false) {
        (self.stop, self.checkpoint) = (stop, checkpoint)
    }
}

/// What all ranks know alike after a step.
public struct StepResult: Sendable, Hashable {
    /// The losses of the global batch, before the step.
    public var loss: BatchLoss
    /// What any rank has asked for.
    public var requests: StepRequests
    /// Where the loss or a gradient came to be infinite or NaN, if it did: the run cannot go on. With a loss that is not
    /// finite no parameter has been updated.
    public var origin: NonFiniteOrigin?

    /// A result.
    public init(loss: BatchLoss, requests: StepRequests = .init()) {
        (self.loss, self.requests) = (loss, requests)
    }
}
