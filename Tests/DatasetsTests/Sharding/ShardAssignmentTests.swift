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

    @Test(
        "What a node's ranks read of other nodes' shards is all of them, once, in equal parts",
        arguments: 1...7)
    func others(localSize: Int) {
        for shardCount in [7, 8, 24] {
            let assignment = ShardAssignment(worldSize: 7, shardCount: shardCount)
            for first in 0...(7 - localSize) {
                let own =
                    assignment.shards(of: first)
                    .lowerBound..<assignment.shards(of: first + localSize - 1)
                    .upperBound
                let parts = (0..<localSize).map {
                    assignment.others(than: own, localRank: $0, localSize: localSize)
                }
                #expect(parts.joined().allSatisfy { !$0.isEmpty } && parts.allSatisfy { $0.count <= 2 })
                #expect(parts.joined().flatMap { Array($0) } == (0..<shardCount).filter { !own.contains($0) })
                let sizes = parts.map { $0.reduce(0) { $0 + $1.count } }
                #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
            }
        }
    }
}
