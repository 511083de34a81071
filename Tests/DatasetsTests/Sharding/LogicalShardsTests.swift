import Datasets
import Testing

@Suite struct LogicalShardsTests {
    @Test(
        "Every record stands in exactly one shard, and the shards differ by at most one record",
        arguments: [1, 2, 7, 8, 16, 64], [0, 5, 64, 1000, 1003])
    func dealing(count: Int, records: Int) {
        // Not the numbers 0, 1, 2, …: what is left of them without the validation records.
        let training = (0..<records).map { 3 * $0 + $0 % 2 }
        let shards = LogicalShards(records: training, count: count, seed: 42)
        #expect(shards.count == count && shards.shards.count == count)
        #expect(shards.shards.flatMap { $0 }.sorted() == training)
        #expect(shards.shards.allSatisfy { $0 == $0.sorted() })
        let sizes = shards.shards.map(\.count)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
    }

    @Test("The dealing follows from the seed and the number of shards")
    func seed() {
        let records = Array(0..<1000)
        let shards = LogicalShards(records: records, count: 8, seed: 1)
        #expect(LogicalShards(records: records, count: 8, seed: 1) == shards)
        #expect(LogicalShards(records: records, count: 8, seed: 2).shards != shards.shards)
        #expect(LogicalShards(records: records, count: 16, seed: 1).shards[0] != shards.shards[0])
    }

    @Test("A shard is a random sample of the records, not a block or a stride of them")
    func mixed() {
        for shard in LogicalShards(records: Array(0..<8000), count: 8, seed: 3).shards {
            // Of each eighth of the records 125 on average, standard deviation 10; five of them.
            for block in 0..<8 {
                let count = shard.count { $0 / 1000 == block }
                #expect(abs(count - 125) < 50)
            }
            #expect(Set(zip(shard, shard.dropFirst()).map { $1 - $0 }).count > 10)
        }
    }

    @Test("Each epoch permutes each shard anew, in its own way")
    func order() {
        let shards = LogicalShards(records: Array(0..<803), count: 8, seed: 4)
        var seen: Set<[Int]> = []
        for shard in 0..<8 {
            for epoch in 0..<5 {
                let order = shards.order(of: shard, epoch: epoch)
                #expect(order.sorted() == Array(shards.shards[shard].indices))
                #expect(order == shards.order(of: shard, epoch: epoch))
                seen.insert(order)
            }
        }
        #expect(seen.count == 40)
        let other = LogicalShards(records: Array(0..<803), count: 8, seed: 5)
        #expect(other.order(of: 0, epoch: 0) != shards.order(of: 0, epoch: 0))
    }

    @Test("Dealing and orders are the same everywhere and for ever")
    func golden() {
        // From the definition: Philox4x32-10, Lemire's bounded integers, Fisher-Yates from the end, in Python.
        let shards = LogicalShards(records: Array(0..<1000), count: 8, seed: 42)
        #expect(Array(shards.shards[0].prefix(5)) == [0, 9, 19, 30, 42])
        #expect(Array(shards.shards[7].prefix(5)) == [3, 7, 15, 16, 17])
        #expect(Array(shards.order(of: 0, epoch: 0).prefix(8)) == [72, 123, 101, 42, 122, 95, 102, 67])
        #expect(Array(shards.order(of: 5, epoch: 3).prefix(8)) == [10, 85, 62, 55, 8, 53, 17, 89])
        #expect(Array(shards.globalOrder(epoch: 0).prefix(8)) == [384, 344, 545, 933, 467, 725, 279, 181])
        #expect(Array(shards.globalOrder(epoch: 3).prefix(8)) == [728, 910, 768, 40, 944, 903, 945, 754])
        let even = LogicalShards(records: Array(stride(from: 0, to: 200, by: 2)), count: 8, seed: 1 << 40 | 7)
        #expect(even.shards[2] == [12, 24, 26, 72, 74, 82, 110, 112, 120, 178, 182, 184, 194])
    }

    @Test(
        "An epoch has as many whole batches as the smallest shard allows",
        arguments: [
            (45_000, 8, 128, 351), (100, 8, 8, 12), (100, 8, 24, 4), (100, 8, 96, 1), (100, 8, 104, 0),
            (104, 8, 104, 1), (64, 64, 64, 1), (63, 64, 64, 0), (10, 1, 3, 3),
        ])
    func steps(records: Int, count: Int, batch: Int, expected: Int) {
        let shards = LogicalShards(records: Array(0..<records), count: count, seed: 42)
        #expect(shards.stepsPerEpoch(globalBatch: batch, shuffle: .shards) == expected)
        #expect(shards.stepsPerEpoch(globalBatch: batch, shuffle: .global) == records / batch)
        #expect(shards.recordCount == records)
    }

    @Test("With a global shuffle each epoch permutes all records anew, whatever the shards")
    func globalOrder() {
        let shards = LogicalShards(records: Array(stride(from: 0, to: 2409, by: 3)), count: 8, seed: 4)
        let orders = (0..<5).map { shards.globalOrder(epoch: $0) }
        for order in orders { #expect(order.sorted() == Array(0..<803)) }
        #expect(Set(orders).count == 5)
        #expect(shards.globalOrder(epoch: 3) == orders[3])
        let other = LogicalShards(records: Array(0..<803), count: 11, seed: 4)
        #expect(other.globalOrder(epoch: 2) == orders[2])
        #expect(LogicalShards(records: Array(0..<803), count: 8, seed: 5).globalOrder(epoch: 2) != orders[2])
        // The shards' own orders are other streams.
        let one = LogicalShards(records: Array(0..<803), count: 1, seed: 4)
        #expect(one.globalOrder(epoch: 0) != one.order(of: 0, epoch: 0))
    }

    @Test(
        "By default there are 8 shards, or the next power of two that every rank finds one in",
        arguments: [(1, 8), (7, 8), (8, 8), (9, 16), (16, 16), (17, 32), (64, 64), (65, 128)])
    func defaultCount(worldSize: Int, expected: Int) {
        #expect(LogicalShards.defaultCount(forWorldSize: worldSize, globalBatch: 1024) == expected)
    }

    @Test(
        "The default number of shards divides any batch, and is the same for all ranks that find one in 8",
        arguments: [(128, 8), (100, 10), (12, 12), (50, 10), (1, 1), (7, 7), (127, 127), (1000, 8)])
    func defaultCountOfBatch(batch: Int, expected: Int) {
        for worldSize in 1...min(8, batch) {
            #expect(LogicalShards.defaultCount(forWorldSize: worldSize, globalBatch: batch) == expected)
        }
        let many = LogicalShards.defaultCount(forWorldSize: 33, globalBatch: batch)
        #expect(batch % many == 0 && many >= min(33, batch))
    }
}
