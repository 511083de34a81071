import Datasets
import Testing

@Suite struct ShardAssignmentTests {
    @Test(
        "Ranks own contiguous blocks that cover all shards and differ by at most one, whatever their number",
        arguments: 1...64)
    func blocks(shardCount: Int) {
        for worldSize in 1...shardCount {
            let assignment = ShardAssignment(worldSize: worldSize, shardCount: shardCount)
            let blocks = (0..<worldSize).map { assignment.shards(of: $0) }
            #expect(blocks.flatMap { Array($0) } == Array(0..<shardCount), "\(worldSize) ranks")
            let sizes = Set(blocks.map(\.count))
            let smallest = shardCount / worldSize
            let expected: Set = shardCount % worldSize == 0 ? [smallest] : [smallest, smallest + 1]
            #expect(sizes == expected, "\(worldSize) ranks")
        }
    }

    @Test("Three ranks share eight shards as 2, 3 and 3")
    func example() {
        let assignment = ShardAssignment(worldSize: 3, shardCount: 8)
        #expect((0..<3).map { assignment.shards(of: $0) } == [0..<2, 2..<5, 5..<8])
    }
}
