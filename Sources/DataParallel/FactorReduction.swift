public import Collectives
public import MLPEngine
public import Tensors

/// Reproducible arithmetic: the results are the same bits on any number of ranks and threads.
///
/// No gradient is ever summed over ranks. A weight gradient is a product of two thin matrices, (∂L/∂Y)ᵀ X, and the ranks
/// share these factors: each computes some columns of the product over the whole batch, whose every entry is one sum in
/// one order, and at once updates the weights of these columns, in memory that the node shares. Nothing but the factors
/// is ever moved, and within a node not even they. Losses and batch norm's statistics are formed per logical shard and
/// combined in ``PartTree``'s order.
///
/// Between nodes the leaders exchange the records of their rows, in one message. Each node then updates the whole model
/// by itself, or, where ``GradientExchange`` has found that cheaper, computes its share of the gradients and exchanges
/// these too; either way the bits are the same.
///
/// Source of the exchange of factors: Xie and others, "Distributed machine learning via sufficient factor
/// broadcasting", 2015.
public final class FactorReduction<Scalar: TensorScalar & CollectiveElement>: GradientReduction {
    /// Whether batch norm takes its statistics over the global batch, rather than over each logical shard.
    public let synchronizesBatchNorm: Bool
    /// The number of logical shards of this rank.
    public let parts: Int
    /// Where batch norm's gradients go; the others never stand anywhere as a whole.
    public var gradients: Vector<Scalar> { gradientBuffer.vector }
    /// The whole global batch, as the first module's weight gradient needs it: of this node's rows complete once all its
    /// ranks have reached the end of their backward passes.
    public var batch: BatchInput<Scalar>?
    /// Called on the leaders, where there are several nodes, to bring the batch's other rows to this node.
    public var exchangeBatch: ((any Communicator) throws -> Void)?

    /// The time spent in each phase of the steps.
    public let times = StepTimes()

    private static var totalsPerShard: Int { 4 }

    private let communicator: any Communicator
    private let group: NodeGroup
    private let network: Sequential
    private let linears: [Linear]
    private let products: LinearProducts<Scalar>
    private let shards: Range<Int>
    private let shardCounts: [Int]
    private let shardCount: Int
    private let partRows: Int
    private let share: UpdateShare<Scalar>
    private let ownVectors: [Range<Int>]
    private let exchange: GradientExchange<Scalar>?

    private let gradientBuffer: AlignedBuffer<Scalar>
    /// Per-shard numbers of all ranks.
    private let gathered: AlignedBuffer<Scalar>
    private var totalsInOrder: [Double]
    /// What each rank contributes to the collective at hand; kept, so that a step allocates nothing.
    private var segmentCounts: [Int]
    private let region: SharedRegion
    private let records: FactorRecords<Scalar>
    /// For each shard the sum of its losses, its hits, whether its rank was asked to stop, and whether it wants a
    /// checkpoint; and its statistics.
    private let totals: Vector<Double>
    private let statistics: Matrix<Scalar>

    /// A reduction over the ranks of `communicator`. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - communicator: The ranks, for the small collectives of batch norm; ordered so that those of a node are
    ///     consecutive.
    ///   - group: The ranks of this node.
    ///   - model: The model that is trained.
    ///   - shardsOfRank: The logical shards of each rank, contiguous and in order.
    ///   - rowsPerShard: The rows of each shard in a global batch.
    ///   - synchronizesBatchNorm: Whether batch norm takes its statistics over the global batch.
    ///   - team: The threads of this rank that share its products.
    /// - Throws: `SharedMemoryError`, `AllocationError`, or the communicator's error.
    public convenience init(
        communicator: any Communicator, group: NodeGroup, model: ModelState<Scalar>,
        shardsOfRank: [Range<Int>], rowsPerShard: Int, synchronizesBatchNorm: Bool, team: WorkerTeam
    ) throws {
        try self.init(
            communicator: communicator, group: group, model: model, shardsOfRank: shardsOfRank,
            rowsPerShard: rowsPerShard, synchronizesBatchNorm: synchronizesBatchNorm,
            team: team,
            exchangesGradients: nil)
    }

    /// The same, where somebody else decides whether nodes exchange gradients; nil leaves that to a measurement.
    package init(
        communicator: any Communicator, group: NodeGroup, model: ModelState<Scalar>,
        shardsOfRank: [Range<Int>], rowsPerShard: Int, synchronizesBatchNorm: Bool, team: WorkerTeam,
        exchangesGradients: Bool?
    ) throws {
        precondition(shardsOfRank.count == communicator.size, "the shards of \(communicator.size) ranks")
        self.communicator = communicator
        self.group = group
        self.synchronizesBatchNorm = synchronizesBatchNorm
        let network = model.mlp.network
        self.network = network
        linears = network.linears
        shards = shardsOfRank[communicator.rank]
        shardCounts = shardsOfRank.map(\.count)
        shardCount = shardCounts.reduce(0, +)
        parts = shards.count
        partRows = rowsPerShard
        let batch = rowsPerShard * shardCount
        products = try communicator.agree(on: "making room for products") {
            try LinearProducts(
                network, batch: batch, packed: model.packedWeights, team: team)
        }
        share = UpdateShare(index: group.localRank, count: group.localSize)
        ownVectors = share.vectors(network.parameterLayout)
        gradientBuffer = try AlignedBuffer(allocating: model.mlp.parameterCount)
        gathered = try AlignedBuffer(allocating: shardCount * network.statisticsLayout.count)
        totalsInOrder = Array(repeating: 0, count: shardCount)
        segmentCounts = shardCounts

        var plan = RegionPlan()
        let records = plan.add(Scalar.self, count: batch * FactorRecords<Scalar>.width(network))
        let totals = plan.add(Double.self, count: shardCount * Self.totalsPerShard)
        let statisticsCount = network.statisticsLayout.count
        let statistics = plan.add(
            Scalar.self, count: synchronizesBatchNorm ? 0 : shardCount * statisticsCount)
        region = try group.makeRegion(byteCount: plan.byteCount)
        self.records = FactorRecords(network, batch: batch, storage: records.vector(in: region))
        self.totals = totals.vector(in: region)
        self.statistics = statistics.vector(in: region).matrix(
            rows: synchronizesBatchNorm ? 0 : shardCount, columns: statisticsCount)
        exchange = try GradientExchange.ifWanted(
            exchangesGradients, group: group, worldSize: communicator.size, rank: communicator.rank,
            network: network, batch: batch, products: products)
    }

    /// Spreads the product over this rank's threads.
    public func forward(
        _ module: Linear, _ x: BatchInput<Scalar>, parameters: Vector<Scalar>, into y: Matrix<Scalar>
    ) {
        products.forward(module, x, parameters: parameters, into: y)
    }

    /// Spreads the product over this rank's threads.
    public func inputGradient(
        of module: Linear, dy: Matrix<Scalar>, parameters: Vector<Scalar>, into dx: Matrix<Scalar>
    ) {
        products.inputGradient(of: module, dy: dy, parameters: parameters, into: dx)
    }

    /// Gathers the moments of all shards and merges them in the tree's order. Collective: every rank must call it.
    public func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) throws -> Int {
        let all = try gather(moments)
        let rows = PartTree.mergeMoments(all, partRows: partRows)
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

    /// Puts this rank's rows of the factors where the node shares them.
    public func computeGradient(
        of module: Linear, x: BatchInput<Scalar>, isNetworkInput: Bool, dy: Matrix<Scalar>,
        gradients: Vector<Scalar>
    ) {
        times.enter(.moving)
        defer { times.enter(.backward) }
        let rows = shards.lowerBound * partRows..<shards.upperBound * partRows
        records.outputGradient(of: module)[rows: rows].copy(from: dy)
        if !isNetworkInput, case .numbers(let x) = x { records.input(of: module)[rows: rows].copy(from: x) }
    }

    /// Computes this rank's columns of the weight gradients, and updates them. Collective: every rank must call it.
    public func complete(
        _ model: ModelState<Scalar>, learningRate: Double, batchStatistics: Matrix<Scalar>,
        losses: [BatchLoss], stopRequested: Bool, checkpointRequested: Bool
    ) throws -> StepOutcome {
        for (shard, loss) in zip(shards, losses) {
            let start = shard * Self.totalsPerShard
            totals[start] = loss.lossSum
            totals[start + 1] = Double(loss.correct)
            totals[start + 2] = stopRequested ? 1 : 0
            totals[start + 3] = checkpointRequested ? 1 : 0
        }
        if !synchronizesBatchNorm { statistics[rows: shards].vector.copy(from: batchStatistics.vector) }
        times.enter(.waiting)
        try group.barrier()
        times.enter(.moving)
        try exchangeRecords()

        times.enter(.update)
        let update = model.update(learningRate: learningRate)
        if let exchange {
            try updateWeights(update, over: exchange)
        } else {
            for module in linears {
                computeWeightGradient(
                    of: module, panels: share.panels(of: module),
                    Update(products: products, module: module, update: update, exchange: nil))
            }
        }
        for range in ownVectors {
            if let module = linears.first(where: { $0.bias == range }) {
                records.outputGradient(of: module).sumColumns(into: gradients[range])
            }
            update.apply(to: range, gradients: gradients[range])
        }
        let outcome = combineTotals()
        if group.isLeader { updateStatistics(model, batchStatistics) }
        times.enter(.waiting)
        try group.barrier()
        try share.settle(products, model, linears[0], group)
        times.enter(nil)
        return outcome
    }

    private func computeWeightGradient(
        of module: Linear, panels: Range<Int>, _ body: some ColumnTask<Scalar>
    ) {
        let x: FactorInput<Scalar>
        if module == linears[0] {
            guard let batch else { preconditionFailure("a step without its batch") }
            x = FactorInput(batch)
        } else {
            x = .numbers(records.input(of: module))
        }
        products.weightGradient(
            of: module, x: x, dy: records.outputGradient(of: module), panels: panels, body)
    }

    /// The update of some columns, by their gradient, or by what all nodes have exchanged.
    private struct Update: ColumnTask {
        let products: LinearProducts<Scalar>
        let module: Linear
        let update: ParameterUpdate<Scalar>
        let exchange: GradientExchange<Scalar>?

        func callAsFunction(_ columns: Range<Int>, _ gradient: Matrix<Scalar>) {
            exchange?.load(gradient, columns: columns, of: module)
            update.apply(toWeightOf: module, columns: columns, gradient: gradient)
            products.packWeights(of: module, update.parameters, columns: columns)
        }
    }

    private struct Store: ColumnTask {
        let exchange: GradientExchange<Scalar>
        let module: Linear

        func callAsFunction(_ columns: Range<Int>, _ gradient: Matrix<Scalar>) {
            exchange.store(gradient, columns: columns, of: module)
        }
    }

    /// Computes the columns that belong to this rank of all, and updates those that belong to this rank of the node.
    private func updateWeights(
        _ update: ParameterUpdate<Scalar>, over exchange: GradientExchange<Scalar>
    ) throws {
        for module in linears {
            computeWeightGradient(
                of: module, panels: exchange.panels(of: module), Store(exchange: exchange, module: module))
        }
        try times.during(.moving) { try exchange.run() }
        for module in linears {
            products.forEachGroup(
                of: module, panels: share.panels(of: module),
                Update(products: products, module: module, update: update, exchange: exchange))
        }
    }

    /// Brings the factors and totals of all nodes to this one.
    private func exchangeRecords() throws {
        guard group.nodeCount > 1 else { return }
        try group.betweenNodes { leaders in
            let placement = group.placement
            let counts = (0..<group.nodeCount).map { node in
                zip(placement.nodeOfRank, shardCounts).reduce(0) { $0 + ($1.0 == node ? $1.1 : 0) }
            }
            func gather<E: CollectiveElement>(_ all: Vector<E>) throws {
                let perShard = all.count / shardCount
                try leaders.allgather(segmentsOf: all.buffer, counts: counts.map { $0 * perShard })
            }
            try gather(records.all)
            try gather(totals)
            if statistics.count > 0 { try gather(statistics.vector) }
            try exchangeBatch?(leaders)
        }
    }

    private func updateStatistics(_ model: ModelState<Scalar>, _ batchStatistics: Matrix<Scalar>) {
        guard batchStatistics.columns > 0 else { return }
        if synchronizesBatchNorm {
            model.updateStatistics(towards: batchStatistics[rows: 0..<1].vector)
        } else {
            PartTree.sum(statistics)
            let mean = statistics[rows: 0..<1].vector
            mean.scale(by: 1 / Scalar(shardCount))
            model.updateStatistics(towards: mean)
        }
    }

    /// Returns the rows [V, K] of all shards, of which this rank has `own` [P, K].
    private func gather(_ own: Matrix<Scalar>) throws -> Matrix<Scalar> {
        let all = gathered.matrix(rows: shardCount, columns: own.columns)
        all[rows: shards].vector.copy(from: own.vector)
        guard communicator.size > 1 else { return all }
        for rank in shardCounts.indices { segmentCounts[rank] = shardCounts[rank] * own.columns }
        try times.during(.waiting) {
            try communicator.allgather(segmentsOf: all.vector.buffer, counts: segmentCounts)
        }
        return all
    }

    private func combineTotals() -> StepOutcome {
        var (correct, stops, checkpoints) = (0.0, 0.0, 0.0)
        for shard in 0..<shardCount {
            let start = shard * Self.totalsPerShard
            totalsInOrder[shard] = totals[start]
            correct += totals[start + 1]
            stops += totals[start + 2]
            checkpoints += totals[start + 3]
        }
        let loss = BatchLoss(
            lossSum: PartTree.sum(&totalsInOrder), correct: Int(correct), samples: partRows * shardCount)
        return StepOutcome(loss: loss, stopRequested: stops > 0, checkpointRequested: checkpoints > 0)
    }
}
