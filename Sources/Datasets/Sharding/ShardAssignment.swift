/// Which rank owns which logical shards: contiguous blocks whose sizes differ by at most one.
public struct ShardAssignment: Sendable, Hashable {
    /// The number of ranks R, at most V.
    public let worldSize: Int
    /// The number of logical shards V.
    public let shardCount: Int

    /// Divides `shardCount` shards among `worldSize` ranks.
    public init(worldSize: Int, shardCount: Int) {
        precondition(worldSize >= 1 && worldSize <= shardCount, "\(shardCount) shards for \(worldSize) ranks")
        self.worldSize = worldSize
        self.shardCount = shardCount
    }

    /// The shards of `rank`: ⌊rank V / R⌋ up to ⌊(rank + 1) V / R⌋.
    public func shards(of rank: Int) -> Range<Int> {
        rank * shardCount / worldSize..<(rank + 1) * shardCount / worldSize
    }
}
