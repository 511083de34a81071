public import MLPEngine

/// What a step costs a node because there are others: what it receives, and what its ranks multiply for weight gradients.
/// It follows from the network, the batch and the number of nodes, so all ranks come to the same.
public struct StrategyCost: Sendable, Equatable {
    /// The bytes that a node receives, but for what is little with every strategy.
    public let bytes: Double
    /// The multiplications of weight gradients on one node.
    public let multiplications: Double

    /// Of ``FactorExchange``: the records and pixels of the other nodes' rows, and all gradients over the whole batch.
    ///
    /// - Parameters:
    ///   - slices: The bytes of a number in a product with pixels; nil for Float products.
    public static func factorExchange(
        _ network: Sequential, batch: Int, imageBytes: Int, slices: Int?, nodes: Int
    ) -> StrategyCost {
        let record = FactorPlaces<Float>(network, format: network.factorFormat(slices: slices)).width
        let share = 1 - 1 / Double(nodes)
        return StrategyCost(
            bytes: share * Double(batch * (record * MemoryLayout<Float>.stride + imageBytes)),
            multiplications: Double(batch) * weights(of: network))
    }

    /// Of ``GradientAllreduce``: a ring's two rounds of the gradient, which is of the node's own rows.
    public static func allreduce(_ network: Sequential, batch: Int, nodes: Int) -> StrategyCost {
        let share = 1 - 1 / Double(nodes)
        return StrategyCost(
            bytes: 2 * share * weights(of: network) * Double(MemoryLayout<Int32>.stride),
            multiplications: Double(batch) * weights(of: network) / Double(nodes))
    }

    /// Everything in bytes: while a link of 1 Gbit/s carries one, a core with vectors of 32 bytes does 400 multiply-adds in
    /// Float. On faster links work counts for more than that, on faster cores for less.
    public func inBytes(ranksOfNode: Int) -> Double {
        bytes + multiplications / (400 * Double(ranksOfNode))
    }

    private static func weights(of network: Sequential) -> Double {
        network.linears.reduce(0) { $0 + Double($1.weight.count) }
    }
}
