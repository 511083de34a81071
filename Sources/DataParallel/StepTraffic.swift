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
        let byteLayers = Set(network.byteLinears(slices: slices))
        let places = ExchangePlaces<Float>(
            network, keepsBytes: { byteLayers.contains($0) && !$0.readsBatch },
            batch: division.rowsPerShard * division.shardCount, shardCount: division.shardCount,
            synchronizesBatchNorm: synchronizesBatchNorm)
        // Moments on the way forward, and sums of the same number on the way back.
        let batchNorm =
            synchronizesBatchNorm ? 2 * network.statisticsLayout.count * MemoryLayout<Float>.stride : 0
        let perShard =
            places.bytesPerShard(of: division.shardCount) + division.rowsPerShard * imageBytes + batchNorm
        traffic.gather(division.perNode { division.shardsOfRank[$0] * perShard })
        if exchangesGradients {
            traffic.gather(
                GradientPanels<Float>.counts(network.linears, nodeOfRank: division.nodeOfRank).map {
                    $0 * MemoryLayout<Float>.stride
                })
        }
        return traffic
    }

    /// What travels with ``GradientAllreduce``: the gradient, summed, and the moments of each rank.
    package static func allreduce(
        _ network: Sequential, _ division: Division, synchronizesBatchNorm: Bool
    ) -> StepTraffic {
        var traffic = StepTraffic(nodeCount: division.nodeCount)
        guard division.nodeCount > 1 else { return traffic }
        let statistics = network.statisticsLayout.count * MemoryLayout<Float>.stride
        traffic.reduced =
            (network.parameterLayout.count + SegmentPlaces<Float>.totalCount) * MemoryLayout<Float>.stride
            + statistics
        if synchronizesBatchNorm {
            traffic.gather(division.perNode { _ in statistics })
            traffic.reduced += statistics
        }
        return traffic
    }
}

/// The sizes of the regions in which the ranks of a node share what a step exchanges.
package enum DataParallelRegions {
    /// The bytes that ranks which share memory share of factors, or where gradients are summed, of these.
    package static func exchange(
        _ network: Sequential, isSummed: Bool, batch: Int, shardCount: Int, ranks: Int, slices: Int?,
        synchronizesBatchNorm: Bool
    ) -> Int {
        guard !isSummed else { return SegmentPlaces<Float>(network, localSize: ranks).byteCount }
        let byteLayers = Set(network.byteLinears(slices: slices))
        return ExchangePlaces<Float>(
            network, keepsBytes: { byteLayers.contains($0) && !$0.readsBatch }, batch: batch,
            shardCount: shardCount, synchronizesBatchNorm: synchronizesBatchNorm
        ).byteCount
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
