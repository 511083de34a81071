internal import DataParallel
public import Datasets
internal import MLPEngine
internal import Tensors

// What of a configuration follows the ranks and the data set, and how two are compared.

extension TrainingConfiguration {
    /// Settles what follows the world size, batch and images where nothing was said, and checks it against them.
    ///
    /// - Parameters:
    ///   - worldSize: The number of ranks.
    ///   - nodes: The number of nodes between which ranks exchange what they do not share.
    /// - Throws: ``ConfigurationError``.
    public mutating func settle(worldSize: Int, nodes: Int = 1) throws(ConfigurationError) {
        let shards =
            logicalShards ?? LogicalShards.defaultCount(forWorldSize: worldSize, globalBatch: batchSize)
        guard worldSize <= shards else {
            throw ConfigurationError(
                "--logical-shards", found: "\(worldSize) ranks for \(shards) logical shards",
                expected: "at most as many ranks as logical shards")
        }
        guard batchSize % shards == 0 else {
            throw ConfigurationError(
                "--batch-size", found: "\(batchSize)", expected: "a multiple of the \(shards) logical shards")
        }
        logicalShards = shards
        learningRateRanks = learningRateRanks ?? worldSize
        if let matmulPrecision, let obstacle = obstacle(to: matmulPrecision) {
            throw ConfigurationError(
                "--matmul-precision", found: "\(matmulPrecision.rawValue) with a batch of \(batchSize)",
                expected: "highest with \(obstacle), for which there are no products of bytes")
        }
        matmulPrecision =
            matmulPrecision ?? (obstacleToIntegers == nil && products == .own ? .high : .highest)
        if strategy == .auto { strategy = cheaperStrategy(worldSize: worldSize, nodes: nodes) }
    }

    /// The strategy by which a step costs less, with as many ranks on each node; on one node the exchange of factors.
    private func cheaperStrategy(worldSize: Int, nodes: Int) -> Strategy {
        guard nodes > 1 else { return .factorExchange }
        let (network, ranks) = (MLP(model).network, max(1, worldSize / nodes))
        let factors = StrategyCost.factorExchange(
            network, batch: batchSize, imageBytes: format.imageBytes, slices: slices, nodes: nodes)
        let gradients = StrategyCost.allreduce(network, batch: batchSize, nodes: nodes)
        return factors.inBytes(ranksOfNode: ranks) <= gradients.inBytes(ranksOfNode: ranks)
            ? .factorExchange : .allreduce
    }

    /// What keeps products of a precision from being computed; nil where nothing does.
    func obstacle(to precision: MatmulPrecision) -> String? {
        switch precision {
        case .highest: nil
        case .high, .medium: obstacleToIntegers
        case .low:
            if batchSize > Int8Gradient.largestBatch {
                "batches of more than \(Int8Gradient.largestBatch) images"
            } else if !ByteWeights.areSupported(columns: format.imageBytes, channels: format.channels) {
                "images of \(format.height) × \(format.width) pixels, no multiple of \(ByteWeights.blockWidth)"
            } else {
                nil
            }
        }
    }

    /// What keeps products of pixels from being computed in integers; nil where nothing does.
    var obstacleToIntegers: String? {
        if batchSize > Int8Gradient.largestBatch {
            return "batches of more than \(Int8Gradient.largestBatch) images"
        }
        if inputDropout > 0 { return "--input-dropout, which makes Floats of pixels" }
        guard !Int8Weights.areSupported(columns: format.imageBytes, channels: format.channels) else {
            return nil
        }
        return "images of \(format.height) × \(format.width) pixels, no multiple of \(Int8Weights.slotWidth)"
    }

    /// Checks images and sizes against those of a data set.
    ///
    /// - Throws: ``ConfigurationError``.
    public func validate(against dataset: any ImageDataset) throws(ConfigurationError) {
        guard dataset.format == dataFormat else {
            throw ConfigurationError(
                "--data", found: "\(dataset.format.name) (\(dataset.location))",
                expected: "\(dataFormat.name), which the run was trained on")
        }
        // Some are bounded by the images, which are known only now.
        try validate()
        let count = dataset.count(of: .training)
        guard validationSize < count else {
            throw ConfigurationError(
                "--validation-size", found: "\(validationSize)",
                expected: "fewer than the \(count) training records of \(dataset.name)")
        }
        guard batchSize <= count - validationSize else {
            throw ConfigurationError(
                "--batch-size", found: "\(batchSize)",
                expected: "at most the \(count - validationSize) records that are left to train on")
        }
    }

    /// Returns the settings in which this configuration would lead to another result than `other`.
    ///
    /// More or fewer epochs are no difference, unless the learning rate follows their number. Of settings that only one
    /// of the two has, such as ELU's α, the one that decides on them is named.
    public func differences(from other: TrainingConfiguration) -> [SettingDifference] {
        Self.settings.filter { $0.decidesResult(of: other, self) }
            .compactMap { $0.difference(from: other, to: self) }
            .filter { !$0.old.isEmpty && !$0.new.isEmpty }
    }

    /// Returns all settings in which this configuration differs from `other`.
    public func allDifferences(from other: TrainingConfiguration) -> [SettingDifference] {
        Self.settings.compactMap { $0.difference(from: other, to: self) }
    }
}
