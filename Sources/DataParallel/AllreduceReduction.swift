public import Collectives
public import MLPEngine
public import Tensors

/// The plain way: every rank computes the gradient of its rows in one pass, and one allreduce sums the ranks'
/// gradients, together with losses and batch norm's statistics.
///
/// The sum's order of additions depends on the number of ranks, and so do its last bits.
public final class AllreduceReduction<Scalar: TensorScalar & CollectiveElement>: GradientReduction {
    /// Whether batch norm takes its statistics over the global batch.
    public let synchronizesBatchNorm: Bool

    private let communicator: any Communicator
    private let hasStatistics: Bool
    private let globalBatch: Int
    /// The rows of each rank's part of the batch.
    private let rowsOfRank: [Int]
    private let gathered: AlignedBuffer<Scalar>

    /// A reduction over the ranks of `communicator`.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - network: The network that is trained.
    ///   - rowsOfRank: The rows of each rank's part of a global batch; they may differ.
    ///   - synchronizesBatchNorm: Whether batch norm takes its statistics over the global batch.
    public init(
        communicator: any Communicator, network: Sequential, rowsOfRank: [Int], synchronizesBatchNorm: Bool
    ) {
        precondition(rowsOfRank.count == communicator.size, "the rows of \(communicator.size) ranks")
        self.communicator = communicator
        self.rowsOfRank = rowsOfRank
        self.synchronizesBatchNorm = synchronizesBatchNorm
        globalBatch = rowsOfRank.reduce(0, +)
        hasStatistics = network.statisticsLayout.count > 0
        // Moments of all ranks: no module has more columns than all running statistics together.
        gathered = AlignedBuffer(repeating: 0, count: communicator.size * network.statisticsLayout.count)
    }

    /// One: a rank's rows are one part.
    public var parts: Int { 1 }

    /// One: there is one part.
    public func productCount(of module: Linear, parts: Int) -> Int { 1 }

    /// Gathers the moments of all ranks and merges them, weighted by their rows. Collective: every rank must call it.
    public func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) throws -> Int {
        precondition(
            partRows == rowsOfRank[communicator.rank], "\(partRows) rows on rank \(communicator.rank)")
        guard communicator.size > 1 else { return partRows }
        let all = gathered.vector[0..<communicator.size * moments.columns]
        try communicator.allgather(UnsafeBufferPointer(moments.vector.buffer), into: all.buffer)
        let merged = all.matrix(rows: communicator.size, columns: moments.columns)
        let rows = PartTree.mergeMoments(merged, rows: rowsOfRank)
        moments.vector.copy(from: merged[rows: 0..<1].vector)
        return rows
    }

    /// Keeps this rank's sums as its share of the gradient, and if synchronised sums them over all ranks. Collective:
    /// every rank must call it.
    public func sumBatchNorm(_ sums: Matrix<Scalar>, gradient: Vector<Scalar>) throws {
        gradient.copy(from: sums.vector)
        if synchronizesBatchNorm { try communicator.allreduce(sums.vector.buffer, .sum) }
    }

    /// Computes this rank's share of the gradient.
    public func computeGradient(
        of module: Linear, x: Matrix<Scalar>, isNetworkInput: Bool, dy: Matrix<Scalar>,
        gradients: Vector<Scalar>
    ) {
        module.computeGradient(x: x, dy: dy, gradients: gradients)
    }

    /// Sums gradients, losses and, where each rank has its own, statistics over all ranks in one message. Collective:
    /// every rank must call it.
    public func complete(
        _ buffer: borrowing ReductionBuffer<Scalar>, batchStatistics: Matrix<Scalar>, losses: [BatchLoss],
        stopRequested: Bool
    ) throws -> StepOutcome {
        let averagesStatistics = hasStatistics && !synchronizesBatchNorm
        buffer.statistics.copy(from: batchStatistics[rows: 0..<1].vector)
        if averagesStatistics {
            buffer.statistics.scale(by: Scalar(rowsOfRank[communicator.rank]) / Scalar(globalBatch))
        }
        buffer.totals[0] = Scalar(losses[0].lossSum)
        buffer.totals[1] = Scalar(losses[0].correct)
        buffer.totals[2] = stopRequested ? 1 : 0
        try communicator.allreduce(buffer.message(withStatistics: averagesStatistics).buffer, .sum)
        let loss = BatchLoss(
            lossSum: Double(buffer.totals[0]), correct: Int(buffer.totals[1]), samples: globalBatch)
        return StepOutcome(loss: loss, stopRequested: buffer.totals[2] > 0)
    }
}
