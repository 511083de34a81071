internal import Collectives
internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors

/// The pixels of a global batch as bytes, in memory that the ranks of a node share: each rank puts its rows there, and
/// the first layer's weight gradient reads all of them, or, with allreduce, those of the node.
///
/// Pixels do not depend on the weights. Between nodes those of the next batch of the epoch therefore travel while a step
/// computes, on a thread of each leader, from and to a second room; the first batch of an epoch, or after a resumption,
/// is waited for. Where the library lets only one thread communicate, so is every batch.
///
/// Where the ranks of every node have read all records (`--data-placement host`), each loads its share of the other nodes'
/// rows besides its own, and no pixels travel.
final class BatchPixels: BatchSource {
    private struct Batch: Equatable {
        let epoch: Int?
        let step: Int
    }

    private let loader: BatchLoader
    /// Where images are changed at random.
    private let augmenter: Augmenter?
    /// Where labels are not enough.
    private let softTargets: SoftTargets?
    private let normalization: PixelNormalization<Float>
    private let region: SharedRegion
    private let labelBuffer: AlignedBuffer<Int32>
    private let rowsOfRank: [Int]
    private let ownRows: Range<Int>
    /// The bytes of each node's rows.
    private let bytesOfNode: [Int]
    /// On the leaders, where batches travel ahead.
    private let thread: CommunicationThread?

    /// Of which batch each room holds this rank's rows: one room, or two where batches travel ahead.
    private var loaded: [Batch?]
    private var current = 0
    /// The exchange as a value; kept, so that a step allocates nothing.
    private var exchangeOverLeaders: ((any Communicator) throws -> Void)?
    /// The batch that has been sent ahead.
    private var ahead: Batch?

    /// Shares room for batches. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - configuration: What becomes of images and labels.
    ///   - loader: This rank's rows.
    ///   - ranks: All ranks.
    ///   - rowsOfRank: The rows of each rank's part, those of a node's ranks one behind the other.
    ///   - wantsAll: Whether every node needs the rows of all.
    /// - Throws: `SharedMemoryError`, or the communicator's error.
    init(
        _ configuration: TrainingConfiguration, loader: BatchLoader, ranks: RankGroup, rowsOfRank: [Int],
        wantsAll: Bool
    ) throws {
        let (group, rank) = (ranks.node, ranks.communicator.rank)
        self.loader = loader
        augmenter =
            configuration.augmentations.isEmpty
            ? nil
            : Augmenter(
                configuration.augmentations, extents: configuration.augmentationExtents,
                format: loader.format, seed: configuration.seed,
                firstCleanEpoch: configuration.firstCleanEpoch)
        normalization = PixelNormalization(loader.format)
        self.rowsOfRank = rowsOfRank
        let nodeOfRank = group.placement.nodeOfRank
        bytesOfNode = (0..<group.nodeCount).map { node in
            zip(nodeOfRank, rowsOfRank).reduce(0) { $0 + ($1.0 == node ? $1.1 : 0) }
                * loader.format.imageBytes
        }
        let first = rowsOfRank[..<rank].reduce(0, +)
        ownRows = first..<first + rowsOfRank[rank]

        // The ranks may share no memory although they were to: then each has read too little.
        let rowsRead = try group.node.allreduce(
            Int64(loader.rows + loader.otherShards.reduce(0) { $0 + $1.count } * loader.rowsPerShard), .sum)
        let isComplete = try ranks.communicator.allreduce(
            Int64(rowsRead == rowsOfRank.reduce(0, +) ? 1 : 0), .minimum)
        let exchanged = wantsAll && isComplete == 0
        var thread: CommunicationThread?
        var isAhead: Int64 = 0
        if exchanged && group.nodeCount > 1 {
            try group.betweenNodes { thread = try CommunicationThread($0) }
            isAhead = try group.node.broadcast(thread == nil ? 0 : 1, root: 0)
        }
        self.thread = thread
        loaded = isAhead == 1 ? [nil, nil] : [nil]
        region = try group.makeRegion(byteCount: loaded.count * bytesOfNode.reduce(0, +))
        labelBuffer = try AlignedBuffer(allocating: loaded.count * loader.rows)
        softTargets = try SoftTargets(
            configuration, rows: loader.rows, partRows: loader.rowsPerShard, rooms: loaded.count)
        if exchanged { exchangeOverLeaders = { [unowned self] in try exchange(over: $0) } }
    }

    /// Puts this rank's rows of a batch of the epoch that the loader has begun where the node shares them; of the next
    /// one, too, if it is to travel ahead.
    func load(_ step: Int) -> StepBatch<Float> {
        // What else there is a room for was read by all before the end of the last step.
        current = (current + 1) % loaded.count
        let batch = Batch(epoch: loader.epoch, step: step)
        if loaded[current] != batch || loaded.count == 1 { load(batch, into: current) }
        if loaded.count > 1 {
            let hasNext = step + 1 < loader.stepsPerEpoch
            if hasNext { load(Batch(epoch: loader.epoch, step: step + 1), into: 1 - current) }
            if !hasNext { loaded[1 - current] = nil }
        }
        let pixels = pixels(in: current)
        return StepBatch(
            own: .pixels(normalization.numbers(pixels[rows: ownRows])),
            targets: softTargets?.targets(in: current) ?? .labels(labels(in: current)),
            all: .pixels(normalization.numbers(pixels)), exchange: exchangeOverLeaders)
    }

    /// Brings the rows of all nodes to each, and sends the next batch ahead. Collective: the leaders of all nodes must
    /// call it, when all ranks of their nodes have loaded their rows.
    ///
    /// - Throws: The communicator's error.
    private func exchange(over leaders: any Communicator) throws {
        guard let thread else {
            return try leaders.allgather(segmentsOf: pixels(in: current).vector.buffer, counts: bytesOfNode)
        }
        // For this batch, or for one that nobody came to want.
        try thread.wait()
        if ahead != loaded[current] {
            start(current, on: thread)
            try thread.wait()
        }
        ahead = loaded[1 - current]
        if ahead != nil { start(1 - current, on: thread) }
    }

    /// Waits for what is on its way: MPI must not end before. Collective: the leaders of all nodes must call it, after
    /// the same step; on other ranks it does nothing.
    ///
    /// - Throws: The communicator's error.
    func finish() throws {
        try thread?.wait()
    }

    private func start(_ room: Int, on thread: CommunicationThread) {
        let bytes = pixels(in: room).vector
        thread.start { [region, bytesOfNode] leaders in
            // The bytes are the region's.
            try withExtendedLifetime(region) {
                try leaders.idleAllgather(segmentsOf: bytes.buffer, counts: bytesOfNode)
            }
        }
    }

    private func load(_ batch: Batch, into room: Int) {
        let (images, labels) = (pixels(in: room)[rows: ownRows], labels(in: room))
        loader.load(step: batch.step, into: images, labels: labels)
        let (epoch, globalBatch) = (batch.epoch ?? 0, rowsOfRank.reduce(0, +))
        augmenter?.change(images, epoch: epoch, first: batch.step * globalBatch + ownRows.lowerBound)
        softTargets?.prepare(
            in: room, images: images, labels: labels, epoch: epoch,
            firstPart: (batch.step * globalBatch + ownRows.lowerBound) / loader.rowsPerShard)
        for (index, shards) in loader.otherShards.enumerated() {
            let rows = shards.lowerBound * loader.rowsPerShard..<shards.upperBound * loader.rowsPerShard
            let images = pixels(in: room)[rows: rows]
            loader.load(step: batch.step, other: index, into: images)
            augmenter?.change(images, epoch: epoch, first: batch.step * globalBatch + rows.lowerBound)
            softTargets?.mix(
                images, nil, epoch: epoch,
                firstPart: (batch.step * globalBatch + rows.lowerBound) / loader.rowsPerShard)
        }
        loaded[room] = batch
    }

    private func labels(in room: Int) -> Vector<Int32> {
        labelBuffer.vector[room * loader.rows..<(room + 1) * loader.rows]
    }

    private func pixels(in room: Int) -> Matrix<UInt8> {
        let rows = rowsOfRank.reduce(0, +)
        let base = region.base.bindMemory(to: UInt8.self, capacity: region.byteCount)
        return Matrix(
            base: base + room * rows * loader.format.imageBytes, rows: rows, columns: loader.format.imageBytes
        )
    }
}
