internal import Collectives
internal import Datasets
internal import MLPEngine
internal import Metrics
internal import Synchronization
internal import Tensors

/// Losses and accuracy of a model on records that it is not trained on.
///
/// The records are divided into chunks of a fixed size; each chunk is one pass on one thread, and the chunks' results
/// are summed in their order. So neither the number of threads nor that of ranks changes a bit of the result.
final class Evaluator: Sendable {
    /// Rows of a pass.
    static let chunkRows = 250

    let mlp: MLP
    let communicator: any Communicator

    private let normalization: PixelNormalization<Float>
    private let format: ImageFormat
    private let mode: RunOptions.Evaluation
    private let records: ImageRecords
    let recordCount: Int
    private var imageBytes: Int { format.imageBytes }
    private var classNames: [String] { format.classNames }
    /// The chunks that this rank computes.
    private let chunks: Range<Int>
    private let threads: Int

    /// Reads the records that this rank evaluates.
    ///
    /// - Parameters:
    ///   - mlp: The model.
    ///   - dataset: Where the records are.
    ///   - split: The split to which they belong.
    ///   - indices: Their indices, each once, in the order in which they stand in chunks.
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
        format = dataset.format
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
        records = try dataset.read(split, inOrder: chunks.isEmpty ? [] : Array(indices[range]))
    }

    /// The fingerprint of the records read here.
    var fingerprint: UInt64 { records.fingerprint }

    /// Computes the losses of all records. Collective: every rank must call it.
    ///
    /// - Returns: The same record on every rank.
    /// - Throws: The communicator's error.
    func evaluate(parameters: Vector<Float>, runningStatistics: Vector<Float>) throws -> BatchLoss {
        try sum(
            forEachChunk(parameters: parameters, runningStatistics: runningStatistics) { pass, labels in
                try mlp.evaluate(
                    pass.batch, targets: .labels(labels), parameters: parameters,
                    runningStatistics: runningStatistics, workspace: pass.workspace, products: pass.products)
            })
    }

    /// Computes the losses of the mean over views of the records' class probabilities, the views in their order. Collective:
    /// every rank must call it.
    ///
    /// - Returns: The same record on every rank.
    /// - Throws: The communicator's error.
    func evaluate(
        views: TestViews, parameters: Vector<Float>, runningStatistics: Vector<Float>
    ) throws -> BatchLoss {
        try sum(
            forEachChunk(parameters: parameters, runningStatistics: runningStatistics) { pass, labels, show in
                var mean = ViewMean(labels: labels, classes: classNames.count)
                for view in views.all {
                    show(view)
                    mean.add(try mlp.network.forward(pass))
                }
                return mean.loss
            })
    }

    /// Computes the losses of all records, and counts what they were taken for. Collective: every rank must call it.
    ///
    /// - Returns: The same on every rank.
    /// - Throws: The communicator's error.
    func evaluateWithConfusion(
        parameters: Vector<Float>, runningStatistics: Vector<Float>
    ) throws -> (loss: BatchLoss, confusion: ConfusionMatrix) {
        let own = try forEachChunk(parameters: parameters, runningStatistics: runningStatistics) {
            pass, labels in
            let logits = try mlp.network.forward(pass)
            let predictions = Self.predictions(logits)
            let loss = SoftmaxCrossEntropy().evaluate(logits, .labels(labels), factor: 1, gradient: logits)
            return (loss, predictions)
        }
        let loss = try sum(own.map(\.0))
        return (loss, try confusion(own.flatMap(\.1)))
    }

    /// The most probable class of each row; of several the first, as the loss counts them.
    static func predictions(_ logits: Matrix<Float>) -> [UInt8] {
        (0..<logits.rows).map { row in
            let values = logits[rows: row..<row + 1].vector.buffer
            return UInt8(values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 })
        }
    }

    /// Counts what the records were taken for, from the predictions for this rank's. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    func confusion(_ predictions: [UInt8]) throws -> ConfusionMatrix {
        let classes = classNames.count
        var counts = [Int64](repeating: 0, count: classes * classes)
        for (label, prediction) in zip(records.labels, predictions) {
            counts[Int(label) * classes + Int(prediction)] += 1
        }
        try communicator.allreduce(&counts, .sum)
        return ConfusionMatrix(
            classes: classNames,
            counts: (0..<classes).map { label in
                counts[label * classes..<(label + 1) * classes].map(Int.init)
            })
    }

    /// Adds up the losses of all chunks in their order, of which this rank has some. Collective: every rank must call it.
    private func sum(_ own: [BatchLoss]) throws -> BatchLoss {
        let losses = try sumInOrder(own.map { [$0.lossSum] }, width: 1)[0]
        let hits = try communicator.allreduce(Int64(own.reduce(0) { $0 + $1.correct }), .sum)
        return BatchLoss(lossSum: losses, correct: Int(hits), samples: recordCount)
    }

    /// Adds up numbers of all chunks in their order, `width` numbers of each, of which this rank has those of its chunks.
    /// Collective: every rank must call it.
    ///
    /// - Returns: The sums, the same on every rank.
    /// - Throws: The communicator's error.
    func sumInOrder(_ own: [[Double]], width: Int) throws -> [Double] {
        let chunkCount = (recordCount + Self.chunkRows - 1) / Self.chunkRows
        var numbers = [Double](repeating: 0, count: chunkCount * width)
        for (chunk, values) in zip(chunks, own) {
            numbers.replaceSubrange(chunk * width..<(chunk + 1) * width, with: values)
        }
        try waitForRank0()
        // Every chunk is 0 on all ranks but one: the sum is exact.
        try communicator.allreduce(&numbers, .sum)
        var sums = [Double](repeating: 0, count: width)
        for chunk in 0..<chunkCount {
            for index in 0..<width { sums[index] += numbers[chunk * width + index] }
        }
        return sums
    }

    /// Sleeps while rank 0 computes alone, if it does. Collective: every rank must call it.
    func waitForRank0() throws {
        if mode == .rank0 { try communicator.idleBarrier() }
    }

    /// Makes a pass in evaluation over each of this rank's chunks, each on one thread.
    ///
    /// - Returns: What `body` has made of the passes and the records' labels, in the chunks' order.
    /// - Throws: What `body` throws, or `AllocationError`.
    func forEachChunk<Result: Sendable>(
        parameters: Vector<Float>, runningStatistics: Vector<Float>,
        _ body: @Sendable (_ pass: Pass<Float>, _ labels: Vector<Int32>) throws -> Result
    ) throws -> [Result] {
        try forEachChunk(parameters: parameters, runningStatistics: runningStatistics) { pass, labels, _ in
            try body(pass, labels)
        }
    }

    /// The same, with a function that puts a view of the chunk's images where the pass reads them; at first they are there as
    /// they are.
    private func forEachChunk<Result: Sendable>(
        parameters: Vector<Float>, runningStatistics: Vector<Float>,
        _ body:
            @Sendable (
                _ pass: Pass<Float>, _ labels: Vector<Int32>, _ show: (ImageView) -> Void
            ) throws -> Result
    ) throws -> [Result] {
        guard !chunks.isEmpty else { return [] }
        let threads = min(threads, chunks.count)
        let memory = try AlignedBuffer<Float>(allocating: PackedProducts<Float>.weightCount(of: mlp.network))
        let weights = memory.vector
        @Sendable func makeProducts() throws -> PackedProducts<Float> {
            try PackedProducts(mlp.network, batch: 0, weights: weights, team: WorkerTeam(threadCount: 1))
        }
        try makeProducts().packWeights(parameters)
        let next = Atomic(0)
        let results = Mutex([Result?](repeating: nil, count: chunks.count))
        let failure = Mutex<(any Error)?>(nil)
        @Sendable func work() throws {
            // Whoever comes late needs no room.
            guard next.load(ordering: .relaxed) < chunks.count else { return }
            let products = try makeProducts()
            let workspace = try Workspace<Float>(for: mlp.network, capacity: Self.chunkRows)
            let input = AlignedBuffer<UInt8>(zeroed: Self.chunkRows * imageBytes)
            let labels = AlignedBuffer<Int32>(zeroed: Self.chunkRows)
            let mover = Augmenter([], format: format, seed: 0)
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < chunks.count else { return }
                let first = index * Self.chunkRows
                let rows = min(Self.chunkRows, records.count - first)
                let pixels = input.matrix(rows: rows, columns: imageBytes)
                load(first..<first + rows, into: pixels, labels: labels.vector)
                let result = try body(
                    Pass(
                        .pixels(normalization.numbers(pixels)), parameters: parameters, workspace: workspace,
                        products: products, mode: .evaluation(runningStatistics: runningStatistics)),
                    labels.vector[0..<rows]
                ) { view in
                    load(first..<first + rows, into: pixels, labels: labels.vector)
                    for row in 0..<rows {
                        mover.change(
                            pixels[rows: row..<row + 1].vector, down: view.down, right: view.right,
                            isFlipped: view.isMirrored)
                    }
                }
                results.withLock { $0[index] = result }
            }
        }
        @Sendable func attempt() {
            do { try work() } catch { failure.withLock { $0 = error } }
        }
        let team = ProcessorAffinity.withAffinityToAllProcessors { WorkerTeam(upTo: max(1, threads)) }
        team.run(team.threadCount) { _ in attempt() }
        if let error = failure.withLock({ $0 }) { throw error }
        return results.withLock { $0.compactMap(\.self) }
    }

    private func load(_ range: Range<Int>, into pixels: Matrix<UInt8>, labels: Vector<Int32>) {
        let count = range.count * imageBytes
        let start = range.lowerBound * imageBytes
        _ = pixels.vector.buffer.update(fromContentsOf: records.pixels[start..<start + count])
        for (row, record) in range.enumerated() { labels[row] = Int32(records.labels[record]) }
    }
}
