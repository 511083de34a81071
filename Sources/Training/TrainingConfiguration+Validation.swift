internal import MLPEngine
public import Datasets
public import Tensors

extension TrainingConfiguration {
    /// The largest number that the command line takes for a count; more is a slip of the finger.
    private static let largestCount = 1 << 20

    /// More hidden layers than anybody trains.
    private static let mostLayers = 1024

    /// Checks every value by itself, before any work starts.
    ///
    /// - Throws: ``ConfigurationError`` for the first value out of range.
    public func validate() throws(ConfigurationError) {
        try Self.check(
            "--hidden-dims", "\(hiddenDimensions.count) layers", hiddenDimensions.count <= Self.mostLayers,
            "at most \(Self.mostLayers) layers")
        for width in hiddenDimensions {
            try Self.check("--hidden-dims", width, 1...Self.largestCount, "widths of")
        }
        if case .elu(let alpha) = activation {
            try Self.check("--elu-alpha", alpha, alpha > 0 && alpha.isFinite, "a number > 0")
        }
        try Self.check("--epochs", epochs, 1...Self.largestCount)
        try Self.check("--batch-size", batchSize, 1...Self.largestCount)
        try Self.check("--lr", learningRate, learningRate > 0 && learningRate.isFinite, "a number > 0")
        try Self.check("--momentum", momentum, momentum >= 0 && momentum < 1, "a number ≥ 0 and < 1")
        try Self.check(
            "--nesterov", nesterov, !nesterov || momentum > 0,
            "--momentum > 0 with it, as it looks ahead along it")
        try Self.check(
            "--weight-decay", weightDecay, weightDecay >= 0 && weightDecay.isFinite, "a number ≥ 0")
        try Self.check(
            "--warmup-epochs", warmupEpochs, warmupEpochs >= 0 && warmupEpochs <= Double(epochs),
            "a number from 0 to the number of epochs, \(epochs)")
        if case .step(let interval, let factor) = schedule {
            try Self.check("--lr-step-epochs", interval, 1...Self.largestCount)
            try Self.check("--lr-step-factor", factor, factor > 0 && factor.isFinite, "a number > 0")
        }
        try Self.check("--validation-size", validationSize, 0...Int(Int32.max))
        if let logicalShards { try Self.check("--logical-shards", logicalShards, 1...Self.largestCount) }
        // Follows the world size where it is settled; a stored one is as foreign as a flag.
        if let learningRateRanks {
            try Self.check("--lr-scaling", learningRateRanks, 1...Self.largestCount, "a number of ranks from")
        }
    }

    /// Settles what follows the world size and the CPU where nothing was said, and checks it against world size and batch
    /// size.
    ///
    /// - Parameters:
    ///   - worldSize: The number of ranks.
    ///   - fastestPrecision: The precision to choose where none was asked for and the batch allows it; where ranks run on
    ///     several nodes, what `MatmulPrecision.fastestExact(over:)` found for all of them.
    /// - Throws: ``ConfigurationError``.
    public mutating func settle(
        worldSize: Int, fastestPrecision: MatmulPrecision = .fastestExact
    ) throws(ConfigurationError) {
        let shards = logicalShards ?? LogicalShards.defaultCount(forWorldSize: worldSize)
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
        let fitsIntegers = batchSize <= Int8Gradient.largestBatch
        if let matmulPrecision, matmulPrecision.slices != nil, !fitsIntegers {
            throw ConfigurationError(
                "--matmul-precision", found: "\(matmulPrecision.rawValue) with a batch of \(batchSize)",
                expected:
                    "highest with batches of more than \(Int8Gradient.largestBatch) images, over which sums of"
                    + " products of bytes might not fit into 32 bits")
        }
        matmulPrecision = matmulPrecision ?? (fitsIntegers ? fastestPrecision : .highest)
    }

    /// Checks the sizes against the records of a data set.
    ///
    /// - Throws: ``ConfigurationError``.
    public func validate(against dataset: any ImageDataset) throws(ConfigurationError) {
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

    private static func check(
        _ setting: String, _ value: Int, _ range: ClosedRange<Int>, _ what: String = "a whole number from"
    ) throws(ConfigurationError) {
        try check(setting, value, range.contains(value), "\(what) \(range.lowerBound) to \(range.upperBound)")
    }

    private static func check(
        _ setting: String, _ value: some CustomStringConvertible, _ isValid: Bool, _ expected: String
    ) throws(ConfigurationError) {
        guard isValid else { throw ConfigurationError(setting, found: value.description, expected: expected) }
    }
}
