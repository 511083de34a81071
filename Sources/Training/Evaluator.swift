internal import Collectives
internal import Datasets
internal import MLPEngine
internal import Synchronization
internal import Tensors

/// Losses and accuracy of a model on records that it is not trained on.
///
/// The records are divided into chunks of a fixed size; each chunk is one pass on one thread, and the chunks' results
/// are summed in their order. So neither the number of threads nor that of ranks changes a bit of the result.
final class Evaluator: Sendable {
    /// Rows of a pass.
    static let chunkRows = 250

    private let mlp: MLP
    private let normalization: PixelNormalization<Float>
    private let imageBytes: Int
    private let communicator: any Communicator
    private let mode: RunOptions.Evaluation
    private let records: ImageRecords
    private let recordCount: Int
    /// The chunks that this rank computes.
    private let chunks: Range<Int>
    private let threads: Int

    /// Reads the records that this rank evaluates.
    ///
    /// - Parameters:
    ///   - mlp: The model.
    ///   - dataset: Where the records are.
    ///   - split: The split to which they belong.
    ///   - indices: Their indices, ascending.
    ///   - communicator: The ranks.
    ///   - mode: Who evaluates.
    ///   - threadsPerRank: Threads of this rank when all evaluate.
    /// - Throws: What the data set throws.
    init(
        mlp: MLP, dataset: any ImageDataset, split: DatasetSplit, indices: [Int],
        communicator: any Communicator,
        mode: RunOptions.Evaluation, threadsPerRank: Int
    ) throws {
        self.mlp = mlp
        self.communicator = communicator
        self.mode = mode
        normalization = PixelNormalization(dataset.format)
        imageBytes = dataset.format.imageBytes
        recordCount = indices.count
        let chunkCount = (indices.count + Self.chunkRows - 1) / Self.chunkRows
        switch mode {
        case .rank0:
            chunks = communicator.rank == 0 ? 0..<chunkCount : 0..<0
            threads = ProcessorAffinity.processorsOfNode
        case .sharded:
            let (rank, size) = (communicator.rank, communicator.size)
            chunks = Range(part: rank, of: size, dividing: chunkCount)
            threads = threadsPerRank
        }
        let range =
            chunks.lowerBound * Self.chunkRows..<min(chunks.upperBound * Self.chunkRows, indices.count)
        records = try dataset.read(split, records: chunks.isEmpty ? [] : Array(indices[range]))
    }

    /// The fingerprint of the records read here.
    var fingerprint: UInt64 { records.fingerprint }

    /// Computes the losses of all records. Collective: every rank must call it.
    ///
    /// - Returns: The same record on every rank.
    /// - Throws: The communicator's error.
    func evaluate(parameters: Vector<Float>, runningStatistics: Vector<Float>) throws -> BatchLoss {
        let own =
            chunks.isEmpty ? [] : try compute(parameters: parameters, runningStatistics: runningStatistics)
        let chunkCount = (recordCount + Self.chunkRows - 1) / Self.chunkRows
        var losses = [Double](repeating: 0, count: chunkCount)
        var hits = [Int64](repeating: 0, count: chunkCount)
        for (chunk, loss) in zip(chunks, own) {
            losses[chunk] = loss.lossSum
            hits[chunk] = Int64(loss.correct)
        }
        if mode == .rank0 { try communicator.idleBarrier() }
        // Every chunk is 0 on all ranks but one: the sum is exact.
        try communicator.allreduce(&losses, .sum)
        try communicator.allreduce(&hits, .sum)
        return BatchLoss(
            lossSum: losses.reduce(0, +), correct: Int(hits.reduce(0, +)), samples: recordCount)
    }

    private func compute(parameters: Vector<Float>, runningStatistics: Vector<Float>) throws -> [BatchLoss] {
        let threads = min(threads, chunks.count)
        let memory = try AlignedBuffer<Float>(allocating: PackedProducts<Float>.weightCount(of: mlp.network))
        let weights = memory.vector
        @Sendable func makeProducts() throws -> PackedProducts<Float> {
            try PackedProducts(mlp.network, batch: 0, weights: weights, team: WorkerTeam(threadCount: 1))
        }
        try makeProducts().packWeights(parameters)
        let next = Atomic(0)
        let results = Mutex([BatchLoss](repeating: .zero, count: chunks.count))
        let failure = Mutex<(any Error)?>(nil)
        @Sendable func work() throws {
            // Whoever comes late needs no room.
            guard next.load(ordering: .relaxed) < chunks.count else { return }
            let products = try makeProducts()
            let workspace = try Workspace<Float>(for: mlp.network, capacity: Self.chunkRows)
            let input = AlignedBuffer<UInt8>(zeroed: Self.chunkRows * imageBytes)
            let labels = AlignedBuffer<Int32>(zeroed: Self.chunkRows)
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < chunks.count else { return }
                let first = index * Self.chunkRows
                let rows = min(Self.chunkRows, records.count - first)
                let pixels = input.matrix(rows: rows, columns: imageBytes)
                load(first..<first + rows, into: pixels, labels: labels.vector)
                let loss = try mlp.evaluate(
                    .pixels(normalization.numbers(pixels)), targets: .labels(labels.vector[0..<rows]),
                    parameters: parameters, runningStatistics: runningStatistics, workspace: workspace,
                    products: products)
                results.withLock { $0[index] = loss }
            }
        }
        @Sendable func attempt() {
            do { try work() } catch { failure.withLock { $0 = error } }
        }
        // Launchers bind a rank to a core; the helpers may use the others. Any number of them comes to the same: where the
        // system allows no more, those that there are do the work.
        let team = ProcessorAffinity.withAffinityToAllProcessors { WorkerTeam(upTo: max(1, threads)) }
        team.run(team.threadCount) { _ in attempt() }
        if let error = failure.withLock({ $0 }) { throw error }
        return results.withLock { $0 }
    }

    private func load(_ range: Range<Int>, into pixels: Matrix<UInt8>, labels: Vector<Int32>) {
        let count = range.count * imageBytes
        let start = range.lowerBound * imageBytes
        _ = pixels.vector.buffer.update(fromContentsOf: records.pixels[start..<start + count])
        for (row, record) in range.enumerated() { labels[row] = Int32(records.labels[record]) }
    }
}
