public import Tensors

/// A rank's shards in memory, as bytes, and the batches that come from them.
///
/// Row order in a rank's part of a batch is shard by shard, so the parts of all ranks one behind the other are the
/// global batch in an order that does not depend on the world size.
public final class BatchLoader {
    /// The owned shards.
    public let ownedShards: Range<Int>
    /// Rows of one shard in a batch: B / V.
    public let rowsPerShard: Int
    /// The fingerprint of the owned records.
    public let fingerprint: UInt64

    /// The epoch begun, counted from 0; nil before the first.
    public private(set) var epoch: Int?
    /// Batches of an epoch.
    public let stepsPerEpoch: Int

    private let shards: LogicalShards
    private let records: ImageRecords
    /// For each owned shard the positions of its records in `records`.
    private let positions: [[Int]]
    /// The same in the order of the current epoch.
    private var order: [[Int]] = []

    /// Reads the records of the owned shards.
    ///
    /// - Parameters:
    ///   - dataset: Where the records are.
    ///   - shards: All logical shards.
    ///   - ownedShards: Those of this rank.
    ///   - globalBatch: The global batch B, which V divides.
    /// - Throws: What the data set throws.
    public init(
        dataset: any ImageDataset, shards: LogicalShards, ownedShards: Range<Int>, globalBatch: Int
    ) throws {
        precondition(
            globalBatch % shards.count == 0, "\(shards.count) shards do not divide \(globalBatch) rows")
        self.shards = shards
        self.ownedShards = ownedShards
        rowsPerShard = globalBatch / shards.count
        stepsPerEpoch = shards.stepsPerEpoch(globalBatch: globalBatch)
        let wanted = ownedShards.flatMap { shards.shards[$0] }.sorted()
        records = try dataset.read(.training, records: wanted)
        fingerprint = records.fingerprint
        var place = [Int: Int](minimumCapacity: wanted.count)
        for (position, record) in wanted.enumerated() { place[record] = position }
        positions = ownedShards.map { shard in shards.shards[shard].compactMap { place[$0] } }
    }

    /// The rows of this rank's part of a batch.
    public var rows: Int { rowsPerShard * ownedShards.count }

    /// Shuffles the owned shards for an epoch, counted from 0.
    public func beginEpoch(_ epoch: Int) {
        self.epoch = epoch
        order = zip(ownedShards, positions).map { shard, positions in
            shards.order(of: shard, epoch: epoch).map { positions[$0] }
        }
    }

    /// Copies this rank's rows of a batch.
    ///
    /// - Parameters:
    ///   - step: The batch's number in the epoch begun, from 0.
    ///   - pixels: [rows, 3072], the pixels as they are.
    ///   - labels: [rows].
    public func load(step: Int, into pixels: Matrix<UInt8>, labels: Vector<Int32>) {
        precondition(
            pixels.rows == rows && pixels.columns == CIFAR10.imageBytes && labels.count == rows,
            "[\(pixels.rows), \(pixels.columns)] pixels for \(rows) rows")
        records.pixels.withUnsafeBufferPointer { images in
            var row = 0
            for shard in order {
                for index in step * rowsPerShard..<(step + 1) * rowsPerShard {
                    let position = shard[index]
                    let image = images[position * CIFAR10.imageBytes..<(position + 1) * CIFAR10.imageBytes]
                    _ = pixels[rows: row..<row + 1].vector.buffer.update(fromContentsOf: image)
                    labels[row] = Int32(records.labels[position])
                    row += 1
                }
            }
        }
    }
}
