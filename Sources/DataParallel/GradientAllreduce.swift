public import Collectives
public import MLPEngine
public import Tensors

/// Data parallelism by an allreduce of gradients: every rank computes the gradient of its rows, and the gradients are summed.
///
/// The ranks of a node write their gradients into shared memory. Each then sums its share of the columns over all of
/// them, in the order of the ranks, takes the optimizer's step on that share, and so leaves the new parameters where all
/// read them: a reduce-scatter, update and allgather without a copy. Between nodes the leaders sum the nodes' gradients
/// with one allreduce. The order of the additions depends on the number of ranks, and so do the last bits.
public final class GradientAllreduce<Scalar: TensorScalar & CollectiveElement>: DataParallelStrategy {
    /// Whether batch norm takes its statistics over the global batch.
    public let synchronizesBatchNorm: Bool
    /// The backend of matrix products, of any kind.
    public let products: any MatrixProducts<Scalar>
    /// One: a rank's rows are one part.
    public var parts: Int { 1 }
    /// The place of this rank's first row in the global batch.
    public var firstRow: Int { rowsOfRank[..<communicator.rank].reduce(0, +) }
    /// The time spent in each phase of the steps.
    public let times = StepTimes()

    private static var totalCount: Int { 4 }

    private let communicator: any Communicator
    private let group: NodeGroup
    private let linears: [Linear]
    private let statisticsCount: Int
    private let parameterCount: Int
    private let rowsOfRank: [Int]
    private let share: UpdateShare<Scalar>
    private let ownVectors: [OwnVector]
    private let gathered: AlignedBuffer<Scalar>
    private let totals: AlignedBuffer<Scalar>
    private let region: SharedRegion
    /// Each local rank's gradients, sums of losses, hits, stops and checkpoints, and statistics.
    private let segments: [Vector<Scalar>]
    /// Those whose sum is that of all ranks, in a step: of all ranks of the node, or the one with the sum of all nodes.
    private let summands: [Vector<Scalar>]
    /// Where this rank's gradients lie.
    private var gradients: Vector<Scalar> { segments[group.localRank] }
    /// This rank's statistics, in a step.
    private var batchStatistics: Matrix<Scalar>?

    /// A strategy for the ranks of `communicator`. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - communicator: The ranks, for the small collectives of batch norm.
    ///   - group: The ranks of this node.
    ///   - network: What is trained.
    ///   - products: Computes over the rows of this rank.
    ///   - rowsOfRank: The rows of each rank's part of a global batch; they may differ.
    ///   - synchronizesBatchNorm: Whether batch norm takes its statistics over the global batch.
    /// - Throws: `SharedMemoryError`, `AllocationError` or `ParameterWithoutRule`.
    public init(
        communicator: any Communicator, group: NodeGroup, network: Sequential,
        products: any MatrixProducts<Scalar>, rowsOfRank: [Int], synchronizesBatchNorm: Bool
    ) throws {
        precondition(rowsOfRank.count == communicator.size, "the rows of \(communicator.size) ranks")
        self.communicator = communicator
        self.group = group
        self.products = products
        self.rowsOfRank = rowsOfRank
        self.synchronizesBatchNorm = synchronizesBatchNorm
        linears = network.linears
        statisticsCount = network.statisticsLayout.count
        parameterCount = network.parameterLayout.count
        share = UpdateShare(
            index: group.localRank, count: group.localSize, panelsAtOnce: products.panelsAtOnce)
        ownVectors = try share.vectors(network.parameterLayout)
        // Moments of all ranks: no layer has more columns than all running statistics together.
        gathered = try AlignedBuffer(allocating: communicator.size * statisticsCount)
        totals = try AlignedBuffer(allocating: Self.totalCount + statisticsCount)
        var plan = RegionPlan()
        let count = parameterCount + Self.totalCount + statisticsCount
        let places = (0..<group.localSize).map { _ in plan.add(Scalar.self, count: count) }
        region = try group.makeRegion(byteCount: plan.byteCount)
        segments = places.map { [region] in $0.vector(in: region) }
        summands = group.nodeCount > 1 ? [segments[0]] : segments
    }

    // MARK: What layers call

    /// Gathers the moments of all ranks and merges them, weighted by their rows. Collective: every rank must call it.
    public func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) throws -> Int {
        precondition(
            partRows == rowsOfRank[communicator.rank], "\(partRows) rows on rank \(communicator.rank)")
        guard communicator.size > 1 else { return partRows }
        let all = gathered.vector[0..<communicator.size * moments.columns]
        try times.during(.waiting) {
            try communicator.allgather(UnsafeBufferPointer(moments.vector.buffer), into: all.buffer)
        }
        let merged = all.matrix(rows: communicator.size, columns: moments.columns)
        let rows = PartTree.mergeMoments(merged, rows: rowsOfRank)
        moments.vector.copy(from: merged[rows: 0..<1].vector)
        return rows
    }

    /// Sums over all ranks. Collective: every rank must call it.
    public func sum(_ sums: Matrix<Scalar>) throws {
        try times.during(.waiting) { try communicator.allreduce(sums.vector.buffer, .sum) }
    }

    /// Computes the gradient of this rank's rows.
    public func contribute(factorsOf linear: Linear, x: BatchInput<Scalar>, dy: Matrix<Scalar>) {
        let dy = products.outputFactor(of: linear, dy)
        products.weightGradient(
            of: linear, x: products.factor(of: linear, x), dy: dy, into: linear.weightMatrix(gradients))
        dy.sumColumns(into: gradients[linear.bias])
    }

    /// Keeps this rank's sums: they are the gradient of its rows.
    public func contribute(partSums sums: Matrix<Scalar>, of parameters: VectorParameter) {
        gradients[parameters.range].copy(from: sums.vector)
    }

    // MARK: The step

    private var tail: Range<Int> {
        parameterCount..<parameterCount + Self.totalCount + statisticsCount
    }

    /// Waits for the gradients of this node's ranks, and sums those of all nodes. Collective: every rank must call it.
    public func exchange(_ batch: StepBatch<Scalar>, _ local: LocalResult<Scalar>) throws {
        batchStatistics = local.statistics
        let own = gradients
        own[parameterCount] = Scalar(local.losses[0].lossSum)
        own[parameterCount + 1] = Scalar(local.losses[0].correct)
        own[parameterCount + 2] = local.requests.stop ? 1 : 0
        own[parameterCount + 3] = local.requests.checkpoint ? 1 : 0
        let statistics = own[tail][Self.totalCount..<tail.count]
        statistics.copy(from: local.statistics[rows: 0..<1].vector)
        if !synchronizesBatchNorm {
            statistics.scale(by: Scalar(rowsOfRank[communicator.rank]) / Scalar(globalBatch))
        }
        times.enter(.waiting)
        try group.barrier()
        times.enter(.moving)
        if group.nodeCount > 1 { try sumBetweenNodes() }
    }

    /// Sums this rank's columns over the ranks, and updates them. Collective: every rank must call it.
    public func update(_ step: OptimizerStep<Scalar>) throws {
        for linear in linears {
            products.forEachGroup(
                of: linear, panels: share.panels(of: linear),
                Update(summands: summands, products: products, linear: linear, step: step))
        }
        for vector in ownVectors {
            // Nobody else reads these segments any more.
            let sum = summands[0][vector.range]
            for segment in summands.dropFirst() { sum.add(segment[vector.range]) }
            step.apply(to: vector.range, gradients: sum)
        }
    }

    /// Sums the losses, updates the running statistics, and waits for this node's ranks. Collective: every rank must call
    /// it.
    public func finish(_ model: ModelState<Scalar>) throws -> StepResult {
        totals.vector.copy(from: summands[0][tail])
        for segment in summands.dropFirst() { totals.vector.add(segment[tail]) }
        if group.isLeader, statisticsCount > 0, let batchStatistics {
            // Synchronised, every rank has had the batch's; their sum is nothing.
            model.updateStatistics(
                towards: synchronizesBatchNorm
                    ? batchStatistics[rows: 0..<1].vector : totals.vector[Self.totalCount..<totals.count])
        }
        times.enter(.waiting)
        try group.barrier()
        try share.requantize(products, model, group)
        let loss = BatchLoss(
            lossSum: Double(totals.vector[0]), correct: Int(totals.vector[1]), samples: globalBatch)
        return StepResult(
            loss: loss,
            requests: .init(stop: totals.vector[2] > 0, checkpoint: totals.vector[3] > 0))
    }

    private var globalBatch: Int { rowsOfRank.reduce(0, +) }

    /// Sums the gradients of this node in the first segment, then those of all nodes.
    private func sumBetweenNodes() throws {
        let (first, others) = (segments[0], segments.dropFirst())
        if !others.isEmpty {
            for linear in linears {
                let target = linear.weightMatrix(first)
                products.forEachGroup(
                    of: linear, panels: share.panels(of: linear),
                    Sum(segments: segments, target: target, linear: linear))
            }
            for vector in ownVectors {
                for segment in others { first[vector.range].add(segment[vector.range]) }
            }
            if group.isLeader {
                for segment in others { first[tail].add(segment[tail]) }
            }
            try group.barrier()
        }
        try group.betweenNodes { try $0.allreduce(first.buffer, .sum) }
    }

    private struct Update: ColumnTask {
        let summands: [Vector<Scalar>]
        let products: any MatrixProducts<Scalar>
        let linear: Linear
        let step: OptimizerStep<Scalar>

        func callAsFunction(_ columns: Range<Int>, _ room: Matrix<Scalar>) {
            GradientAllreduce.sum(summands, of: linear, columns: columns, into: room)
            step.apply(toWeightOf: linear, columns: columns, gradient: room)
            products.weightsChanged(of: linear, step.parameters, columns: columns)
        }
    }

    private struct Sum: ColumnTask {
        let segments: [Vector<Scalar>]
        let target: Matrix<Scalar>
        let linear: Linear

        func callAsFunction(_ columns: Range<Int>, _ room: Matrix<Scalar>) {
            GradientAllreduce.sum(segments, of: linear, columns: columns, into: room)
            StridedMatrix(target, columns: columns).copy(from: room)
        }
    }

    private static func sum(
        _ segments: [Vector<Scalar>], of linear: Linear, columns: Range<Int>, into room: Matrix<Scalar>
    ) {
        // By index: enumerating an array of a generic type allocates.
        for index in segments.indices {
            let segment = segments[index]
            let gradient = StridedMatrix(
                linear.weightMatrix(segment), columns: columns)
            if index == 0 { room.copy(from: gradient) } else { room.add(gradient) }
        }
    }
}
