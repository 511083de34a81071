internal import Collectives
internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors

extension Trainer {
    /// What is told of a run before it begins.
    func header(
        _ mlp: MLP, ranks: RankGroup, threads: Int, directory: RunDirectory, progress: Progress
    ) -> [(key: String, value: String)] {
        let training = dataset.count(of: .training) - configuration.validationSize
        let hosts = communicator.placement.hostNames
        let count = communicator.size == 1 ? "1 rank" : "\(communicator.size) ranks"
        let kernels =
            "\(ProductKernels.used.rawValue), \(threads) \(threads == 1 ? "thread" : "threads") per rank"
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
            ("kernels", kernels),
            ("output", directory.path),
        ]
        guard let resumePoint else { return rows }
        return rows + [("resumed", progress.origin(resumePoint.origin, epochs: configuration.epochs))]
    }
}
