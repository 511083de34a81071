import Collectives
import CollectivesTesting
import Datasets
import MLPEngine
import Testing
import Training

@Suite struct MemoryPlanTests {
    /// The bytes that each of two ranks writes at least, for so many training images.
    private func written(_ shuffle: Shuffle, images: Int) throws -> [Double] {
        try ThreadCommunicator.run(size: 2) { communicator in
            var configuration = TrainingConfiguration()
            configuration.shuffle = shuffle
            return MemoryPlan(
                configuration, mlp: MLP(configuration.model),
                assignment: ShardAssignment(worldSize: 2, shardCount: 8), trainingCount: images,
                validationCount: 100, testCount: 100, threads: 1, slices: nil, options: .defaults,
                placement: communicator.placement
            ).written
        }
    }

    @Test("A rank holds its shards' images, or with a global shuffle all of them")
    func images() throws {
        for (shuffle, share) in [(Shuffle.shards, 0.5), (.global, 1)] {
            let more = try zip(written(shuffle, images: 30_000), written(shuffle, images: 20_000)).map(-)
            #expect(more == [10_000 * share * 3072, 10_000 * share * 3072])
        }
    }
}
