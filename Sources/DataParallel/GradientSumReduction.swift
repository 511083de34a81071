public import Collectives
public import MLPEngine
public import Tensors

/// Fast arithmetic: every rank computes the gradient of its rows, and the gradients are summed.
///
/// The ranks of a node write their gradients into shared memory. Each then sums its share of the columns over all of
/// them, in the order of the ranks, takes the optimiser's step on that share, and so leaves the new parameters where all
/// read them: a reduce-scatter, update and allgather without a copy. Between nodes the leaders sum the nodes' gradients
/// with one allreduce. The order of the additions depends on the number of ranks, and so do the last bits.
public final class GradientSumReduction<Scalar: TensorScalar & CollectiveElement>: GradientReduction {
    /// Whether batch norm takes its statistics over the global batch.
    public let synchronizesBatchNorm: Bool
    /// This rank's gradients.
    public let gradients: Vector<Scalar>

    /// The time spent in each phase of the steps.
    public let times = StepTimes()

    private static var totalCount: Int { 4 }

    private let communicator: any Communicator
    private let group: NodeGroup
    private let products: LinearProducts<Scalar>
    private let linears: [Linear]
    private let statisticsCount: Int
    private let rowsOfRank: [Int]
    private let share: UpdateShare<Scalar>
    private let ownVectors: [Range<Int>]
    private let gathered: AlignedBuffer<Scalar>
    private let totals: AlignedBuffer<Scalar>
    private let region: SharedRegion
    /// Each local rank's gradients, sums of losses, hits, stops and checkpoints, and statistics.
    private let segments: [Vector<Scalar>]
    private let parameterCount: Int

    /// A reduction over the ranks of `communicator`. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - communicator: The ranks, for the small collectives of batch norm.
    ///   - group: The ranks of this node.
    ///   - model: The model that is trained.
    ///   - rowsOfRank: The rows of each rank's part of a global batch; they may differ.
    ///   - synchronizesBatchNorm: Whether batch norm takes its statistics over the global batch.
    ///   - team: The threads of this rank that share its products.
    /// - Throws: `SharedMemoryError` or `AllocationError`.
    public init(
        communicator: any Communicator, group: NodeGroup, model: ModelState<Scalar>, rowsOfRank: [Int],
        synchronizesBatchNorm: Bool, team: WorkerTeam
    ) throws {
        precondition(rowsOfRank.count == communicator.size, "the rows of \(communicator.size) ranks")
        let network = model.mlp.network
        self.communicator = communicator
        self.group = group
        self.rowsOfRank = rowsOfRank
        self.synchronizesBatchNorm = synchronizesBatchNorm
        linears = network.linears
        statisticsCount = network.statisticsLayout.count
        parameterCount = model.mlp.parameterCount
        products = try communicator.agree(on: "making room for products") {
            try LinearProducts(
                network, batch: rowsOfRank[communicator.rank], packed: model.packedWeights, team: team)
        }
        share = UpdateShare(index: group.localRank, count: group.localSize)
        ownVectors = share.vectors(network.parameterLayout)
        // Moments of all ranks: no module has more columns than all running statistics together.
        gathered = try AlignedBuffer(allocating: communicator.size * statisticsCount)
        totals = try AlignedBuffer(allocating: Self.totalCount + statisticsCount)
        var plan = RegionPlan()
        let count = parameterCount + Self.totalCount + statisticsCount
        let places = (0..<group.localSize).map { _ in plan.add(Scalar.self, count: count) }
        region = try group.makeRegion(byteCount: plan.byteCount)
        segments = places.map { [region] in $0.vector(in: region) }
        gradients = segments[group.localRank][0..<parameterCount]
    }

    /// One: a rank's rows are one part.
    public var parts: Int { 1 }

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

    /// Keeps this rank's sums as its share of the gradient, and if synchronised sums them over all ranks. Collective:
    /// every rank must call it.
    public func sumBatchNorm(_ sums: Matrix<Scalar>, gradient: Vector<Scalar>) throws {
        gradient.copy(from: sums.vector)
        guard synchronizesBatchNorm else { return }
        try times.during(.waiting) { try communicator.allreduce(sums.vector.buffer, .sum) }
    }

    /// Computes this rank's share of the gradient.
    public func computeGradient(
        of module: Linear, x: BatchInput<Scalar>, isNetworkInput: Bool, dy: Matrix<Scalar>,
        gradients: Vector<Scalar>
    ) {
        times.enter(.backward)
        products.weightGradient(
            of: module, x: FactorInput(x), dy: StridedMatrix(dy),
            into: gradients[module.weight].matrix(rows: module.outputs, columns: module.inputs))
        dy.sumColumns(into: gradients[module.bias])
    }

    /// Sums gradients, losses and, where each rank has its own, statistics over all ranks, and updates the model.
    /// Collective: every rank must call it.
    public func complete(
        _ model: ModelState<Scalar>, learningRate: Double, batchStatistics: Matrix<Scalar>,
        losses: [BatchLoss], stopRequested: Bool, checkpointRequested: Bool
    ) throws -> StepOutcome {
        let tail = parameterCount..<parameterCount + Self.totalCount + statisticsCount
        let globalBatch = rowsOfRank.reduce(0, +)
        let own = segments[group.localRank]
        own[parameterCount] = Scalar(losses[0].lossSum)
        own[parameterCount + 1] = Scalar(losses[0].correct)
        own[parameterCount + 2] = stopRequested ? 1 : 0
        own[parameterCount + 3] = checkpointRequested ? 1 : 0
        let statistics = own[tail][Self.totalCount..<tail.count]
        statistics.copy(from: batchStatistics[rows: 0..<1].vector)
        if !synchronizesBatchNorm {
            statistics.scale(by: Scalar(rowsOfRank[communicator.rank]) / Scalar(globalBatch))
        }

        times.enter(.waiting)
        try group.barrier()
        times.enter(.moving)
        if group.nodeCount > 1 { try sumBetweenNodes(tail) }
        times.enter(.update)
        let summed = group.nodeCount > 1 ? [segments[0]] : segments
        let update = model.update(learningRate: learningRate)
        for module in linears {
            products.forEachGroup(
                of: module, panels: share.panels(of: module),
                Update(summed: summed, products: products, module: module, update: update))
        }
        for range in ownVectors {
            // Nobody else reads these segments any more.
            let sum = summed[0][range]
            for segment in summed.dropFirst() { sum.add(segment[range]) }
            update.apply(to: range, gradients: sum)
        }
        totals.vector.copy(from: summed[0][tail])
        for segment in summed.dropFirst() { totals.vector.add(segment[tail]) }
        if group.isLeader && statisticsCount > 0 {
            // Synchronised, every rank has had the batch's; their sum is nothing.
            model.updateStatistics(
                towards: synchronizesBatchNorm
                    ? batchStatistics[rows: 0..<1].vector : totals.vector[Self.totalCount..<totals.count])
        }
        times.enter(.waiting)
        try group.barrier()
        try share.settle(products, model, linears[0], group)
        times.enter(nil)
        let loss = BatchLoss(
            lossSum: Double(totals.vector[0]), correct: Int(totals.vector[1]), samples: globalBatch)
        return StepOutcome(
            loss: loss, stopRequested: totals.vector[2] > 0, checkpointRequested: totals.vector[3] > 0)
    }

    /// Sums the gradients of this node in the first segment, then those of all nodes.
    private func sumBetweenNodes(_ tail: Range<Int>) throws {
        let (first, others) = (segments[0], segments.dropFirst())
        if !others.isEmpty {
            for module in linears {
                let target = first[module.weight].matrix(rows: module.outputs, columns: module.inputs)
                products.forEachGroup(
                    of: module, panels: share.panels(of: module),
                    Sum(segments: segments, target: target, module: module))
            }
            for range in ownVectors {
                for segment in others { first[range].add(segment[range]) }
            }
            if group.isLeader {
                for segment in others { first[tail].add(segment[tail]) }
            }
            try group.barrier()
        }
        try group.betweenNodes { try $0.allreduce(first.buffer, .sum) }
    }

    private struct Update: ColumnTask {
        let summed: [Vector<Scalar>]
        let products: LinearProducts<Scalar>
        let module: Linear
        let update: ParameterUpdate<Scalar>

        func callAsFunction(_ columns: Range<Int>, _ room: Matrix<Scalar>) {
            GradientSumReduction.sum(summed, of: module, columns: columns, into: room)
            update.apply(toWeightOf: module, columns: columns, gradient: room)
            products.packWeights(of: module, update.parameters, columns: columns)
        }
    }

    private struct Sum: ColumnTask {
        let segments: [Vector<Scalar>]
        let target: Matrix<Scalar>
        let module: Linear

        func callAsFunction(_ columns: Range<Int>, _ room: Matrix<Scalar>) {
            GradientSumReduction.sum(segments, of: module, columns: columns, into: room)
            StridedMatrix(target, columns: columns).copy(from: room)
        }
    }

    private static func sum(
        _ segments: [Vector<Scalar>], of module: Linear, columns: Range<Int>, into room: Matrix<Scalar>
    ) {
        // By index: enumerating an array of a generic type allocates.
        for index in segments.indices {
            let segment = segments[index]
            let gradient = StridedMatrix(
                segment[module.weight].matrix(rows: module.outputs, columns: module.inputs), columns: columns)
            if index == 0 { room.copy(from: gradient) } else { room.add(gradient) }
        }
    }
}
