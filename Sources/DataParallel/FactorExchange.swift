public import Collectives
public import MLPEngine
public import Tensors

/// Data parallelism by exchanging factors: the results are the same bits on any number of ranks and threads.
///
/// No gradient is ever summed over ranks. A weight gradient is a product of two thin matrices, (∂L/∂Y)ᵀ X, and the ranks
/// share these factors: each computes some columns of the product over the whole batch, whose every entry is one sum in
/// one order, and at once updates the weights of these columns, in memory that the node shares. Nothing but the factors
/// is ever moved, and within a node not even they. Losses, batch norm's statistics and gradients of vectors are formed per
/// logical shard and combined in ``PartTree``'s order.
///
/// Between nodes the leaders exchange the records of their rows, in one message. Each node then updates the whole model
/// by itself, or, where ``GradientPanels`` has found that cheaper, computes its share of the gradients and exchanges
/// these too; either way the bits are the same.
///
/// Source of the exchange of factors: Xie and others, "Distributed machine learning via sufficient factor
/// broadcasting", 2015.
public final class FactorExchange<Scalar: TensorScalar & CollectiveElement>: DataParallelStrategy {
    /// Whether batch norm takes its statistics over the global batch, rather than over each logical shard.
    public let synchronizesBatchNorm: Bool
    /// The number of logical shards of this rank.
    public let parts: Int
    /// Our own products: those of others do not promise the order of their sums.
    public var products: any MatrixProducts<Scalar> { packed }
    /// The place of this rank's first row in the global batch.
    public var firstRow: Int { shards.lowerBound * partRows }
    /// The time spent in each phase of the steps.
    public let times = StepTimes()

    private static var totalsPerShard: Int { 4 }

    private let communicator: any Communicator
    private let group: NodeGroup
    private let network: Sequential
    private let linears: [Linear]
    private let packed: PackedProducts<Scalar>
    private let shards: Range<Int>
    private let shardCounts: [Int]
    private let shardCount: Int
    private let partRows: Int
    private let share: UpdateShare<Scalar>
    private let ownVectors: [OwnVector]
    private let panels: GradientPanels<Scalar>?

    /// Per-shard numbers of all ranks, or of a vector's columns.
    private let gathered: AlignedBuffer<Scalar>
    /// The gradient of a vector.
    private let vectorGradient: AlignedBuffer<Scalar>
    private var totalsInOrder: [Double]
    /// What each rank contributes to the collective at hand; kept, so that a step allocates nothing.
    private var segmentCounts: [Int]
    private let region: SharedRegion
    private let records: FactorRecords<Scalar>
    /// For each shard the sum of its losses, its hits, whether its rank was asked to stop, and whether it wants a
    /// checkpoint; its sums for the gradients of vectors; and where batch norm is each shard's own, its statistics.
    private let totals: Vector<Double>
    private let partSums: Matrix<Scalar>
    private let statistics: Matrix<Scalar>

    /// The whole batch, as the weight gradient of a layer that reads it needs it.
    private var batch: BatchInput<Scalar>?
    /// This rank's statistics, in a step.
    private var batchStatistics: Matrix<Scalar>?

    /// A strategy for the ranks of `communicator`. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - communicator: The ranks, for the small collectives of batch norm; ordered so that those of a node are
    ///     consecutive.
    ///   - group: The ranks of this node.
    ///   - network: What is trained.
    ///   - products: Computes over the rows of a whole global batch.
    ///   - shardsOfRank: The logical shards of each rank, contiguous and in order.
    ///   - rowsPerShard: The rows of each shard in a global batch.
    ///   - synchronizesBatchNorm: Whether batch norm takes its statistics over the global batch.
    ///   - exchangesGradients: Whether nodes exchange gradients; nil leaves that to a measurement.
    /// - Throws: `SharedMemoryError`, `AllocationError`, `ParameterWithoutRule`, or the communicator's error.
    public init(
        communicator: any Communicator, group: NodeGroup, network: Sequential,
        products: PackedProducts<Scalar>, shardsOfRank: [Range<Int>], rowsPerShard: Int,
        synchronizesBatchNorm: Bool, exchangesGradients: Bool? = nil
    ) throws {
        precondition(
            shardsOfRank.count == communicator.size, "the shards of \(communicator.size) ranks")
        self.communicator = communicator
        self.group = group
        self.synchronizesBatchNorm = synchronizesBatchNorm
        self.network = network
        linears = network.linears
        packed = products
        shards = shardsOfRank[communicator.rank]
        shardCounts = shardsOfRank.map(\.count)
        shardCount = shardCounts.reduce(0, +)
        parts = shards.count
        partRows = rowsPerShard
        let batch = rowsPerShard * shardCount
        share = UpdateShare(
            index: group.localRank, count: group.localSize, panelsAtOnce: products.panelsAtOnce)
        ownVectors = try share.vectors(network.parameterLayout)
        let (layout, statisticsCount) = (network.parameterLayout, network.statisticsLayout.count)
        gathered = try AlignedBuffer(allocating: shardCount * max(statisticsCount, layout.partSumCount))
        vectorGradient = try AlignedBuffer(allocating: ownVectors.map(\.range.count).max() ?? 0)
        totalsInOrder = Array(repeating: 0, count: shardCount)
        segmentCounts = shardCounts

        var plan = RegionPlan()
        let places = FactorPlaces<Scalar>(network, format: products.factorFormat)
        let records = plan.add(Scalar.self, count: batch * places.width)
        let totals = plan.add(Double.self, count: shardCount * Self.totalsPerShard)
        let partSums = plan.add(Scalar.self, count: shardCount * layout.partSumCount)
        let statistics = plan.add(
            Scalar.self, count: synchronizesBatchNorm ? 0 : shardCount * statisticsCount)
        region = try group.makeRegion(byteCount: plan.byteCount)
        self.records = FactorRecords(places, batch: batch, storage: records.vector(in: region))
        self.totals = totals.vector(in: region)
        self.partSums = partSums.vector(in: region).matrix(
            rows: shardCount, columns: layout.partSumCount)
        self.statistics = statistics.vector(in: region).matrix(
            rows: synchronizesBatchNorm ? 0 : shardCount, columns: statisticsCount)
        panels = try GradientPanels.ifWanted(
            exchangesGradients, group: group, worldSize: communicator.size, rank: communicator.rank,
            network: network, batch: batch, products: products)
    }

    // MARK: What layers call

    /// Gathers the moments of all shards and merges them in the tree's order. Collective: every rank must call it.
    public func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) throws -> Int {
        let all = try gather(moments)
        let rows = PartTree.mergeMoments(all, partRows: partRows)
        moments[rows: 0..<1].vector.copy(from: all[rows: 0..<1].vector)
        return rows
    }

    /// Gathers the sums of all shards and adds them in the tree's order. Collective: every rank must call it.
    public func sum(_ sums: Matrix<Scalar>) throws {
        let all = try gather(sums)
        PartTree.sum(all)
        sums[rows: 0..<1].vector.copy(from: all[rows: 0..<1].vector)
    }

    /// Puts this rank's rows of the factors where the node shares them.
    public func contribute(factorsOf linear: Linear, x: BatchInput<Scalar>, dy: Matrix<Scalar>) {
        times.enter(.moving)
        defer { times.enter(.backward) }
        let rows = shards.lowerBound * partRows..<shards.upperBound * partRows
        records.store(packed.outputFactor(of: linear, dy), in: records.outputGradient(of: linear), rows)
        // The batch itself is everywhere already.
        guard !linear.readsBatch else { return }
        records.store(packed.factor(of: linear, x), in: records.input(of: linear), rows)
    }

    /// Puts the sums of this rank's shards where the node shares them.
    public func contribute(partSums sums: Matrix<Scalar>, of parameters: VectorParameter) {
        StridedMatrix(partSums, columns: parameters.sums)[rows: shards].copy(from: sums)
    }

    // MARK: The step

    /// Waits for the factors of this node's ranks, and brings those of all nodes to this one. Collective: every rank must
    /// call it.
    public func exchange(_ batch: StepBatch<Scalar>, _ local: LocalResult<Scalar>) throws {
        self.batch = batch.all
        batchStatistics = local.statistics
        for (shard, loss) in zip(shards, local.losses) {
            let start = shard * Self.totalsPerShard
            totals[start] = loss.lossSum
            totals[start + 1] = Double(loss.correct)
            totals[start + 2] = local.requests.stop ? 1 : 0
            totals[start + 3] = local.requests.checkpoint ? 1 : 0
        }
        if !synchronizesBatchNorm {
            statistics[rows: shards].vector.copy(from: local.statistics.vector)
        }
        times.enter(.waiting)
        try group.barrier()
        times.enter(.moving)
        guard group.nodeCount > 1 else { return }
        try group.betweenNodes { leaders in
            try gatherRecords(over: leaders)
            try batch.exchange?(leaders)
        }
    }

    /// Computes this rank's columns of the weight gradients, and updates them. Collective: every rank must call it.
    public func update(_ step: OptimizerStep<Scalar>) throws {
        if let panels {
            try updateWeights(step, over: panels)
        } else {
            for linear in linears {
                computeWeightGradient(
                    of: linear, panels: share.panels(of: linear),
                    Update(products: packed, linear: linear, step: step, exchanged: nil))
            }
        }
        for vector in ownVectors {
            let gradient = vectorGradient.vector[0..<vector.range.count]
            switch vector.source {
            case .rows(let linear): records.outputGradient(of: linears[linear]).sumColumns(into: gradient)
            case .parts(let columns):
                let sums = gathered.matrix(rows: shardCount, columns: columns.count)
                sums.copy(from: StridedMatrix(partSums, columns: columns))
                PartTree.sum(sums)
                gradient.copy(from: sums[rows: 0..<1].vector)
            }
            step.apply(to: vector.range, gradients: gradient)
        }
    }

    /// Combines the losses, updates the running statistics, and waits for this node's ranks. Collective: every rank must
    /// call it.
    public func finish(_ model: ModelState<Scalar>) throws -> StepResult {
        let result = combineTotals()
        if group.isLeader { updateStatistics(model) }
        times.enter(.waiting)
        try group.barrier()
        try share.requantize(packed, model, group)
        return result
    }

    private func computeWeightGradient(
        of linear: Linear, panels: Range<Int>, _ body: some ColumnTask<Scalar>
    ) {
        let x: FactorInput<Scalar>
        if linear.readsBatch {
            guard let batch else { preconditionFailure("an update without a batch") }
            x = FactorInput(batch)
        } else {
            x = records.input(of: linear)
        }
        packed.weightGradient(
            of: linear, x: x, dy: records.outputGradient(of: linear), panels: panels, body)
    }

    /// The update of some columns, by their gradient, or by what all nodes have exchanged.
    private struct Update: ColumnTask {
        let products: PackedProducts<Scalar>
        let linear: Linear
        let step: OptimizerStep<Scalar>
        let exchanged: GradientPanels<Scalar>?

        func callAsFunction(_ columns: Range<Int>, _ gradient: Matrix<Scalar>) {
            exchanged?.load(gradient, columns: columns, of: linear)
            step.apply(toWeightOf: linear, columns: columns, gradient: gradient)
            products.weightsChanged(of: linear, step.parameters, columns: columns)
        }
    }

    private struct Store: ColumnTask {
        let panels: GradientPanels<Scalar>
        let linear: Linear

        func callAsFunction(_ columns: Range<Int>, _ gradient: Matrix<Scalar>) {
            panels.store(gradient, columns: columns, of: linear)
        }
    }

    /// Computes the columns that belong to this rank of all, and updates those that belong to this rank of the node.
    private func updateWeights(
        _ step: OptimizerStep<Scalar>, over panels: GradientPanels<Scalar>
    ) throws {
        for linear in linears {
            computeWeightGradient(
                of: linear, panels: panels.panels(of: linear), Store(panels: panels, linear: linear))
        }
        try times.during(.moving) { try panels.run() }
        for linear in linears {
            packed.forEachGroup(
                of: linear, panels: share.panels(of: linear),
                Update(products: packed, linear: linear, step: step, exchanged: panels))
        }
    }

    /// Brings the factors and totals of all nodes to this one.
    private func gatherRecords(over leaders: any Communicator) throws {
        let placement = group.placement
        let counts = (0..<group.nodeCount).map { node in
            zip(placement.nodeOfRank, shardCounts).reduce(0) { $0 + ($1.0 == node ? $1.1 : 0) }
        }
        func gather<Element: CollectiveElement>(_ all: Vector<Element>) throws {
            guard all.count > 0 else { return }
            let perShard = all.count / shardCount
            try leaders.allgather(segmentsOf: all.buffer, counts: counts.map { $0 * perShard })
        }
        try gather(records.all)
        try gather(totals)
        try gather(partSums.vector)
        try gather(statistics.vector)
    }

    private func updateStatistics(_ model: ModelState<Scalar>) {
        guard let batchStatistics, batchStatistics.columns > 0 else { return }
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

    private func combineTotals() -> StepResult {
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
        return StepResult(loss: loss, requests: .init(stop: stops > 0, checkpoint: checkpoints > 0))
    }
}

/// The factors of all weight gradients of a batch, in memory that the ranks of a node share: a record for each row of
/// the global batch, with ∂L/∂Y of every linear layer and X of those that do not read the batch itself, as numbers or as bytes.
///
/// The rows of a node are consecutive, so all its factors travel to other nodes in one message.
struct FactorRecords<Scalar: TensorScalar> {
    private let places: FactorPlaces<Scalar>
    private let matrix: Matrix<Scalar>

    init(_ places: FactorPlaces<Scalar>, batch: Int, storage: Vector<Scalar>) {
        self.places = places
        matrix = storage.matrix(rows: batch, columns: places.width)
    }

    /// ∂L/∂Y [B, N] of a layer.
    func outputGradient(of linear: Linear) -> FactorInput<Scalar> {
        let place = places.layers[linear.index]
        return view(place.dy, columns: linear.outputs, as: place.format == .bytes ? .numbers : place.format)
    }

    /// X [B, M] of a layer.
    func input(of linear: Linear) -> FactorInput<Scalar> {
        let place = places.layers[linear.index]
        return view(place.x, columns: linear.inputs, as: place.format)
    }

    private func view(_ place: Range<Int>, columns: Int, as format: FactorFormat) -> FactorInput<Scalar> {
        guard format != .numbers, let floats = matrix as? Matrix<Float> else {
            return .numbers(StridedMatrix(matrix, columns: place))
        }
        let part = StridedMatrix(floats, columns: place)
        return format == .bytes
            ? .bytes(ByteRows(part, columns: columns)) : .bfloat16(BFloat16Rows(part, columns: columns))
    }

    /// Copies some rows' part of a factor to where all rows' stand.
    func store(_ part: FactorInput<Scalar>, in all: FactorInput<Scalar>, _ rows: Range<Int>) {
        switch (part, all) {
        case (.numbers(let part), .numbers(let all)): all[rows: rows].copy(from: part)
        case (.bytes(let part), .bytes(let all)): all[rows: rows].copy(from: part)
        case (.bfloat16(let part), .bfloat16(let all)): all[rows: rows].copy(from: part)
        default: preconditionFailure("a factor in another format than its place")
        }
    }

    /// All records, row after row.
    var all: Vector<Scalar> { matrix.vector }
}

/// Where the factors of each layer lie in a record.
struct FactorPlaces<Scalar: TensorScalar> {
    struct Layer {
        let dy: Range<Int>
        let x: Range<Int>
        let format: FactorFormat
    }

    let layers: [Layer]
    /// The scalars of a row's record.
    let width: Int

    /// - Parameter format: What a layer's factors stand as.
    init(_ network: Sequential, format: (Linear) -> FactorFormat) {
        var start = 0
        func take(_ count: Int) -> Range<Int> {
            defer { start += count }
            return start..<start + count
        }
        layers = network.linears.map { linear in
            let format = format(linear)
            let (dy, x) = format.rowCounts(of: linear)
            return Layer(dy: take(dy), x: take(x), format: format)
        }
        // Records a multiple of a page apart would push one another out of the cache.
        let line = AlignedBuffer<Scalar>.alignment / MemoryLayout<Scalar>.stride
        width = ((start + line - 1) / line | 1) * line
    }
}

extension FactorFormat {
    /// The scalars that ∂L/∂Y and X of a row take. The batch itself is everywhere already.
    package func rowCounts(of linear: Linear) -> (dy: Int, x: Int) {
        let counts =
            switch self {
            case .numbers: (linear.outputs, linear.inputs)
            case .bytes: (linear.outputs, ByteRows.rowCount(columns: linear.inputs))
            case .bfloat16:
                (
                    BFloat16Rows.rowCount(columns: linear.outputs),
                    BFloat16Rows.rowCount(columns: linear.inputs)
                )
            }
        return (dy: counts.0, x: linear.readsBatch ? 0 : counts.1)
    }
}
