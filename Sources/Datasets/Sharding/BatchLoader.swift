public import Tensors

/// A rank's records in memory, as bytes, and the batches that come from them: those of its shards, or with
/// ``Shuffle/global`` all.
///
/// Row order in a rank's part of a batch is shard by shard, so the parts of all ranks one behind the other are the
/// global batch in an order that does not depend on the world size.
///
/// A rank may read other ranks' shards, too, whose pixels then need not travel to its node.
public final class BatchLoader {
    /// Shards one behind the other, with their records.
    private struct Part {
        let shards: Range<Int>
        let records: ImageRecords
        /// For each shard the positions of its records in `records`; of no use where all are shuffled together.
        let positions: [[Int]]
        /// For each shard the positions of the records that it gives in the current epoch, in their order.
        var order: [[Int]] = []

        init(shards: Range<Int>, of all: LogicalShards, records: ImageRecords, indices: [Int]) {
            self.shards = shards
            self.records = records
            var place = [Int: Int](minimumCapacity: indices.count)
            for (position, record) in indices.enumerated() { place[record] = position }
            positions = shards.map { shard in all.shards[shard].compactMap { place[$0] } }
        }
    }

    /// The owned shards.
    public let ownedShards: Range<Int>
    /// Shards of other ranks that this one reads besides.
    public let otherShards: [Range<Int>]
    /// Rows of one shard in a batch: B / V.
    public let rowsPerShard: Int
    /// What the images are.
    public let format: ImageFormat
    /// The fingerprint of the records that this rank answers for: over all ranks each record counts once.
    public let fingerprint: UInt64

    /// The epoch begun, counted from 0; nil before the first.
    public private(set) var epoch: Int?
    /// Batches of an epoch.
    public let stepsPerEpoch: Int

    private let shards: LogicalShards
    private let shuffle: Shuffle
    /// The owned shards, and behind them the others.
    private var parts: [Part]

    /// Reads the records of the owned shards, or all.
    ///
    /// - Parameters:
    ///   - dataset: Where the records are.
    ///   - shards: All logical shards.
    ///   - ownedShards: Those of this rank.
    ///   - otherShards: Those of other ranks that it reads besides.
    ///   - globalBatch: The global batch B, which V divides.
    ///   - shuffle: How records are dealt to batches in each epoch.
    /// - Throws: What the data set throws.
    public init(
        dataset: any ImageDataset, shards: LogicalShards, ownedShards: Range<Int>,
        otherShards: [Range<Int>] = [], globalBatch: Int, shuffle: Shuffle
    ) throws {
        precondition(
            globalBatch % shards.count == 0, "\(shards.count) shards do not divide \(globalBatch) rows")
        self.shards = shards
        self.shuffle = shuffle
        format = dataset.format
        self.ownedShards = ownedShards
        rowsPerShard = globalBatch / shards.count
        stepsPerEpoch = shards.stepsPerEpoch(globalBatch: globalBatch, shuffle: shuffle)
        self.otherShards = otherShards
        func read(_ wanted: some Sequence<Int>) throws -> (ImageRecords, indices: [Int]) {
            let indices = wanted.flatMap { shards.shards[$0] }.sorted()
            return (try dataset.read(.training, records: indices), indices)
        }
        let (records, indices) = try read(shuffle == .global ? 0..<shards.count : ownedShards)
        // Of what all ranks have read the first one answers for all.
        fingerprint = shuffle == .shards || ownedShards.lowerBound == 0 ? records.fingerprint : 0
        parts = [Part(shards: ownedShards, of: shards, records: records, indices: indices)]
        for range in otherShards {
            let (records, indices) = shuffle == .global ? (records, indices) : try read(range)
            parts.append(Part(shards: range, of: shards, records: records, indices: indices))
        }
    }

    /// The rows of this rank's part of a batch.
    public var rows: Int { rowsPerShard * ownedShards.count }

    /// Shuffles the shards that were read, or all records, for an epoch, counted from 0.
    public func beginEpoch(_ epoch: Int) {
        self.epoch = epoch
        let all = shuffle == .global ? shards.globalOrder(epoch: epoch) : []
        let globalBatch = rowsPerShard * shards.count
        for index in parts.indices {
            let part = parts[index]
            parts[index].order =
                switch shuffle {
                case .shards:
                    zip(part.shards, part.positions).map { shard, positions in
                        shards.order(of: shard, epoch: epoch).map { positions[$0] }
                    }
                case .global:
                    part.shards.map { shard in
                        (0..<stepsPerEpoch).flatMap { step in
                            let first = step * globalBatch + shard * rowsPerShard
                            return all[first..<first + rowsPerShard]
                        }
                    }
                }
        }
    }

    /// The record in any row of a global batch, for messages.
    ///
    /// - Parameters:
    ///   - step: The batch's number in the epoch begun, from 0.
    ///   - row: The row, from 0.
    /// - Returns: The record's index in the data set.
    public func record(step: Int, row: Int) -> Int {
        let (shard, epoch) = (row / rowsPerShard, epoch ?? 0)
        switch shuffle {
        case .shards:
            return shards.shards[shard][
                shards.order(of: shard, epoch: epoch)[step * rowsPerShard + row % rowsPerShard]]
        case .global:
            let place = shards.globalOrder(epoch: epoch)[step * rowsPerShard * shards.count + row]
            return shards.shards.flatMap(\.self).sorted()[place]
        }
    }

    /// Copies this rank's rows of a batch.
    ///
    /// - Parameters:
    ///   - step: The batch's number in the epoch begun, from 0.
    ///   - pixels: [rows, bytes of an image], the pixels as they are.
    ///   - labels: [rows].
    public func load(step: Int, into pixels: Matrix<UInt8>, labels: Vector<Int32>) {
        precondition(labels.count == rows, "\(labels.count) labels for \(rows) rows")
        load(parts[0], step: step, into: pixels, labels: labels)
    }

    /// Copies rows of a batch that belong to other ranks.
    ///
    /// - Parameters:
    ///   - step: The batch's number in the epoch begun, from 0.
    ///   - other: Which range of ``otherShards``.
    ///   - pixels: [rows of these shards, bytes of an image], the pixels as they are.
    public func load(step: Int, other: Int, into pixels: Matrix<UInt8>) {
        load(parts[1 + other], step: step, into: pixels, labels: nil)
    }

    private func load(_ part: Part, step: Int, into pixels: Matrix<UInt8>, labels: Vector<Int32>?) {
        let (size, rows) = (format.imageBytes, part.shards.count * rowsPerShard)
        precondition(
            pixels.rows == rows && pixels.columns == size,
            "[\(pixels.rows), \(pixels.columns)] pixels for \(rows) rows")
        part.records.pixels.withUnsafeBufferPointer { images in
            var row = 0
            for shard in part.order {
                for index in step * rowsPerShard..<(step + 1) * rowsPerShard {
                    let position = shard[index]
                    let image = images[position * size..<(position + 1) * size]
                    _ = pixels[rows: row..<row + 1].vector.buffer.update(fromContentsOf: image)
                    if let labels { labels[row] = Int32(part.records.labels[position]) }
                    row += 1
                }
            }
        }
    }
}

/// What becomes of pixels on their way into the network: x = (p / 255 − mean) / std, per colour channel, as one
/// multiplication and one addition.
public final class PixelNormalization<Scalar: TensorScalar>: Sendable {
    private let scale: SharedNumbers<Scalar>
    private let shift: SharedNumbers<Scalar>

    /// The normalisation of a data set's channels.
    public convenience init(_ format: ImageFormat) {
        self.init(mean: format.mean, standardDeviation: format.standardDeviation)
    }

    /// A normalisation with the given mean and standard deviation of p / 255 for each channel.
    public init(mean: [Float], standardDeviation: [Float]) {
        precondition(mean.count == standardDeviation.count, "a mean and a deviation for each channel")
        scale = SharedNumbers(standardDeviation.map { Scalar(1 / (255 * Double($0))) })
        shift = SharedNumbers(zip(mean, standardDeviation).map { Scalar(-Double($0) / Double($1)) })
    }

    /// A view of images, one a row, their channels one after another, as normalised numbers. It must outlive neither the
    /// pixels nor this normalisation.
    public func numbers(_ pixels: Matrix<UInt8>) -> PixelMatrix<Scalar> {
        PixelMatrix(pixels, scale: scale.vector, shift: shift.vector)
    }
}

/// A few numbers that never change, at an address that does not either.
private final class SharedNumbers<Scalar: TensorScalar>: @unchecked Sendable {
    private let buffer: AlignedBuffer<Scalar>

    init(_ values: [Scalar]) {
        buffer = AlignedBuffer(zeroed: values.count)
        for (index, value) in values.enumerated() { buffer.vector[index] = value }
    }

    var vector: Vector<Scalar> { buffer.vector }
}
