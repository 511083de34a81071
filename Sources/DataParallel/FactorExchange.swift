public import Collectives
public import MLPEngine
public import Tensors

/// Data parallelism by exchanging factors: the results are the same bits on any number of ranks and threads.
///
/// No gradient is ever summed over ranks (``GradientAllreduce`` does that, in integers). A weight gradient is a product of two thin matrices, (∂L/∂Y)ᵀ X, and the ranks
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
    public var firstRow: Int { shards.lowerBound * sums.partRows }
    /// The time spent in each phase of the steps.
    public let times = StepTimes()

    /// The ranks.
    public let communicator: any Communicator
    private let group: NodeGroup
    private let linears: [Linear]
    private let packed: PackedProducts<Scalar>
    private let shards: Range<Int>
    private let sums: ShardSums<Scalar>
    private let share: UpdateShare<Scalar>
    private let ownVectors: [OwnVector]
    private let allVectors: [OwnVector]
    private let panels: GradientPanels<Scalar>?

    /// The gradient of a vector.
    private let vectorGradient: AlignedBuffer<Scalar>
    private let region: SharedRegion
    private let records: FactorRecords<Scalar>
    /// For each rank of the node, whether a gradient that it has computed is not finite: 1 or 0.
    private let faults: Vector<Double>
    /// The last vector whose gradient this rank has found to be not finite.
    private var faultyVector: Int?

    /// The whole batch, as the weight gradient of a layer that reads it needs it.
    private var batch: BatchInput<Scalar>?

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
        self.communicator = communicator
        self.group = group
        self.synchronizesBatchNorm = synchronizesBatchNorm
        linears = network.linears
        packed = products
        shards = shardsOfRank[communicator.rank]
        parts = shards.count
        let batch = rowsPerShard * shardsOfRank.reduce(0) { $0 + $1.count }
        share = UpdateShare(
            index: group.localRank, count: group.localSize, panelsAtOnce: products.panelsAtOnce)
        ownVectors = try share.vectors(network.parameterLayout)
        allVectors = try .all(of: network.parameterLayout)
        sums = try ShardSums(
            communicator: communicator, group: group, times: times, network: network,
            shardsOfRank: shardsOfRank, rowsPerShard: rowsPerShard,
            synchronizesBatchNorm: synchronizesBatchNorm, vectors: network.parameterLayout.partSumCount)
        vectorGradient = try AlignedBuffer(allocating: ownVectors.map(\.range.count).max() ?? 0)
        let places = RecordPlaces<Scalar>(
            network, format: products.factorFormat, rows: batch, localSize: group.localSize)
        region = try group.makeRegion(byteCount: places.byteCount)
        faults = places.faults.vector(in: region)
        records = FactorRecords(places.factors, batch: batch, storage: places.records.vector(in: region))
        panels = try GradientPanels.ifWanted(
            exchangesGradients, group: group, worldSize: communicator.size, rank: communicator.rank,
            network: network, batch: batch, products: products)
    }

    // MARK: What layers call

    /// Gathers the moments of all shards and merges them in the tree's order. Collective: every rank must call it.
    public func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) throws -> Int {
        try sums.mergeMoments(moments, partRows: partRows)
    }

    /// Gathers the sums of all shards and adds them in the tree's order. Collective: every rank must call it.
    public func sum(_ sums: Matrix<Scalar>) throws { try self.sums.sum(sums) }

    /// Puts this rank's rows of the factors where the node shares them.
    public func contribute(factorsOf linear: Linear, x: BatchInput<Scalar>, dy: Matrix<Scalar>) {
        times.enter(.moving)
        defer { times.enter(.backward) }
        let rows = shards.lowerBound * sums.partRows..<shards.upperBound * sums.partRows
        records.put(packed.factor(of: linear, x), packed.outputFactor(of: linear, dy), of: linear, rows: rows)
    }

    /// Puts the sums of this rank's shards where the node shares them.
    public func contribute(partSums sums: Matrix<Scalar>, of parameters: VectorParameter) {
        self.sums.vectors(parameters.sums).copy(from: sums)
    }

    // MARK: The step

    /// Waits for the factors of this node's ranks, and brings those of all nodes to this one. Collective: every rank must
    /// call it.
    public func exchange(_ batch: StepBatch<Scalar>, _ local: LocalResult<Scalar>) throws -> StepResult {
        self.batch = batch.all
        sums.put(local)
        times.enter(.waiting)
        try group.barrier()
        times.enter(.moving)
        try group.betweenNodes { leaders in
            try sums.gatherRows(records.all, over: leaders)
            try sums.gather(over: leaders)
            try batch.exchange?(leaders)
        }
        return sums.combineTotals()
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
        faultyVector = nil
        for vector in ownVectors {
            let gradient = vectorGradient.vector[0..<vector.range.count]
            switch vector.source {
            case .rows(let linear): records.outputGradient(of: linears[linear]).sumColumns(into: gradient)
            case .parts(let columns): sums.sumVector(columns, into: gradient)
            }
            if !gradient.isFinite { faultyVector = vector.entry }
            step.apply(to: vector.range, gradients: gradient)
        }
        faults[group.localRank] = faultyVector == nil ? 0 : 1
    }

    /// Updates the running statistics, and waits for this node's ranks. Collective: every rank must call it.
    public func finish(_ model: ModelState<Scalar>) throws -> Bool {
        if group.isLeader { sums.updateStatistics(model) }
        times.enter(.waiting)
        try group.barrier()
        try share.requantize(packed, model, group)
        // Every node has computed all of them.
        return faults.buffer.allSatisfy { $0 == 0 }
    }

    /// Of the whole batch, whose rows every node has.
    public var firstNonFiniteGradient: (entry: Int, row: Int?)? {
        sums.firstNonFinite(of: allVectors, records, linears, firstRow: 0) ?? faultyVector.map { ($0, nil) }
    }

    private func computeWeightGradient(
        of linear: Linear, panels: Range<Int>, _ body: some ColumnTask<Scalar>
    ) {
        let x = records.factor(of: linear, batch: batch)
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
}

/// The factors of all weight gradients of a batch, in memory that the ranks of a node share: a record for each row of
/// the global batch, or of the node's part of it, with ∂L/∂Y of every linear layer and X of those that do not read the batch
/// itself, as numbers or as bytes.
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
    private func input(of linear: Linear) -> FactorInput<Scalar> {
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
    private func store(_ part: FactorInput<Scalar>, in all: FactorInput<Scalar>, _ rows: Range<Int>) {
        switch (part, all) {
        case (.numbers(let part), .numbers(let all)): all[rows: rows].copy(from: part)
        case (.bytes(let part), .bytes(let all)): all[rows: rows].copy(from: part)
        case (.bfloat16(let part), .bfloat16(let all)): all[rows: rows].copy(from: part)
        default: preconditionFailure("a factor in another format than its place")
        }
    }

    /// Puts some rows' ∂L/∂Y, and X where the layer does not read the batch itself, into their records.
    func put(_ x: FactorInput<Scalar>, _ dy: FactorInput<Scalar>, of linear: Linear, rows: Range<Int>) {
        store(dy, in: outputGradient(of: linear), rows)
        // The batch itself is everywhere already.
        if !linear.readsBatch { store(x, in: input(of: linear), rows) }
    }

    /// X [B, M] of a layer, which may be the batch itself.
    func factor(of linear: Linear, batch: BatchInput<Scalar>?) -> FactorInput<Scalar> {
        if linear.readsBatch {
            guard let batch else { preconditionFailure("a gradient without its batch") }
            return FactorInput(batch)
        }
        return input(of: linear)
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

/// Where the factors of some rows lie in a node's shared region, and what its ranks have found of their gradients.
struct RecordPlaces<Scalar: TensorScalar> {
    let factors: FactorPlaces<Scalar>
    let records: RegionPlan.Place<Scalar>
    /// For each rank of the node.
    let faults: RegionPlan.Place<Double>
    let byteCount: Int

    init(_ network: Sequential, format: (Linear) -> FactorFormat, rows: Int, localSize: Int) {
        factors = FactorPlaces(network, format: format)
        var plan = RegionPlan()
        records = plan.add(Scalar.self, count: rows * factors.width)
        faults = plan.add(Double.self, count: localSize)
        byteCount = plan.byteCount
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

extension Sequential {
    /// What the factors of a layer come as with products of ``PackedProducts`` and its kin.
    ///
    /// - Parameter slices: The bytes of a number in products with pixels; nil for Float products.
    func factorFormat(slices: Int?) -> (Linear) -> FactorFormat {
        let (bytes, rounded) = (Set(byteLinears(slices: slices)), Set(bfloat16Linears(slices: slices)))
        return { rounded.contains($0) ? .bfloat16 : bytes.contains($0) && !$0.readsBatch ? .bytes : .numbers }
    }
}
