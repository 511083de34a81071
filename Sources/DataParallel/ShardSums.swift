internal import Collectives
internal import MLPEngine
internal import Tensors

/// What is little and formed per logical shard, and combined in ``PartTree``'s order by every rank for itself, so that it
/// does not depend on the ranks: losses and requests, batch norm's moments, its sums and statistics, and what the gradients
/// of vectors are summed from.
final class ShardSums<Scalar: TensorScalar & CollectiveElement> {
    /// The logical shards of this rank, and the number of all.
    let shards: Range<Int>
    let shardCount: Int
    /// The rows of each shard in a global batch.
    let partRows: Int

    private let communicator: any Communicator
    private let group: NodeGroup
    private let times: StepTimes
    private let synchronizesBatchNorm: Bool
    private let shardCounts: [Int]
    /// The shards of each node.
    private let nodeCounts: [Int]

    /// Per-shard numbers of all ranks, or of a vector's columns.
    private let gathered: AlignedBuffer<Scalar>
    private var totalsInOrder: [Double]
    /// What each rank contributes to the collective at hand; kept, so that a step allocates nothing.
    private var segmentCounts: [Int]
    private let region: SharedRegion
    /// For each shard the sum of its losses, its hits, whether its rank was asked to stop, and whether it wants a
    /// checkpoint; its sums for the gradients of vectors; and where batch norm is each shard's own, its statistics.
    private let totals: Vector<Double>
    private let vectors: Matrix<Scalar>
    private let statistics: Matrix<Scalar>
    /// This rank's statistics, in a step.
    private var batchStatistics: Matrix<Scalar>?

    /// Room for the numbers of all shards. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - communicator: The ranks, those of a node consecutive.
    ///   - vectors: The numbers of a shard from which gradients of vectors are summed.
    /// - Throws: `SharedMemoryError`, `AllocationError`, or the communicator's error.
    init(
        communicator: any Communicator, group: NodeGroup, times: StepTimes, network: Sequential,
        shardsOfRank: [Range<Int>], rowsPerShard: Int, synchronizesBatchNorm: Bool, vectors: Int
    ) throws {
        precondition(
            shardsOfRank.count == communicator.size, "the shards of \(communicator.size) ranks")
        (self.communicator, self.group, self.times) = (communicator, group, times)
        self.synchronizesBatchNorm = synchronizesBatchNorm
        shards = shardsOfRank[communicator.rank]
        let shardCounts = shardsOfRank.map(\.count)
        self.shardCounts = shardCounts
        shardCount = shardCounts.reduce(0, +)
        let nodeOfRank = group.placement.nodeOfRank
        nodeCounts = (0..<group.nodeCount).map { node in
            zip(nodeOfRank, shardCounts).reduce(0) { $0 + ($1.0 == node ? $1.1 : 0) }
        }
        partRows = rowsPerShard
        let statisticsCount = network.statisticsLayout.count
        gathered = try AlignedBuffer(allocating: shardCount * max(statisticsCount, vectors))
        totalsInOrder = Array(repeating: 0, count: shardCount)
        segmentCounts = shardCounts

        let places = ShardPlaces<Scalar>(
            network, shardCount: shardCount, vectors: vectors, synchronizesBatchNorm: synchronizesBatchNorm)
        region = try group.makeRegion(byteCount: places.byteCount)
        totals = places.totals.vector(in: region)
        self.vectors = places.vectors.vector(in: region).matrix(rows: shardCount, columns: vectors)
        statistics = places.statistics.vector(in: region).matrix(
            rows: synchronizesBatchNorm ? 0 : shardCount, columns: statisticsCount)
    }

    /// The logical shards of this node.
    var shardsOfNode: Range<Int> {
        let first = nodeCounts[..<group.nodeIndex].reduce(0, +)
        return first..<first + nodeCounts[group.nodeIndex]
    }

    // MARK: What layers call

    /// Gathers the moments of all shards and merges them in the tree's order. Collective: every rank must call it.
    func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) throws -> Int {
        let all = try gather(moments)
        let rows = PartTree.mergeMoments(all, partRows: partRows)
        moments[rows: 0..<1].vector.copy(from: all[rows: 0..<1].vector)
        return rows
    }

    /// Gathers the sums of all shards and adds them in the tree's order. Collective: every rank must call it.
    func sum(_ sums: Matrix<Scalar>) throws {
        let all = try gather(sums)
        PartTree.sum(all)
        sums[rows: 0..<1].vector.copy(from: all[rows: 0..<1].vector)
    }

    /// Where the node has the numbers [P, K] of this rank's shards for the gradients of vectors.
    func vectors(_ columns: Range<Int>) -> StridedMatrix<Scalar> {
        StridedMatrix(vectors, columns: columns)[rows: shards]
    }

    // MARK: The step

    /// Puts what this rank's rows came to where the node shares it.
    func put(_ local: LocalResult<Scalar>) {
        batchStatistics = local.statistics
        for (shard, loss) in zip(shards, local.losses) {
            let start = shard * ShardPlaces<Scalar>.totalsPerShard
            totals[start] = loss.lossSum
            totals[start + 1] = Double(loss.correct)
            totals[start + 2] = local.requests.stop ? 1 : 0
            totals[start + 3] = local.requests.checkpoint ? 1 : 0
        }
        if !synchronizesBatchNorm {
            statistics[rows: shards].vector.copy(from: local.statistics.vector)
        }
    }

    /// Brings what all nodes have put to this one. Collective: the leaders of all nodes must call it, once their ranks have
    /// put theirs.
    func gather(over leaders: any Communicator) throws {
        try gatherRows(totals, over: leaders)
        try gatherRows(vectors.vector, over: leaders)
        try gatherRows(statistics.vector, over: leaders)
    }

    /// Brings what stands in memory shard after shard, or row after row of them, from all nodes to this one. Collective: the
    /// leaders of all nodes must call it.
    func gatherRows<Element: CollectiveElement>(
        _ all: Vector<Element>, over leaders: any Communicator
    ) throws {
        guard all.count > 0 else { return }
        let perShard = all.count / shardCount
        try leaders.allgather(segmentsOf: all.buffer, counts: nodeCounts.map { $0 * perShard })
    }

    /// Adds the numbers of all shards for the gradient of a vector, in the tree's order.
    func sumVector(_ columns: Range<Int>, into gradient: Vector<Scalar>) {
        let sums = gathered.matrix(rows: shardCount, columns: columns.count)
        sums.copy(from: StridedMatrix(vectors, columns: columns))
        PartTree.sum(sums)
        gradient.copy(from: sums[rows: 0..<1].vector)
    }

    /// Where the way back first came to a gradient of a vector that is not finite, the last vector first.
    ///
    /// - Parameters:
    ///   - vectors: The vectors, in the order of the layout.
    ///   - records: The factors of some rows.
    ///   - linears: The linear layers.
    ///   - firstRow: The place of the first of these rows in the global batch.
    /// - Returns: The vector's entry in the layout and the row, or the first one of its shard.
    func firstNonFinite(
        of vectors: [OwnVector], _ records: FactorRecords<Scalar>, _ linears: [Linear], firstRow: Int
    ) -> (entry: Int, row: Int?)? {
        for vector in vectors.reversed() {
            switch vector.source {
            case .rows(let linear):
                if let row = records.outputGradient(of: linears[linear]).firstNonFiniteRow {
                    return (vector.entry, firstRow + row)
                }
            case .parts(let columns):
                if let shard = StridedMatrix(self.vectors, columns: columns).firstNonFiniteRow {
                    return (vector.entry, shard * partRows)
                }
            }
        }
        return nil
    }

    /// Moves the model's running statistics towards those of the batch. On the node's leader.
    func updateStatistics(_ model: ModelState<Scalar>) {
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

    /// What all ranks know alike.
    func combineTotals() -> StepResult {
        var (correct, stops, checkpoints) = (0.0, 0.0, 0.0)
        for shard in 0..<shardCount {
            let start = shard * ShardPlaces<Scalar>.totalsPerShard
            totalsInOrder[shard] = totals[start]
            correct += totals[start + 1]
            stops += totals[start + 2]
            checkpoints += totals[start + 3]
        }
        let loss = BatchLoss(
            lossSum: PartTree.sum(&totalsInOrder), correct: Int(correct), samples: partRows * shardCount)
        return StepResult(loss: loss, requests: .init(stop: stops > 0, checkpoint: checkpoints > 0))
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
}

/// Where the numbers of all shards lie in a node's shared region.
struct ShardPlaces<Scalar: TensorScalar> {
    static var totalsPerShard: Int { 4 }

    let totals: RegionPlan.Place<Double>
    let vectors: RegionPlan.Place<Scalar>
    let statistics: RegionPlan.Place<Scalar>
    let byteCount: Int

    init(_ network: Sequential, shardCount: Int, vectors count: Int, synchronizesBatchNorm: Bool) {
        var plan = RegionPlan()
        totals = plan.add(Double.self, count: shardCount * Self.totalsPerShard)
        vectors = plan.add(Scalar.self, count: shardCount * count)
        statistics = plan.add(
            Scalar.self, count: synchronizesBatchNorm ? 0 : shardCount * network.statisticsLayout.count)
        byteCount = plan.byteCount
    }

    /// The bytes of a logical shard that travel to other nodes, by collective.
    func bytesPerShard(of shardCount: Int) -> [Int] {
        [totals.byteCount, vectors.byteCount, statistics.byteCount].map { $0 / shardCount }
    }
}
