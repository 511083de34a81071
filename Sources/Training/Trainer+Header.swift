internal import Collectives
internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors

extension Trainer {
    /// What is told of a run before it begins.
    func header(
        _ mlp: MLP, ranks: RankGroup, threads: Int, kernels: UsedKernels, directory: RunDirectory,
        progress: Progress
    ) -> [(key: String, value: String)] {
        let training = dataset.count(of: .training) - configuration.validationSize
        let hosts = communicator.placement.hostNames
        let count = communicator.size == 1 ? "1 rank" : "\(communicator.size) ranks"
        let precision = configuration.matmulPrecision ?? .highest
        let unit =
            switch (precision.digits, kernels.digits) {
            case (nil, _): "Float"
            case (_, let digits?):
                "pixels times \(digits) bytes by \(DigitUnit.used?.rawValue ?? "plain loops")"
            case (_, nil): "in Float, as not every CPU here has a unit for products of bytes"
            }
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
            ("products", "precision \(precision.rawValue), \(unit)"),
            (
                "kernels",
                "\(ProductKernels.used.rawValue), \(threads) \(threads == 1 ? "thread" : "threads") per rank"
            ),
            ("output", directory.path),
        ]
        guard let resumePoint else { return rows }
        return rows + [("resumed", progress.origin(resumePoint.origin, epochs: configuration.epochs))]
    }
}
