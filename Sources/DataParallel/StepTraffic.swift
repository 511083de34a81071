package import MLPEngine
internal import Tensors

/// The bytes that nodes send one another in a training step, as they follow from the network and the placement of the ranks:
/// what the strategies' collectives are called with, and nothing of what a library adds to it.
package struct StepTraffic: Equatable, Sendable {
    /// The bytes that each node contributes to what all nodes gather.
    package private(set) var gathered: [Int]
    /// The bytes of which every node has some, and that are summed over the nodes.
    package private(set) var reduced = 0
    /// Of what is gathered, pixels, which travel while the step before is computed.
    package private(set) var ahead: [Int]
    /// Of what is summed, the weights' gradients, which travel while the backward pass goes on, in their order.
    package private(set) var pieces = [Piece]()
    /// The other collectives, for each of which a step waits: the bytes that there are in the end.
    package private(set) var waited = [Int]()

    /// Some columns of a gradient.
    package struct Piece: Equatable, Sendable {
        package let bytes: Int
        /// The share of the backward pass's multiplications that are done when it may leave.
        package let share: Double
    }

    private init(nodeCount: Int) {
        gathered = [Int](repeating: 0, count: nodeCount)
        ahead = gathered
    }

    package var nodeCount: Int { gathered.count }

    /// The bytes that reach a node in a step.
    package func received(byNode node: Int) -> Int { Self.others(gathered, node) + received(ofSum: reduced) }

    /// The bytes that reach the node to which most come; 0 for one node.
    package var received: Int { gathered.indices.map(received(byNode:)).max() ?? 0 }

    /// Of these, the pixels.
    package var receivedAhead: Int { ahead.indices.map { Self.others(ahead, $0) }.max() ?? 0 }

    /// The bytes that reach a node where so many are summed: they travel twice around a ring, as libraries do it with long
    /// messages.
    package func received(ofSum bytes: Int) -> Int { 2 * bytes * (nodeCount - 1) / nodeCount }

    private static func others(_ counts: [Int], _ node: Int) -> Int { counts.reduce(0, +) - counts[node] }

    /// How the ranks stand on the nodes, and what each of them takes of a batch.
    package struct Division {
        let nodeOfRank: [Int]
        let shardsOfRank: [Int]
        let rowsPerShard: Int
        let nodeCount: Int

        /// - Parameters:
        ///   - nodeOfRank: The node of each rank, in the order of the nodes; with `--transport mpi` each rank is one.
        ///   - shardsOfRank: The number of each rank's logical shards.
        ///   - rowsPerShard: The rows of each in a global batch.
        package init(nodeOfRank: [Int], shardsOfRank: [Int], rowsPerShard: Int) {
            precondition(nodeOfRank.count == shardsOfRank.count, "the shards of \(nodeOfRank.count) ranks")
            (self.nodeOfRank, self.shardsOfRank, self.rowsPerShard) = (nodeOfRank, shardsOfRank, rowsPerShard)
            nodeCount = (nodeOfRank.max() ?? 0) + 1
        }

        var shardCount: Int { shardsOfRank.reduce(0, +) }

        /// The rows of each node.
        package var rowsOfNodes: [Int] { perNode { shardsOfRank[$0] * rowsPerShard } }

        /// The sum of a number of each rank over the ranks of each node.
        func perNode(_ count: (Int) -> Int) -> [Int] {
            nodeOfRank.indices.reduce(into: [Int](repeating: 0, count: nodeCount)) {
                $0[nodeOfRank[$1]] += count($1)
            }
        }
    }

    /// Adds a collective to which each logical shard contributes so many bytes.
    private mutating func gather(bytesPerShard: Int, _ division: Division) {
        guard bytesPerShard > 0 else { return }
        gather(division.perNode { division.shardsOfRank[$0] * bytesPerShard })
    }

    private mutating func gather(_ counts: [Int]) {
        for (node, count) in counts.enumerated() { gathered[node] += count }
        waited.append(counts.reduce(0, +))
    }

    /// What travels with ``FactorExchange``: the factors of each row and its pixels, losses and sums of each logical shard.
    ///
    /// - Parameters:
    ///   - network: What is trained.
    ///   - division: Who takes what of a batch.
    ///   - slices: The bytes of a number in products with pixels; nil for Float products.
    ///   - imageBytes: The bytes of a row's pixels.
    ///   - synchronizesBatchNorm: Whether batch norm takes its statistics over the global batch.
    ///   - exchangesGradients: Whether the nodes exchange gradients, too, each computing a share of them.
    package static func factorExchange(
        _ network: Sequential, _ division: Division, slices: Int?, imageBytes: Int,
        synchronizesBatchNorm: Bool, exchangesGradients: Bool
    ) -> StepTraffic {
        var traffic = StepTraffic(nodeCount: division.nodeCount)
        guard division.nodeCount > 1 else { return traffic }
        let factors = FactorPlaces<Float>(network, format: network.factorFormat(slices: slices))
        traffic.gather(
            bytesPerShard: division.rowsPerShard * factors.width * MemoryLayout<Float>.stride, division)
        traffic.gatherSums(
            network, division, vectors: network.parameterLayout.partSumCount,
            synchronizesBatchNorm: synchronizesBatchNorm)
        traffic.ahead = division.rowsOfNodes.map { $0 * imageBytes }
        for (node, bytes) in traffic.ahead.enumerated() { traffic.gathered[node] += bytes }
        if exchangesGradients {
            traffic.gather(
                GradientPanels<Float>.counts(network.linears, nodeOfRank: division.nodeOfRank).map {
                    $0 * MemoryLayout<Float>.stride
                })
        }
        return traffic
    }

    /// What travels with ``GradientAllreduce``: the weights' gradients, summed, and the bounds of these; of each logical shard
    /// losses and sums.
    package static func allreduce(
        _ network: Sequential, _ division: Division, synchronizesBatchNorm: Bool
    ) -> StepTraffic {
        var traffic = StepTraffic(nodeCount: division.nodeCount)
        guard division.nodeCount > 1 else { return traffic }
        traffic.gatherSums(
            network, division, vectors: GradientAllreduce<Float>.vectorSums(of: network),
            synchronizesBatchNorm: synchronizesBatchNorm)
        let bounds = network.linears.map { ($0.outputs + 1) * MemoryLayout<Float>.stride }
        traffic.waited += bounds
        traffic.pieces = pieces(of: network)
        traffic.reduced = bounds.reduce(0, +) + traffic.pieces.reduce(0) { $0 + $1.bytes }
        return traffic
    }

    /// The buckets of all layers, from the last on; those of layers that read the batch come behind the pass.
    private static func pieces(of network: Sequential) -> [Piece] {
        let layers = zip(network.linears, GradientBuckets<Float>.byteCounts(network)).reversed()
        let all = layers.reduce(0.0) { $0 + Double($1.0.weight.count) * ($1.0.readsBatch ? 1 : 2) }
        var (pieces, done) = ([Piece](), 0.0)
        for (linear, buckets) in layers.filter({ !$0.0.readsBatch }) + layers.filter(\.0.readsBatch) {
            for bytes in buckets {
                done += Double(bytes / MemoryLayout<Float>.stride)
                pieces.append(Piece(bytes: bytes, share: min(1, done / all)))
            }
            // Of its input there follows the gradient.
            if !linear.readsBatch { done += Double(linear.weight.count) }
        }
        return pieces
    }

    /// Adds what ``ShardSums`` exchanges.
    private mutating func gatherSums(
        _ network: Sequential, _ division: Division, vectors: Int, synchronizesBatchNorm: Bool
    ) {
        let places = ShardPlaces<Float>(
            network, shardCount: division.shardCount, vectors: vectors,
            synchronizesBatchNorm: synchronizesBatchNorm)
        for bytes in places.bytesPerShard(of: division.shardCount) { gather(bytesPerShard: bytes, division) }
        guard synchronizesBatchNorm else { return }
        // Of each norm a mean and a variance: moments on the way forward, and sums of the same number on the way back.
        let entries = network.statisticsLayout.entries
        for norm in stride(from: 0, to: entries.count, by: 2) {
            let count = entries[norm].range.count + entries[norm + 1].range.count
            for _ in 0..<2 { gather(bytesPerShard: count * MemoryLayout<Float>.stride, division) }
        }
    }
}

/// The sizes of the regions in which the ranks of a node share what a step exchanges.
package enum DataParallelRegions {
    /// The bytes of each region that ranks which share memory have for factors and sums, and where gradients are summed, of
    /// these.
    package static func exchange(
        _ network: Sequential, isSummed: Bool, rowsPerShard: Int, shardCount: Int, shardsOfNode: Int,
        ranks: Int, slices: Int?, synchronizesBatchNorm: Bool
    ) -> [Int] {
        let records = RecordPlaces<Float>(
            network, format: network.factorFormat(slices: slices),
            rows: rowsPerShard * (isSummed ? shardsOfNode : shardCount), localSize: ranks)
        let vectors =
            isSummed ? GradientAllreduce<Float>.vectorSums(of: network) : network.parameterLayout.partSumCount
        let sums = ShardPlaces<Float>(
            network, shardCount: shardCount, vectors: vectors, synchronizesBatchNorm: synchronizesBatchNorm)
        return [records.byteCount, sums.byteCount]
            + (isSummed ? [GradientBuckets<Float>.byteCount(network)] : [])
    }

    /// The bytes of all weight gradients, where nodes exchange these.
    package static func gradients(_ network: Sequential) -> Int {
        var plan = RegionPlan()
        _ = plan.add(
            Float.self,
            count: GradientPanels<Float>.counts(network.linears, nodeOfRank: [0]).reduce(0, +))
        return plan.byteCount
    }
}
