package import Checkpoints
package import Datasets
internal import MLPEngine
internal import Tensors

/// What a checkpoint's model takes images for.
package enum CheckpointPredictions {
    /// Computes softmax(Z) of some records, in one pass on one thread, with batch norm by its running statistics.
    ///
    /// - Parameters:
    ///   - checkpoint: The checkpoint.
    ///   - model: Which of its models.
    ///   - records: The images, of the format that the model was trained on.
    /// - Returns: For each image the probability of each class.
    /// - Throws: `ResumePoint.Failure` for a checkpoint without the model's tensors or of the beginning of a run,
    ///   `AllocationError`.
    package static func probabilities(
        of checkpoint: ResumePoint, model: Checkpoint.Model = .current, records: ImageRecords
    ) throws -> [[Float]] {
        try checkpoint.checkTensors()
        guard let tensors = checkpoint.checkpoint, let prefix = tensors.prefix(of: model) else {
            throw ResumePoint.Failure(
                description: "\(checkpoint.origin): expected a checkpoint with a model, found none")
        }
        let configuration = checkpoint.configuration
        let (mlp, count) = (MLP(configuration.model), records.count)
        guard count > 0 else { return [] }
        precondition(records.pixels.count == count * configuration.format.imageBytes)
        let weights = try BestModel.Weights(network: mlp.network)
        let (parameters, statistics) = (weights.parameters.vector, weights.runningStatistics.vector)
        try ModelTensors(network: mlp.network).restore(
            tensors, prefix: prefix, parameters: parameters, runningStatistics: statistics)
        let packed = try AlignedBuffer<Float>(allocating: PackedProducts<Float>.weightCount(of: mlp.network))
        let products = try PackedProducts(
            mlp.network, batch: 0, weights: packed.vector, team: WorkerTeam(threadCount: 1))
        products.packWeights(parameters)
        let workspace = try Workspace<Float>(for: mlp.network, capacity: count)
        let input = AlignedBuffer<UInt8>(zeroed: records.pixels.count)
        _ = input.vector.buffer.update(fromContentsOf: records.pixels)
        let pixels = input.matrix(rows: count, columns: configuration.format.imageBytes)
        let normalization = PixelNormalization<Float>(configuration.format)
        let logits = try mlp.network.forward(
            Pass(
                .pixels(normalization.numbers(pixels)), parameters: parameters, workspace: workspace,
                products: products, mode: .evaluation(runningStatistics: statistics)))
        return (0..<count).map { row in
            let values = Array(logits.vector.buffer[row * logits.columns..<(row + 1) * logits.columns])
            // e^(z − max z): no power is too large.
            let largest = values.max() ?? 0
            let powers = values.map { PortableMath.exp(Double($0 - largest)) }
            let sum = powers.reduce(0, +)
            return powers.map { Float($0 / sum) }
        }
    }

    /// Whether a data set has the records of the run that wrote a checkpoint. All are read.
    ///
    /// - Throws: What the data set throws.
    package static func wasTrained(_ checkpoint: ResumePoint, on dataset: any ImageDataset) throws -> Bool {
        guard dataset.format == checkpoint.configuration.format else { return false }
        var fingerprint: UInt64 = 0
        for split in DatasetSplit.allCases {
            let count = dataset.count(of: split)
            for first in stride(from: 0, to: count, by: 5000) {
                let records = try dataset.read(split, records: Array(first..<min(first + 5000, count)))
                fingerprint &+= records.fingerprint
            }
        }
        return checkpoint.checkpoint?.metadata.dataFingerprint == hexadecimal(fingerprint)
    }
}
