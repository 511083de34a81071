internal import Collectives
internal import DataParallel
internal import Datasets
internal import MLPEngine
package import Tensors

extension Trainer {
    /// What is told of a run before it begins.
    func header(
        _ mlp: MLP, ranks: RankGroup, threads: Int, kernels: UsedKernels,
        fastestPrecision: MatmulPrecision, directory: RunDirectory, progress: Progress
    ) -> [(key: String, value: String)] {
        let training = dataset.count(of: .training) - configuration.validationSize
        let hosts = communicator.placement.hostNames
        let count = communicator.size == 1 ? "1 rank" : "\(communicator.size) ranks"
        let rows = [
            (
                "data",
                "\(dataset.name) (\(dataset.location)): \(training) to train on, \(configuration.validationSize) for"
                    + " validation, \(dataset.count(of: .test)) to test"
            ),
            ("model", "\(ModelDescription(configuration)), \(mlp.parameterCount) parameters"),
            ("ranks", "\(count) on \(hosts.joined(separator: ", ")), \(communicator.implementation)"),
            (
                "shards",
                "\(assignment.shardCount) logical shards, \(configuration.batchSize / assignment.shardCount) rows of each"
                    + " in a global batch of \(configuration.batchSize)"
            ),
            ("arithmetic", "\(configuration.arithmetic.rawValue), reduction \(ranks.reduction)"),
            ("products", configuration.products(fastestPrecision: fastestPrecision)),
            (
                "kernels",
                "\(InstructionSet.used.rawValue), \(threads) \(threads == 1 ? "thread" : "threads") per rank"
            ),
            ("output", directory.path),
        ]
        guard let resumePoint else { return rows }
        return rows + [("resumed", progress.origin(resumePoint.origin, epochs: configuration.epochs))]
    }
}

extension TrainingConfiguration {
    /// How matrix products are computed, and why not in integers where they are not.
    package func products(fastestPrecision: MatmulPrecision) -> String {
        let precision = matmulPrecision ?? .highest
        let lacksUnit = "not every CPU here has a unit for products of bytes"
        let way =
            switch (precision.slices, fastestPrecision) {
            case (let slices?, .highest): "pixels times \(slices) bytes, slow, as \(lacksUnit)"
            case (let slices?, _):
                "pixels times \(slices) bytes by \(InstructionSet.used.rawValue)"
            case (nil, _) where batchSize > Int8Gradient.largestBatch:
                "Float, the only one for batches of more than \(Int8Gradient.largestBatch) images"
            case (nil, .highest): "Float (\(lacksUnit))"
            case (nil, _): "Float"
            }
        return "precision \(precision.rawValue), \(way)"
    }
}
