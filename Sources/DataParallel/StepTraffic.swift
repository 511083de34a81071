package import MLPEngine
internal import Tensors

/// The bytes that nodes send one another in a training step, as they follow from the network and the placement of the ranks:
/// what the strategies' collectives are called with, and nothing of what a library adds to it.
package struct StepTraffic: Equatable, Sendable {
    /// The bytes that each node contributes to what all nodes gather.
    package private(set) var gathered: [Int]
    /// The bytes of which every node has some, and that are summed over the nodes.
    package private(set) var reduced = 0

    private init(nodeCount: Int) { gathered = [Int](repeating: 0, count: nodeCount) }

    /// The bytes that reach a node in a step. Sums travel twice around a ring, as libraries do it with long messages.
    package func received(byNode node: Int) -> Int {
        let nodes = gathered.count
        return gathered.reduce(0, +) - gathered[node] + 2 * reduced * (nodes - 1) / nodes
    }

    /// The bytes that reach the node to which most come; 0 for one node.
    package var received: Int { gathered.indices.map(received(byNode:)).max() ?? 0 }

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

        /// The sum of a number of each rank over the ranks of each node.
        func perNode(_ count: (Int) -> Int) -> [Int] {
            nodeOfRank.indices.reduce(into: [Int](repeating: 0, count: nodeCount)) {
                $0[nodeOfRank[$1]] += count($1)
            }
        }
    }

    private mutating func gather(_ counts: [Int]) {
        for (node, count) in counts.enumerated() { gathered[node] += count }
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
        let perShard =
            division.rowsPerShard * (factors.width * MemoryLayout<Float>.stride + imageBytes)
            + sums(
                network, division, vectors: network.parameterLayout.partSumCount,
                synchronizesBatchNorm: synchronizesBatchNorm)
        traffic.gather(division.perNode { division.shardsOfRank[$0] * perShard })
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
        let perShard = sums(
            network, division, vectors: GradientAllreduce<Float>.vectorSums(of: network),
            synchronizesBatchNorm: synchronizesBatchNorm)
        traffic.gather(division.perNode { division.shardsOfRank[$0] * perShard })
        traffic.reduced = network.linears.reduce(0) {
            $0 + ($1.weight.count + $1.outputs + 1) * MemoryLayout<Float>.stride
        }
        return traffic
    }

    /// The bytes of a logical shard that ``ShardSums`` exchanges.
    private static func sums(
        _ network: Sequential, _ division: Division, vectors: Int, synchronizesBatchNorm: Bool
    ) -> Int {
        let places = ShardPlaces<Float>(
            network, shardCount: division.shardCount, vectors: vectors,
            synchronizesBatchNorm: synchronizesBatchNorm)
        // Moments on the way forward, and sums of the same number on the way back.
        let batchNorm =
            synchronizesBatchNorm ? 2 * network.statisticsLayout.count * MemoryLayout<Float>.stride : 0
        return places.bytesPerShard(of: division.shardCount) + batchNorm
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
