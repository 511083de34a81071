internal import Tensors

/// How the training records are dealt anew to the rows of global batches in each epoch.
public enum Shuffle: String, Codable, Sendable, CaseIterable {
    /// Each logical shard is permuted by itself: a record stays in the shard, and so on the rank, that it was dealt to once.
    case shards
    /// All records are permuted together: any record can come to any rank, so every rank holds all of them.
    case global
}

/// The training records, dealt once into V logical shards.
///
/// Shards belong to the run, ranks to the machine: which record stands in which shard, and in which order a shard
/// gives its records in which epoch, depends on the seed and V and never on the world size. Every global batch of B
/// takes B / V rows from every shard. With ``Shuffle/global`` records belong to no shard, and a shard is a place in global
/// batches alone: the B / V rows that are loaded, normalised and summed together.
public struct LogicalShards: Sendable, Equatable {
    /// V of a run that does not say otherwise, has no more ranks, and whose batch it divides.
    public static let defaultCount = 8

    /// The record indices of each shard, ascending; their numbers differ by at most one.
    public let shards: [[Int]]

    private let seed: UInt64

    /// The number of shards V.
    public var count: Int { shards.count }

    /// Deals `records` out into `count` shards.
    public init(records: [Int], count: Int, seed: UInt64) {
        precondition(count >= 1, "\(count) shards")
        var order = records
        var stream = RandomStream(seed: seed, purpose: .sharding)
        stream.permute(&order)
        shards = (0..<count).map { shard in
            stride(from: shard, to: order.count, by: count).map { order[$0] }.sorted()
        }
        self.seed = seed
    }

    /// Returns the V that a run of `worldSize` ranks takes by default: 8, or the next power of two ≥ world size, or from
    /// there on the first number that divides the global batch; the batch itself where that is smaller.
    public static func defaultCount(forWorldSize worldSize: Int, globalBatch: Int) -> Int {
        var count = defaultCount
        while count < worldSize { count *= 2 }
        while count < globalBatch, globalBatch % count != 0 { count += 1 }
        return min(count, max(globalBatch, 1))
    }

    /// The records of all shards.
    public var recordCount: Int { shards.reduce(0) { $0 + $1.count } }

    /// Returns how many whole global batches an epoch has; what is left of the shards, or of all records, is dropped.
    public func stepsPerEpoch(globalBatch: Int, shuffle: Shuffle) -> Int {
        Self.stepsPerEpoch(records: recordCount, shards: count, globalBatch: globalBatch, shuffle: shuffle)
    }

    /// The same for `records` records dealt into `shards` shards, without dealing them.
    public static func stepsPerEpoch(
        records: Int, shards: Int, globalBatch: Int, shuffle: Shuffle
    ) -> Int {
        switch shuffle {
        case .shards: records / shards / (globalBatch / shards)
        case .global: records / globalBatch
        }
    }

    /// Returns the order in which a shard gives its records in an epoch, as positions in the shard.
    public func order(of shard: Int, epoch: Int) -> [Int] {
        var order = Array(shards[shard].indices)
        var stream = RandomStream(seed: seed, purpose: .shuffling, epoch: epoch, shard: shard)
        stream.permute(&order)
        return order
    }

    /// Returns the order in which all records come in an epoch with ``Shuffle/global``, as positions among the records
    /// ascending. The batch of step s has rows s B to (s + 1) B of it, of which shard v takes the v-th B / V.
    public func globalOrder(epoch: Int) -> [Int] {
        var order = Array(0..<recordCount)
        var stream = RandomStream(seed: seed, purpose: .globalShuffling, epoch: epoch)
        stream.permute(&order)
        return order
    }
}

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
        Range(part: rank, of: worldSize, dividing: shardCount)
    }

    /// What one of a node's ranks reads of the shards that are none of the node's, so that the node has all: its part of
    /// those before the node's and those behind, in one or two ranges; none where there are no others.
    ///
    /// - Parameters:
    ///   - own: The shards of the node's ranks.
    ///   - localRank: Which of the ranks.
    ///   - localSize: How many there are.
    public func others(than own: Range<Int>, localRank: Int, localSize: Int) -> [Range<Int>] {
        let part = Range(part: localRank, of: localSize, dividing: shardCount - own.count)
        let before = part.clamped(to: 0..<own.lowerBound)
        let behind = max(part.lowerBound, own.lowerBound)..<max(part.upperBound, own.lowerBound)
        return [before, behind.lowerBound + own.count..<behind.upperBound + own.count].filter { !$0.isEmpty }
    }
}

/// Which training records are set apart for validation: a uniform choice that depends on the seed alone.
public struct ValidationSplit: Sendable, Equatable {
    /// The records to train on, ascending.
    public let training: [Int]
    /// The records to validate on, ascending.
    public let validation: [Int]

    /// Chooses `validationSize` of the records `0..<count`.
    ///
    /// - Precondition: `validationSize` lies in `0...count`.
    public init(count: Int, validationSize: Int, seed: UInt64) {
        precondition(validationSize >= 0 && validationSize <= count, "\(validationSize) of \(count) records")
        var order = Array(0..<count)
        var stream = RandomStream(seed: seed, purpose: .validationSplit)
        stream.permute(&order)
        validation = order[..<validationSize].sorted()
        training = order[validationSize...].sorted()
    }
}
