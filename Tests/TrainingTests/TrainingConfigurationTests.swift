import DataParallel
import Datasets
import Foundation
import MLPEngine
import Tensors
import Testing
import Training

@Suite struct TrainingConfigurationTests {
    /// No setting has its default.
    private static let other: TrainingConfiguration = {
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = [256, 128]
        configuration.activation = .elu(alpha: 0.5)
        configuration.batchNorm = .local
        configuration.residual = true
        configuration.epochs = 7
        configuration.batchSize = 64
        configuration.learningRate = 0.2
        configuration.momentum = 0.9
        configuration.nesterov = true
        configuration.weightDecay = 0.0001
        configuration.schedule = .step(epochs: 2, factor: 0.5)
        configuration.warmupEpochs = 1.5
        configuration.learningRateScaling = .linear
        configuration.seed = .max
        configuration.validationSize = 100
        configuration.logicalShards = 16
        configuration.arithmetic = .fast
        configuration.learningRateRanks = 3
        return configuration
    }()

    @Test func `A configuration comes back the same through JSON`() throws {
        for configuration in [TrainingConfiguration(), Self.other] {
            let text = try JSONEncoder().encode(configuration)
            #expect(try JSONDecoder().decode(TrainingConfiguration.self, from: text) == configuration)
        }
    }

    @Test func `Differences are named in the words of the command line, with both values`() {
        var settled = TrainingConfiguration()
        settled.logicalShards = 8
        #expect(
            Self.other.allDifferences(from: settled).map(\.description) == [
                "--hidden-dims 128 → 256,128", "--elu-alpha 1 → 0.5", "--batch-norm none → local",
                "--no-residual → --residual", "--epochs 10 → 7", "--batch-size 128 → 64", "--lr 0.1 → 0.2",
                "--momentum 0 → 0.9", "--no-nesterov → --nesterov", "--weight-decay 0 → 0.0001",
                "--lr-schedule constant → step", "--lr-step-epochs none → 2", "--lr-step-factor none → 0.5",
                "--warmup-epochs 0 → 1.5", "--lr-scaling none → linear (3 ranks)",
                "--seed 42 → 18446744073709551615", "--validation-size 5000 → 100", "--logical-shards 8 → 16",
                "--arithmetic reproducible → fast",
            ])
    }

    @Test func `Only what changes the result counts for a resume`() {
        var (old, new) = (TrainingConfiguration(), TrainingConfiguration())
        new.epochs = 20
        #expect(new.differences(from: old).isEmpty)
        new.activation = .relu
        #expect(new.differences(from: old).map(\.description) == ["--activation elu → relu"])
        new.activation = old.activation
        old.schedule = .cosine
        new.schedule = .cosine
        #expect(new.differences(from: old).map(\.description) == ["--epochs 10 → 20"])
        new.schedule = .constant
        new.epochs = 10
        #expect(new.differences(from: old).map(\.description) == ["--lr-schedule cosine → constant"])
    }

    @Test func `Logistic regression is written as on the command line`() {
        var new = TrainingConfiguration()
        new.hiddenDimensions = []
        #expect(
            new.differences(from: TrainingConfiguration()).map(\.description) == ["--hidden-dims 128 → \"\""])
    }

    struct Wrong: CustomTestStringConvertible {
        let setting: String
        let change: @Sendable (inout TrainingConfiguration) -> Void
        var testDescription: String { setting }

        init(_ setting: String, _ change: @escaping @Sendable (inout TrainingConfiguration) -> Void) {
            self.setting = setting
            self.change = change
        }
    }

    @Test(arguments: [
        Wrong("--hidden-dims") { $0.hiddenDimensions = [128, 0] },
        Wrong("--hidden-dims") { $0.hiddenDimensions = [-1] },
        Wrong("--elu-alpha") { $0.activation = .elu(alpha: 0) },
        Wrong("--elu-alpha") { $0.activation = .elu(alpha: .infinity) },
        Wrong("--epochs") { $0.epochs = 0 },
        Wrong("--batch-size") { $0.batchSize = -128 },
        Wrong("--lr") { $0.learningRate = 0 },
        Wrong("--lr") { $0.learningRate = .nan },
        Wrong("--momentum") { $0.momentum = 1 },
        Wrong("--nesterov") { $0.nesterov = true },
        Wrong("--weight-decay") { $0.weightDecay = -0.1 },
        Wrong("--warmup-epochs") { $0.warmupEpochs = 11 },
        Wrong("--warmup-epochs") { $0.warmupEpochs = .nan },
        Wrong("--lr-step-epochs") { $0.schedule = .step(epochs: 0, factor: 0.1) },
        Wrong("--lr-step-factor") { $0.schedule = .step(epochs: 1, factor: 0) },
        Wrong("--validation-size") { $0.validationSize = -1 },
        Wrong("--logical-shards") { $0.logicalShards = 0 },
    ])
    func `A value out of range is named`(wrong: Wrong) throws {
        var configuration = TrainingConfiguration()
        #expect(throws: Never.self) { try configuration.validate() }
        wrong.change(&configuration)
        let error = #expect(throws: ConfigurationError.self) { try configuration.validate() }
        #expect(error?.setting == wrong.setting)
    }

    @Test(arguments: [(1, 8), (3, 8), (8, 8), (9, 16), (17, 32)])
    func `Without a number of shards it follows from the ranks`(ranks: Int, shards: Int) throws {
        var configuration = TrainingConfiguration()
        try configuration.settle(worldSize: ranks)
        #expect(configuration.logicalShards == shards && configuration.learningRateRanks == ranks)
        // On other ranks it stays.
        try configuration.settle(worldSize: 1)
        #expect(configuration.logicalShards == shards && configuration.learningRateRanks == ranks)
    }

    @Test func `More ranks than shards, and shards that do not divide the batch, are refused`() {
        var configuration = TrainingConfiguration()
        configuration.logicalShards = 4
        #expect(
            throws: ConfigurationError(
                "--logical-shards", found: "5 ranks for 4 logical shards",
                expected: "at most as many ranks as logical shards")
        ) { try configuration.settle(worldSize: 5) }
        configuration.batchSize = 130
        #expect(
            throws: ConfigurationError(
                "--batch-size", found: "130", expected: "a multiple of the 4 logical shards")
        ) { try configuration.settle(worldSize: 2) }
    }

    @Test
    func `The precision of products is chosen once, where nothing was asked for and the batch allows it`()
        throws
    {
        for fastest in [MatmulPrecision.high, .highest] {
            var configuration = TrainingConfiguration()
            try configuration.settle(worldSize: 1, fastestPrecision: fastest)
            #expect(configuration.matmulPrecision == fastest)
            // On other machines it stays.
            try configuration.settle(worldSize: 1, fastestPrecision: fastest == .high ? .highest : .high)
            #expect(configuration.matmulPrecision == fastest)

            configuration = TrainingConfiguration()
            configuration.batchSize = 65_544
            try configuration.settle(worldSize: 1, fastestPrecision: fastest)
            #expect(configuration.matmulPrecision == .highest)
            #expect(
                configuration.products(fastestPrecision: fastest)
                    == "precision highest, Float, the only one for batches of more than 65536 images")
        }
    }

    @Test(arguments: [MatmulPrecision.high, .medium])
    func `Integers asked for by name are refused for batches whose sums might not fit`(
        precision: MatmulPrecision
    ) throws {
        var configuration = TrainingConfiguration()
        configuration.matmulPrecision = precision
        configuration.batchSize = 65_536
        try configuration.settle(worldSize: 1)
        #expect(configuration.matmulPrecision == precision)
        configuration.batchSize = 65_544
        let error = #expect(throws: ConfigurationError.self) { try configuration.settle(worldSize: 1) }
        #expect(error?.setting == "--matmul-precision" && error?.found.contains("65544") == true)
    }

    @Test func `The header blames the CPU only where it is the reason`() {
        var configuration = TrainingConfiguration()
        for (precision, fastest, isBlamed) in [
            (MatmulPrecision.high, MatmulPrecision.high, false), (.highest, .high, false),
            (.high, .highest, true), (.highest, .highest, true),
        ] {
            configuration.matmulPrecision = precision
            let text = configuration.products(fastestPrecision: fastest)
            #expect(text.contains("not every CPU") == isBlamed, "\(text)")
            #expect(text.hasPrefix("precision \(precision.rawValue), "))
        }
    }

    @Test func `The records must suffice for validation and a batch`() throws {
        let dataset = SyntheticDataset(seed: 1, trainingCount: 100, testCount: 10)
        var configuration = TrainingConfiguration()
        configuration.validationSize = 100
        #expect(throws: ConfigurationError.self) { try configuration.validate(against: dataset) }
        configuration.validationSize = 20
        configuration.batchSize = 81
        #expect(throws: ConfigurationError.self) { try configuration.validate(against: dataset) }
        configuration.batchSize = 80
        try configuration.validate(against: dataset)
    }

    @Test func `The learning rate is scaled by the ranks of the beginning only where that is asked for`() {
        var configuration = TrainingConfiguration()
        configuration.learningRateRanks = 4
        #expect(configuration.learningRateSchedule.baseRate == 0.1)
        configuration.learningRateScaling = .linear
        #expect(configuration.learningRateSchedule.baseRate == 0.4)
    }
}
