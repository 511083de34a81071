public import Collectives
public import MLPEngine
public import Tensors

/// The reduction whose results are the same bits on any number of ranks.
///
/// A run's V logical shards are its parts, whoever owns them, and every sum over the rows of a batch has one order:
///
/// - A linear module's forward product and input gradient are formed per shard, in one shape.
/// - Its weight gradient (∂L/∂Y)ᵀ X is not summed from shards at all. The ranks exchange the factors, ∂L/∂Y [B, N] and
///   X [B, M], which for a batch are smaller than the product; each column block of the gradient (there are V) is then
///   one product over all B rows, computed by the rank that owns the shard of the same number.
/// - Losses and batch norm's statistics are formed per shard, gathered, and combined in ``PartTree``'s order.
///
/// BLAS promises the same bits only for the same shape, on one thread. Products over several shards or blocks at once
/// are faster; they stand in where ``ProductCheck`` has seen that they give the same bits.
///
/// Source of the exchange of factors: Xie and others, "Distributed machine learning via sufficient factor
/// broadcasting", 2015.
public final class ReproducibleReduction<Scalar: TensorScalar & CollectiveElement>: GradientReduction {
    /// Whether batch norm takes its statistics over the global batch, rather than over each logical shard.
    public let synchronizesBatchNorm: Bool
    /// The number of logical shards of this rank.
    public let parts: Int

    private let communicator: any Communicator
    private let shardsOfRank: [Range<Int>]
    private let shardCount: Int
    private let partRows: Int
    private let networkInput: Matrix<Scalar>
    private let team: WorkerTeam
    private let checks: [Linear: ProductCheck]
    private let linears: [Linear]

    /// ∂L/∂Y and X of one module, of all ranks.
    private let factors: AlignedBuffer<Scalar>
    /// Per-shard numbers of all ranks.
    private let gathered: AlignedBuffer<Scalar>
    /// The column blocks of all weight gradients, rank by rank.
    private let blocks: AlignedBuffer<Scalar>
    private var totals: [Double]

    /// A reduction over the ranks of `communicator`.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - network: The network that is trained.
    ///   - shardsOfRank: The logical shards of each rank, contiguous and in order.
    ///   - rowsPerShard: The rows of each shard in a global batch.
    ///   - networkInput: [B, inputs]: here stand, when the weight gradient of a module that reads the network's input is
    ///     computed, at least the ``columns(_:of:shardCount:)`` of this rank's shards, of the whole batch, the ranks' rows in order. On a
    ///     single rank it is the input itself.
    ///   - synchronizesBatchNorm: Whether batch norm takes its statistics over the global batch.
    ///   - threadCount: The threads of this rank that share its products. BLAS itself must be set to one.
    public init(
        communicator: any Communicator, network: Sequential, shardsOfRank: [Range<Int>], rowsPerShard: Int,
        networkInput: Matrix<Scalar>, synchronizesBatchNorm: Bool, threadCount: Int
    ) {
        precondition(shardsOfRank.count == communicator.size, "the shards of \(communicator.size) ranks")
        self.communicator = communicator
        self.shardsOfRank = shardsOfRank
        self.networkInput = networkInput
        self.synchronizesBatchNorm = synchronizesBatchNorm
        shardCount = shardsOfRank.reduce(0) { $0 + $1.count }
        parts = shardsOfRank[communicator.rank].count
        partRows = rowsPerShard
        team = WorkerTeam(threadCount: threadCount)
        linears = network.linears
        let batch = rowsPerShard * shardCount
        let widest = linears.map { max($0.outputs, $0.inputs) }.max() ?? 0
        let isAlone = communicator.size == 1
        factors = AlignedBuffer(repeating: 0, count: isAlone ? 0 : 2 * batch * widest)
        gathered = AlignedBuffer(repeating: 0, count: shardCount * network.statisticsLayout.count)
        blocks = AlignedBuffer(
            repeating: 0, count: isAlone ? 0 : linears.reduce(0) { $0 + $1.outputs * $1.inputs })
        totals = Array(repeating: 0, count: Self.totalsPerShard * shardCount)

        let (parts, shardCount) = (parts, shardCount)
        let ownShards = shardsOfRank[communicator.rank]
        checks = Dictionary(
            uniqueKeysWithValues: linears.map { module in
                let blocks = ownShards.map {
                    Self.columns($0..<$0 + 1, of: module.inputs, shardCount: shardCount)
                }
                let check = ProductCheck(
                    module, parts: parts, partRows: rowsPerShard, batch: batch, blocks: blocks,
                    threads: threadCount,
                    as: Scalar.self)
                return (module, check)
            })
    }

    /// The columns of an input whose share of the weight gradient belongs to some shards: shard v has those from
    /// ⌊v M / V⌋ up to ⌊(v + 1) M / V⌋.
    public static func columns(_ shards: Range<Int>, of inputs: Int, shardCount: Int) -> Range<Int> {
        shards.lowerBound * inputs / shardCount..<shards.upperBound * inputs / shardCount
    }

    /// As few as the bits allow, at least one per thread.
    public func productCount(of module: Linear, parts: Int) -> Int {
        checks[module]?.rowGroups ?? parts
    }

    /// Spreads the products over this rank's threads.
    public func forEachProduct(_ count: Int, _ body: (Int) -> Void) {
        team.run(count, body)
    }

    /// Gathers the moments of all shards and merges them in the tree's order. Collective: every rank must call it.
    public func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) throws -> Int {
        let all = try gather(moments)
        let rows = PartTree.mergeMoments(all, rows: Array(repeating: partRows, count: shardCount))
        moments[rows: 0..<1].vector.copy(from: all[rows: 0..<1].vector)
        return rows
    }

    /// Gathers the sums of all shards and adds them in the tree's order: the gradient is the whole batch's. Collective:
    /// every rank must call it.
    public func sumBatchNorm(_ sums: Matrix<Scalar>, gradient: Vector<Scalar>) throws {
        let all = try gather(sums)
        PartTree.sum(all)
        gradient.copy(from: all[rows: 0..<1].vector)
        if synchronizesBatchNorm { sums[rows: 0..<1].vector.copy(from: gradient) }
    }

    /// Exchanges the factors of the weight gradient and computes this rank's column blocks of it, and the whole batch's
    /// bias gradient. Collective: every rank must call it.
    public func computeGradient(
        of module: Linear, x: Matrix<Scalar>, isNetworkInput: Bool, dy: Matrix<Scalar>,
        gradients: Vector<Scalar>
    ) throws {
        var (allDy, allX) = (dy, isNetworkInput ? networkInput : x)
        if communicator.size > 1 {
            allDy = try exchange(dy, at: 0)
            if !isNetworkInput { allX = try exchange(x, at: allDy.count) }
        }
        let weight = gradients[module.weight].matrix(rows: module.outputs, columns: module.inputs)
        let ranges = checks[module]?.columnRanges ?? []
        let (left, right) = (allDy, allX)
        team.run(ranges.count) { weight.setColumns(ranges[$0], toProduct: left, .transposed, right) }
        allDy.sumColumns(into: gradients[module.bias])
    }

    /// Gathers the column blocks of the weight gradients, and losses and statistics of all shards. Collective: every rank
    /// must call it.
    public func complete(
        _ buffer: borrowing ReductionBuffer<Scalar>, batchStatistics: Matrix<Scalar>, losses: [BatchLoss],
        stopRequested: Bool
    ) throws -> StepOutcome {
        if communicator.size > 1 { try exchangeBlocks(of: buffer.gradients) }
        if synchronizesBatchNorm {
            buffer.statistics.copy(from: batchStatistics[rows: 0..<1].vector)
        } else if batchStatistics.columns > 0 {
            let all = try gather(batchStatistics)
            PartTree.sum(all)
            buffer.statistics.copy(from: all[rows: 0..<1].vector)
            buffer.statistics.scale(by: 1 / Scalar(shardCount))
        }
        return try combine(losses, stopRequested: stopRequested)
    }

    private static var totalsPerShard: Int { 3 }

    /// Returns the rows [V, K] of all shards, of which this rank has `own` [P, K].
    private func gather(_ own: Matrix<Scalar>) throws -> Matrix<Scalar> {
        let all = gathered.matrix(rows: shardCount, columns: own.columns)
        all[rows: shardsOfRank[communicator.rank]].vector.copy(from: own.vector)
        try communicator.allgather(
            segmentsOf: all.vector.buffer, counts: shardsOfRank.map { $0.count * own.columns })
        return all
    }

    /// Returns the rows [B, K] of all ranks, of which this rank has `own`.
    private func exchange(_ own: Matrix<Scalar>, at start: Int) throws -> Matrix<Scalar> {
        let batch = partRows * shardCount
        let all = factors.vector[start..<start + batch * own.columns].matrix(
            rows: batch, columns: own.columns)
        let first = shardsOfRank[communicator.rank].lowerBound * partRows
        all[rows: first..<first + own.rows].vector.copy(from: own.vector)
        try communicator.allgather(
            segmentsOf: all.vector.buffer, counts: shardsOfRank.map { $0.count * partRows * own.columns })
        return all
    }

    /// Brings every rank's column blocks to all others, in one message.
    private func exchangeBlocks(of gradients: Vector<Scalar>) throws {
        let counts = shardsOfRank.map { shards in
            linears.reduce(0) {
                $0 + $1.outputs * Self.columns(shards, of: $1.inputs, shardCount: shardCount).count
            }
        }
        forEachBlockRow(of: communicator.rank, counts, in: gradients) { $1.copy(from: $0) }
        try communicator.allgather(segmentsOf: blocks.vector.buffer, counts: counts)
        for rank in 0..<communicator.size where rank != communicator.rank {
            forEachBlockRow(of: rank, counts, in: gradients) { $0.copy(from: $1) }
        }
    }

    /// Calls `body` with each row of a rank's column blocks: where it stands in the gradients, and where in the message.
    private func forEachBlockRow(
        of rank: Int, _ counts: [Int], in gradients: Vector<Scalar>,
        _ body: (Vector<Scalar>, Vector<Scalar>) -> Void
    ) {
        var place = counts[..<rank].reduce(0, +)
        for module in linears {
            let columns = Self.columns(shardsOfRank[rank], of: module.inputs, shardCount: shardCount)
            for row in 0..<module.outputs {
                let start = module.weight.lowerBound + row * module.inputs + columns.lowerBound
                body(gradients[start..<start + columns.count], blocks.vector[place..<place + columns.count])
                place += columns.count
            }
        }
    }

    private func combine(_ losses: [BatchLoss], stopRequested: Bool) throws -> StepOutcome {
        for (shard, loss) in zip(shardsOfRank[communicator.rank], losses) {
            let start = shard * Self.totalsPerShard
            totals[start] = loss.lossSum
            totals[start + 1] = Double(loss.correct)
            totals[start + 2] = stopRequested ? 1 : 0
        }
        let counts = shardsOfRank.map { $0.count * Self.totalsPerShard }
        try totals.withUnsafeMutableBufferPointer {
            try communicator.allgather(segmentsOf: $0, counts: counts)
        }
        func column(_ index: Int) -> [Double] {
            stride(from: index, to: totals.count, by: Self.totalsPerShard).map { totals[$0] }
        }
        let loss = BatchLoss(
            lossSum: PartTree.sum(column(0)), correct: Int(column(1).reduce(0, +)),
            samples: partRows * shardCount)
        return StepOutcome(loss: loss, stopRequested: column(2).contains { $0 > 0 })
    }
}
