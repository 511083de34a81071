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

    private let shards: LogicalShards
    private let records: ImageRecords
    /// For each owned shard the positions of its records in `records`.
    private let positions: [[Int]]
    /// The same in the order of the current epoch.
    private var order: [[Int]] = []
    private let normalization = PixelNormalization<Float>.cifar10

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
        order = zip(ownedShards, positions).map { shard, positions in
            shards.order(of: shard, epoch: epoch).map { positions[$0] }
        }
    }

    /// Writes this rank's rows of a batch.
    ///
    /// - Parameters:
    ///   - step: The batch's number in the epoch begun, from 0.
    ///   - x: [rows, 3072], normalised pixels.
    ///   - labels: [rows].
    public func load(step: Int, into x: Matrix<Float>, labels: Vector<Int32>) {
        forEachRow(of: step) { row, image, label in
            normalization.apply(image, into: x[rows: row..<row + 1].vector)
            labels[row] = Int32(label)
        }
    }

    /// Copies the pixels of this rank's rows of a batch as they are.
    ///
    /// - Parameters:
    ///   - step: The batch's number in the epoch begun, from 0.
    ///   - pixels: [rows, 3072].
    public func copyPixels(step: Int, into pixels: Matrix<UInt8>) {
        forEachRow(of: step) { row, image, _ in
            _ = pixels[rows: row..<row + 1].vector.buffer.update(fromContentsOf: image)
        }
    }

    private func forEachRow(of step: Int, _ body: (Int, UnsafeBufferPointer<UInt8>, UInt8) -> Void) {
        records.pixels.withUnsafeBufferPointer { pixels in
            var row = 0
            for shard in order {
                for position in shard[step * rowsPerShard..<(step + 1) * rowsPerShard] {
                    let start = position * CIFAR10.imageBytes
                    body(
                        row, UnsafeBufferPointer(rebasing: pixels[start..<start + CIFAR10.imageBytes]),
                        records.labels[position])
                    row += 1
                }
            }
        }
    }
}
