internal import Collectives
internal import Datasets

/// Synthetic records for a few steps, dealt to the ranks as in training.
final class BenchmarkRecords {
    let loader: BatchLoader
    let assignment: ShardAssignment
    let stepsPerEpoch: Int

    /// Makes this rank's records. Collective: every rank must call it.
    ///
    /// - Throws: What the data set throws, on all ranks together.
    init(_ configuration: TrainingConfiguration, communicator: any Communicator) throws {
        let shardCount =
            configuration.logicalShards ?? LogicalShards.defaultCount(forWorldSize: communicator.size)
        let assignment = ShardAssignment(worldSize: communicator.size, shardCount: shardCount)
        let records = 4 * configuration.batchSize
        let shards = LogicalShards(records: Array(0..<records), count: shardCount, seed: configuration.seed)
        loader = try communicator.agree(on: "making the records") {
            try BatchLoader(
                dataset: SyntheticDataset(seed: configuration.seed, trainingCount: records, testCount: 10),
                shards: shards, ownedShards: assignment.shards(of: communicator.placement.position),
                globalBatch: configuration.batchSize)
        }
        loader.beginEpoch(0)
        self.assignment = assignment
        stepsPerEpoch = shards.stepsPerEpoch(globalBatch: configuration.batchSize)
    }
}
