internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors

/// Batch norm's statistics of a mean of weights: the mean has never seen a batch, and those of the weights that it is of are not
/// its own.
///
/// They are taken as in training: each chunk of the sample is a batch, normalised by its own statistics, and the mean of the
/// chunks' statistics, each weighted by its records, is what evaluation then uses. Images are as they are in the data set, and
/// nothing is dropped, as in evaluation. A chunk is computed by one thread, and the chunks are added up in their order, so the
/// bits depend neither on ranks nor on threads.
///
/// Source: Izmailov and others, "Averaging weights leads to wider optima and better generalization", UAI 2018, section 3.2.
package enum BatchStatistics {
    /// The most training records that are taken.
    private static let mostRows = 10_000

    /// The records of the sample.
    package static func rows(of trainingCount: Int) -> Int { min(mostRows, trainingCount) }

    /// Up to so many training records at equal distances, dealt to the chunks in turn: many data sets are in the order of their
    /// classes, and every chunk is to have all of them.
    package static func sample(of training: [Int]) -> [Int] {
        let rows = rows(of: training.count)
        let chunks = (rows + Evaluator.chunkRows - 1) / Evaluator.chunkRows
        return (0..<chunks).flatMap { chunk in
            stride(from: chunk, to: rows, by: chunks).map { training[$0 * training.count / rows] }
        }
    }
}

extension TrainingConfiguration {
    /// Whether a mean of weights needs statistics of its own.
    var recomputesStatistics: Bool {
        if case .swa = averaging { batchNorm != .none && !hiddenDimensions.isEmpty } else { false }
    }
}

extension MLPConfiguration {
    /// The same parameters in the same places, with nothing dropped.
    var withoutDropout: MLPConfiguration {
        var configuration = self
        (configuration.dropout, configuration.inputDropout) = (0, 0)
        return configuration
    }
}

extension Evaluator {
    /// The mean over the chunks of batch norm's statistics of a chunk, in the layout of the running ones. Collective: every rank
    /// must call it.
    ///
    /// - Returns: The same on every rank.
    /// - Throws: The communicator's error, or `AllocationError`.
    func batchStatistics(parameters: Vector<Float>) throws -> [Double] {
        let count = mlp.network.statisticsLayout.count
        let unused = try AlignedBuffer<Float>(allocating: count, filledWith: 0)
        let own = try forEachChunk(parameters: parameters, runningStatistics: unused.vector) { pass, labels in
            let memory = try AlignedBuffer<Float>(allocating: count, filledWith: 0)
            let noGradients = try AlignedBuffer<Float>(allocating: 0)
            let training = Pass<Float>.Training(
                collectives: LocalBatch(gradients: noGradients.vector),
                batchStatistics: memory.vector.matrix(rows: 1, columns: count))
            _ = try mlp.network.forward(
                Pass(
                    pass.batch, parameters: pass.parameters, workspace: pass.workspace,
                    products: pass.products, mode: .training(training)))
            return memory.vector.buffer.map { Double(labels.count) * Double($0) }
        }
        return try sumInOrder(own, width: count).map { $0 / Double(recordCount) }
    }
}

extension ImageDataset {
    /// Reads records in whatever order.
    func read(_ split: DatasetSplit, inOrder records: [Int]) throws -> ImageRecords {
        let order = records.indices.sorted { records[$0] < records[$1] }
        let ascending = try read(split, records: order.map { records[$0] })
        guard !order.elementsEqual(records.indices) else { return ascending }
        var result = ascending
        let size = format.imageBytes
        for (from, to) in order.enumerated() {
            result.labels[to] = ascending.labels[from]
            result.pixels.replaceSubrange(
                to * size..<(to + 1) * size, with: ascending.pixels[from * size..<(from + 1) * size])
        }
        return result
    }
}
