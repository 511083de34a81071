public import Collectives
public import MLPEngine
public import Tensors

/// Data parallelism by an allreduce of gradients: every node computes the gradient of its rows, and the gradients are
/// summed, as integers; the results are the same bits on any number of ranks and threads.
///
/// The gradient of a weight is formed shard by shard: a product over the rows of one logical shard, which no division of the
/// ranks cuts, rounded to whole multiples of a unit that is the same everywhere. Integers have no order of summation, so it
/// does not matter which rank has which shards. The unit of a row follows from what no shard's product exceeds, the largest
/// sum of |∂L/∂Y| of a shard times the largest |X|; these few maxima are exchanged first, in the backward pass. See
/// `FixedPointUnits` for how exact that is.
///
/// The ranks of a node share their factors in memory, as with ``FactorExchange``, and each computes some columns over all of
/// the node's rows. Between nodes the leaders sum these integers, 4 bytes a weight, in ``GradientBuckets``, while the ranks go
/// on with the backward pass. Each node then updates the whole model. What is little is formed and combined as with
/// ``FactorExchange``: ``ShardSums``.
public final class GradientAllreduce<Scalar: TensorScalar & CollectiveElement>: DataParallelStrategy {
    /// Whether batch norm takes its statistics over the global batch, rather than over each logical shard.
    public let synchronizesBatchNorm: Bool
    /// The backend of matrix products, of any kind: the bits are the same as far as it promises those of a product.
    public let products: any MatrixProducts<Scalar>
    /// The number of logical shards of this rank.
    public let parts: Int
    /// The place of this rank's first row in the global batch.
    public var firstRow: Int { sums.shards.lowerBound * sums.partRows }
    /// The time spent in each phase of the steps.
    public let times = StepTimes()

    /// The ranks.
    public let communicator: any Communicator
    private let group: NodeGroup
    private let linears: [Linear]
    private let sums: ShardSums<Scalar>
    private let shardsOfNode: Range<Int>
    private let share: UpdateShare<Scalar>
    private let ownVectors: [OwnVector]
    private let buckets: GradientBuckets<Scalar>
    /// Where each layer's ∂L/∂b stands among the sums of vectors.
    private let biases: [Range<Int>]

    /// By layer what no shard's gradient exceeds: a sum of |∂L/∂Y| for each row, and the largest |X|.
    private let bounds: AlignedBuffer<Scalar>
    private let boundPlaces: [Range<Int>]
    /// The gradient of a vector.
    private let vectorGradient: AlignedBuffer<Scalar>
    private let region: SharedRegion
    /// The factors of this node's rows.
    private let records: FactorRecords<Scalar>
    /// All vectors, and for each rank of the node whether a gradient that it has summed is not finite: 1 or 0.
    private let allVectors: [OwnVector]
    private let faults: Vector<Double>
    /// The last vector whose gradient this rank has found to be not finite.
    private var faultyVector: Int?

    /// A strategy for the ranks of `communicator`. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - communicator: The ranks, for the small collectives; ordered so that those of a node are consecutive.
    ///   - group: The ranks of this node.
    ///   - network: What is trained.
    ///   - products: Computes over this rank's rows, and weight gradients over those of a shard.
    ///   - shardsOfRank: The logical shards of each rank, contiguous and in order.
    ///   - rowsPerShard: The rows of each shard in a global batch.
    ///   - synchronizesBatchNorm: Whether batch norm takes its statistics over the global batch.
    /// - Throws: `SharedMemoryError`, `AllocationError`, `ParameterWithoutRule`, or the communicator's error.
    public init(
        communicator: any Communicator, group: NodeGroup, network: Sequential,
        products: any MatrixProducts<Scalar>, shardsOfRank: [Range<Int>], rowsPerShard: Int,
        synchronizesBatchNorm: Bool
    ) throws {
        self.communicator = communicator
        self.group = group
        self.products = products
        self.synchronizesBatchNorm = synchronizesBatchNorm
        linears = network.linears
        parts = shardsOfRank[communicator.rank].count
        share = UpdateShare(
            index: group.localRank, count: group.localSize, panelsAtOnce: products.panelsAtOnce)
        ownVectors = try share.vectors(network.parameterLayout)
        allVectors = try .all(of: network.parameterLayout)
        // Behind the sums for other vectors come those of the biases.
        var end = network.parameterLayout.partSumCount
        biases = linears.map { linear in
            defer { end += linear.outputs }
            return end..<end + linear.outputs
        }
        sums = try ShardSums(
            communicator: communicator, group: group, times: times, network: network,
            shardsOfRank: shardsOfRank, rowsPerShard: rowsPerShard,
            synchronizesBatchNorm: synchronizesBatchNorm, vectors: end)
        shardsOfNode = sums.shardsOfNode
        vectorGradient = try AlignedBuffer(allocating: ownVectors.map(\.range.count).max() ?? 0)
        end = 0
        boundPlaces = linears.map { linear in
            defer { end += linear.outputs + 1 }
            return end..<end + linear.outputs + 1
        }
        bounds = try AlignedBuffer(allocating: end)
        let places = RecordPlaces<Scalar>(
            network, format: (products as? PackedProducts<Scalar>)?.factorFormat ?? { _ in .numbers },
            rows: rowsPerShard * shardsOfNode.count, localSize: group.localSize)
        region = try group.makeRegion(byteCount: places.byteCount)
        faults = places.faults.vector(in: region)
        records = FactorRecords(
            places.factors, batch: rowsPerShard * shardsOfNode.count,
            storage: places.records.vector(in: region))
        buckets = try GradientBuckets(
            network, group: group, shardCount: sums.shardCount, panelsAtOnce: products.panelsAtOnce)
    }

    /// The numbers of a shard from which gradients of vectors are summed.
    static func vectorSums(of network: Sequential) -> Int {
        network.parameterLayout.partSumCount + network.linears.reduce(0) { $0 + $1.outputs }
    }

    // MARK: What layers call

    /// Gathers the moments of all shards and merges them in the tree's order. Collective: every rank must call it.
    public func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) throws -> Int {
        try sums.mergeMoments(moments, partRows: partRows)
    }

    /// Gathers the sums of all shards and adds them in the tree's order. Collective: every rank must call it.
    public func sum(_ sums: Matrix<Scalar>) throws { try self.sums.sum(sums) }

    /// Puts this rank's rows of the factors where the node shares them, and forms the node's gradient. Collective: every rank
    /// must call it.
    public func contribute(factorsOf linear: Linear, x: BatchInput<Scalar>, dy: Matrix<Scalar>) throws {
        times.enter(.moving)
        let first = (sums.shards.lowerBound - shardsOfNode.lowerBound) * sums.partRows
        records.put(
            products.factor(of: linear, x), products.outputFactor(of: linear, dy), of: linear,
            rows: first..<first + dy.rows)
        let (vectors, bounds) = (sums.vectors(biases[linear.index]), bounds.vector[boundPlaces[linear.index]])
        let magnitudes = bounds[0..<linear.outputs]
        magnitudes.fill(0)
        for part in 0..<parts {
            let rows = StridedMatrix(dy)[rows: part * sums.partRows..<(part + 1) * sums.partRows]
            let bias = Vector(base: vectors.base + part * vectors.stride, count: linear.outputs)
            rows.sumColumns(into: bias)
            rows.raiseToColumnMagnitudes(magnitudes)
        }
        times.enter(.backward)
        switch x {
        case .numbers(let x): bounds[linear.outputs] = x.vector.largestMagnitude
        case .pixels(let x): bounds[linear.outputs] = x.largestMagnitude
        }
        // The rows of other ranks in the batch itself are known to nobody here: their turn comes with the exchange.
        if !linear.readsBatch { try formGradient(of: linear, batch: nil) }
    }

    /// Puts the sums of this rank's shards where the node shares them.
    public func contribute(partSums sums: Matrix<Scalar>, of parameters: VectorParameter) {
        self.sums.vectors(parameters.sums).copy(from: sums)
    }

    /// Forms the gradient of the node's rows in whole numbers, and has the leaders sum it. Collective: every rank must call
    /// it.
    private func formGradient(of linear: Linear, batch: BatchInput<Scalar>?) throws {
        let bounds = bounds.vector[boundPlaces[linear.index]]
        if communicator.size > 1 {
            // No rank returns before all have called, so all factors of the node are there.
            try times.during(.waiting) { try communicator.allreduce(bounds.buffer, .maximum) }
        }
        let layer = buckets.layers[linear.index]
        layer.units.choose(bounds: bounds[0..<linear.outputs], factor: bounds[linear.outputs])
        let (dy, x) = (records.outputGradient(of: linear), records.factor(of: linear, batch: batch))
        // By index: enumerating an array of a generic type allocates.
        for index in layer.buckets.indices {
            let bucket = layer.buckets[index]
            let panels = buckets.panels(of: bucket, localRank: group.localRank, localSize: group.localSize)
            for shard in 0..<(panels.isEmpty ? 0 : shardsOfNode.count) {
                let rows = shard * sums.partRows..<(shard + 1) * sums.partRows
                products.weightGradient(
                    of: linear, x: x[rows: rows], dy: dy[rows: rows], panels: panels,
                    Add(units: layer.units, bucket: bucket, isFirst: shard == 0))
            }
            guard group.nodeCount > 1 else { continue }
            try times.during(.waiting) { try group.barrier() }
            buckets.start(bucket)
        }
    }

    /// Adds a shard's gradient of some columns to the node's.
    private struct Add: ColumnTask {
        let units: FixedPointUnits<Scalar>
        let bucket: GradientBuckets<Scalar>.Bucket
        let isFirst: Bool

        func callAsFunction(_ columns: Range<Int>, _ gradient: Matrix<Scalar>) {
            units.add(
                gradient, isFirst: isFirst, to: bucket.sums,
                at: columns.lowerBound - bucket.columns.lowerBound)
        }
    }

    // MARK: The step

    /// Forms the gradients of layers that read the batch, waits for this node's ranks, and for the sums of all nodes.
    /// Collective: every rank must call it.
    public func exchange(_ batch: StepBatch<Scalar>, _ local: LocalResult<Scalar>) throws -> StepResult {
        sums.put(local)
        times.enter(.backward)
        let first = shardsOfNode.lowerBound * sums.partRows
        let rows = first..<first + shardsOfNode.count * sums.partRows
        for linear in linears where linear.readsBatch {
            try formGradient(of: linear, batch: batch.all[rows: rows])
        }
        times.enter(.waiting)
        try group.barrier()
        times.enter(.moving)
        try group.betweenNodes { leaders in
            try sums.gather(over: leaders)
            try buckets.finish(over: leaders)
        }
        return sums.combineTotals()
    }

    /// Updates this rank's columns by their gradient over the whole batch. Collective: every rank must call it.
    public func update(_ step: OptimizerStep<Scalar>) throws {
        for linear in linears {
            products.forEachGroup(
                of: linear, panels: share.panels(of: linear),
                Update(
                    layer: buckets.layers[linear.index], products: products, linear: linear, step: step))
        }
        faultyVector = nil
        for vector in ownVectors {
            let gradient = vectorGradient.vector[0..<vector.range.count]
            switch vector.source {
            case .rows(let linear): sums.sumVector(biases[linear], into: gradient)
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
        try share.requantize(products, model, group)
        // The sums are those of all nodes.
        return faults.buffer.allSatisfy { $0 == 0 }
    }

    /// Of the node's rows; what others find is theirs to say.
    public var firstNonFiniteGradient: (entry: Int, row: Int?)? {
        sums.firstNonFinite(
            of: allVectors, records, linears, firstRow: shardsOfNode.lowerBound * sums.partRows)
            ?? faultyVector.map { ($0, nil) }
    }

    /// The update of some columns, by the sums of all nodes.
    private struct Update: ColumnTask {
        let layer: GradientBuckets<Scalar>.Layer
        let products: any MatrixProducts<Scalar>
        let linear: Linear
        let step: OptimizerStep<Scalar>

        func callAsFunction(_ columns: Range<Int>, _ room: Matrix<Scalar>) {
            layer.write(columns, into: room)
            step.apply(toWeightOf: linear, columns: columns, gradient: room)
            products.weightsChanged(of: linear, step.parameters, columns: columns)
        }
    }
}
