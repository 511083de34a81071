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
        configuration.residualWidth = 24
        configuration.epochs = 7
        configuration.batchSize = 64
        configuration.learningRate = 0.2
        configuration.momentum = 0.9
        configuration.nesterov = true
        configuration.weightDecay = 0.0001
        configuration.l1 = 0.00001
        configuration.shuffle = .global
        configuration.schedule = .step(epochs: 2, factor: 0.5)
        configuration.warmupEpochs = 1.5
        configuration.learningRateScaling = .linear
        configuration.seed = .max
        configuration.validationSize = 100
        configuration.logicalShards = 16
        configuration.strategy = .allreduce
        configuration.learningRateRanks = 3
        configuration.products = .openBLAS
        configuration.augmentations = [.rotate, .crop, .cutout, .zoom]
        configuration.augmentationExtents.padding = 2
        configuration.augmentationExtents.rotation = 30
        configuration.augmentationExtents.zoom = 0.25
        configuration.augmentationExtents.deformProbability = 0.5
        configuration.augmentationExtents.cutoutSize = 12
        configuration.mixup = 0.3
        configuration.mixupShares = .pair
        configuration.cleanEpochs = 2
        configuration.initialWeights = .lecun
        configuration.zeroOutput = true
        configuration.initialWindow = 4
        configuration.decayScope = .weights
        return configuration
    }()

    @Test func `A configuration comes back the same through JSON`() throws {
        for configuration in [TrainingConfiguration(), Self.other] {
            let text = try JSONEncoder().encode(configuration)
            #expect(try JSONDecoder().decode(TrainingConfiguration.self, from: text) == configuration)
        }
    }

    /// As it was stored before the strategy had its name and products could be chosen.
    private static let oldText = """
        {"activation":{"elu":{"alpha":0.5}},"arithmetic":"fast","batchNorm":"sync","batchSize":64,"epochs":4,
        "hiddenDimensions":[32],"learningRate":0.02,"learningRateRanks":1,"learningRateScaling":"linear",
        "logicalShards":8,"matmulPrecision":"high","momentum":0.9,"nesterov":false,"residual":false,
        "schedule":{"step":{"epochs":2,"factor":0.1}},"seed":42,"validationSize":200,"warmupEpochs":0,
        "weightDecay":0}
        """

    private static func decode(_ text: String) throws -> TrainingConfiguration {
        try JSONDecoder().decode(TrainingConfiguration.self, from: Data(text.utf8))
    }

    @Test func `A configuration that an older program stored is read, with defaults for what came later`()
        throws
    {
        var expected = TrainingConfiguration()
        expected.activation = .elu(alpha: 0.5)
        expected.strategy = .allreduce
        expected.batchNorm = .sync
        expected.batchSize = 64
        expected.epochs = 4
        expected.hiddenDimensions = [32]
        expected.learningRate = 0.02
        expected.learningRateRanks = 1
        expected.learningRateScaling = .linear
        expected.logicalShards = 8
        expected.matmulPrecision = .high
        expected.momentum = 0.9
        expected.schedule = .step(epochs: 2, factor: 0.1)
        expected.validationSize = 200
        #expect(try Self.decode(Self.oldText) == expected)
        expected.strategy = .factorExchange
        let reproducible = Self.oldText.replacing("\"fast\"", with: "\"reproducible\"")
        #expect(try Self.decode(reproducible) == expected)
    }

    @Test(arguments: [
        "\"arithmetic\":\"fast\",", "\"momentum\":0.9,",
        "\"schedule\":{\"step\":{\"epochs\":2,\"factor\":0.1}},",
    ])
    func `What lacks a setting that all have had from the beginning is no configuration`(part: String) {
        #expect(Self.oldText.contains(part))
        #expect(throws: DecodingError.self) { try Self.decode(Self.oldText.replacing(part, with: "")) }
    }

    @Test(arguments: [
        ("\"momentum\":0.9", "\"momentum\":null"), ("\"fast\"", "\"slow\""), ("\"fast\"", "1"),
        ("\"weightDecay\":0", "\"weightDecay\":0,\"products\":\"abacus\""),
        ("\"weightDecay\":0", "\"weightDecay\":0,\"products\":null"),
    ])
    func `A stored value that is none is refused`(part: String, other: String) {
        #expect(Self.oldText.contains(part))
        #expect(throws: DecodingError.self) { try Self.decode(Self.oldText.replacing(part, with: other)) }
    }

    @Test func `Words of the command line say the same as their help`() throws {
        for setting in TrainingConfiguration.settings where setting.isOption && !setting.choices.isEmpty {
            for choice in setting.choices {
                #expect(setting.reads(choice), "--\(setting.flag) \(choice)")
                #expect(setting.help.contains(choice), "--\(setting.flag) \(choice)")
            }
            #expect(!setting.reads("?"), "--\(setting.flag)")
        }
        let flags = TrainingConfiguration.settings.filter(\.isOption).map(\.flag)
        #expect(Set(flags).count == flags.count)
        for (flag, end) in [
            ("hidden-dims", "(default: 128)"),
            ("activation", "(values: elu, relu, tanh, gelu; default: elu)"),
            ("elu-alpha", "(default: 1)"), ("residual", "(default: --no-residual)"), ("lr", "(default: 0.1)"),
            ("lr-step-epochs", "(default: 3)"), ("lr-step-factor", "(default: 0.1)"),
            ("seed", "(default: 42)"),
            (
                "logical-shards",
                "(default: 8, or the next power of two ≥ ranks, or from there on what divides the batch)"
            ),
            ("products", "(values: own, openblas; default: own)"),
        ] {
            let help = try #require(TrainingConfiguration.setting(flag)).help
            #expect(help.hasSuffix(end), "\(help)")
        }
    }

    @Test func `What the command line gives is laid over a configuration, in the order of the table`() throws
    {
        var configuration = TrainingConfiguration()
        try configuration.apply([
            "lr-step-factor": "0.5", "lr-schedule": "step", "hidden-dims": "", "elu-alpha": "0.25",
            "residual": "true", "seed": "7", "logical-shards": "16", "products": "openblas",
        ])
        var expected = TrainingConfiguration()
        expected.schedule = .step(epochs: 3, factor: 0.5)
        expected.hiddenDimensions = []
        expected.activation = .elu(alpha: 0.25)
        expected.residual = true
        expected.seed = 7
        expected.logicalShards = 16
        expected.products = .openBLAS
        #expect(configuration == expected)
        // The same kind once more keeps the numbers that it has.
        try configuration.apply(["activation": "elu", "lr-schedule": "step"])
        #expect(configuration == expected)
    }

    @Test func `A setting that belongs to another value of another one is refused where it is given`() throws
    {
        for (words, message) in [
            (
                ["activation": "relu", "elu-alpha": "2"],
                "--elu-alpha: expected --activation elu with it, found --activation relu"
            ),
            (
                ["lr-step-epochs": "2"],
                "--lr-step-epochs: expected --lr-schedule step with it, found --lr-schedule constant"
            ),
            (
                ["residual-width": "8"],
                "--residual-width: expected --residual with it, found --no-residual"
            ),
            (
                ["l1": "0.1", "optimizer": "lion"],
                "--l1: expected --optimizer sgd or adamw with it, found --optimizer lion"
            ),
            (
                ["input-l1": "0.1"],
                "--input-l1: expected --optimizer adamw with it, found --optimizer sgd"
            ),
            (
                ["augment": "flip", "crop-padding": "2"],
                "--crop-padding: expected --augment crop with it, found --augment flip"
            ),
            (
                ["augment": "flip,crop", "deform-probability": "0.5"],
                "--deform-probability: expected --augment rotate or zoom with it, found --augment flip,crop"
            ),
            (["lr": "fast"], "--lr: expected a number, found fast"),
            (["batch-norm": "yes"], "--batch-norm: expected none, sync or local, found yes"),
        ] {
            var configuration = TrainingConfiguration()
            let error = #expect(throws: ConfigurationError.self) { try configuration.apply(words) }
            #expect(error?.description == message)
        }
    }

    @Test func `OpenBLAS multiplies in Float alone, and only where no bits are promised`() throws {
        var configuration = TrainingConfiguration()
        configuration.products = .openBLAS
        let strategy = #expect(throws: ConfigurationError.self) { try configuration.validate() }
        #expect(strategy?.found == "--strategy factor-exchange")
        configuration.strategy = .allreduce
        try configuration.validate()
        configuration.matmulPrecision = .high
        let precision = #expect(throws: ConfigurationError.self) { try configuration.validate() }
        #expect(precision?.found == "--matmul-precision high")
        configuration.matmulPrecision = nil
        try configuration.settle(worldSize: 1)
        #expect(configuration.matmulPrecision == .highest)
        #expect(
            configuration.productsLine
                == "precision highest, Float by OpenBLAS, which promises nothing about its bits")
    }

    @Test func `The header tells the model, and every other setting that is not the default`() {
        var configuration = TrainingConfiguration()
        configuration.logicalShards = 8
        configuration.matmulPrecision = .high
        configuration.learningRateRanks = 4
        #expect(configuration.modelLine == "3072 → 128 → 10, ELU(1)")
        #expect(configuration.settingsLine == nil)
        #expect(
            Self.other.modelLine
                == "3072 → 256 → 128 → 10, ELU(0.5), batch norm (local), residual, branches of width 24")
        #expect(
            Self.other.settingsLine
                == "--init lecun, --zero-output, --init-window 4, --epochs 7, --lr 0.2, --momentum 0.9, --nesterov,"
                + " --weight-decay 0.0001, --weight-decay-on weights, --l1 1e-05, --lr-schedule step,"
                + " --lr-step-epochs 2, --lr-step-factor 0.5, --warmup-epochs 1.5, --lr-scaling linear (3 ranks),"
                + " --seed 18446744073709551615, --shuffle global, --augment rotate,crop,cutout,zoom,"
                + " --crop-padding 2, --rotation 30, --zoom 0.25, --deform-probability 0.5, --cutout-size 12,"
                + " --mixup 0.3, --mixup-shares pair, --clean-epochs 2")
        configuration.hiddenDimensions = []
        #expect(configuration.modelLine == "3072 → 10, logistic regression")
    }

    @Test func `Differences are named in the words of the command line, with both values`() {
        var settled = TrainingConfiguration()
        settled.logicalShards = 8
        #expect(
            Self.other.allDifferences(from: settled).map(\.description) == [
                "--hidden-dims 128 → 256,128", "--elu-alpha 1 → 0.5", "--batch-norm none → local",
                "--no-residual → --residual", "--residual-width none → 24", "--init kaiming → lecun",
                "--no-zero-output → --zero-output", "--init-window none → 4", "--epochs 10 → 7",
                "--batch-size 128 → 64", "--lr 0.1 → 0.2",
                "--momentum 0 → 0.9", "--no-nesterov → --nesterov", "--weight-decay 0 → 0.0001",
                "--weight-decay-on all → weights", "--l1 0 → 1e-05", "--lr-schedule constant → step",
                "--lr-step-epochs none → 2",
                "--lr-step-factor none → 0.5",
                "--warmup-epochs 0 → 1.5", "--lr-scaling none → linear (3 ranks)",
                "--lr-reference-batch none → the rate follows the ranks",
                "--seed 42 → 18446744073709551615", "--validation-size 5000 → 100", "--logical-shards 8 → 16",
                "--shuffle shards → global", "--augment \"\" → rotate,crop,cutout,zoom",
                "--crop-padding none → 2", "--rotation none → 30", "--zoom none → 0.25",
                "--deform-probability none → 0.5", "--cutout-size none → 12", "--mixup 0 → 0.3",
                "--mixup-shares part → pair", "--clean-epochs 0 → 2",
                "--strategy factor-exchange → allreduce",
                "--products own → openblas",
            ])
    }

    @Test(
        arguments: [
            // A batch of 128 of the default network takes 0.3 MB each way as factors, its gradient 1.6 MB.
            ([128], 128, 2, 2, .factorExchange), ([128], 4096, 2, 2, .allreduce),
            ([128], 4096, 2, 1, .factorExchange), ([128], 4096, 4, 2, .allreduce),
            ([2048, 2048], 128, 4, 4, .factorExchange), ([8], 128, 2, 2, .allreduce),
        ] as [([Int], Int, Int, Int, TrainingConfiguration.Strategy)])
    func `A strategy that is left open becomes what moves and computes less on the nodes at hand`(
        hidden: [Int], batch: Int, worldSize: Int, nodes: Int, expected: TrainingConfiguration.Strategy
    ) throws {
        var configuration = TrainingConfiguration()
        (configuration.hiddenDimensions, configuration.batchSize) = (hidden, batch)
        configuration.strategy = .auto
        try configuration.settle(worldSize: worldSize, nodes: nodes)
        #expect(configuration.strategy == expected)
        // What was asked for stays.
        for asked in [TrainingConfiguration.Strategy.factorExchange, .allreduce] {
            configuration.strategy = asked
            try configuration.settle(worldSize: worldSize, nodes: nodes)
            #expect(configuration.strategy == asked)
        }
    }

    @Test func `Only what changes the result counts for a resume`() {
        var (old, new) = (TrainingConfiguration(), TrainingConfiguration())
        new.epochs = 20
        new.strategy = .allreduce
        #expect(new.differences(from: old).isEmpty)
        new.strategy = old.strategy
        new.activation = .relu
        #expect(new.differences(from: old).map(\.description) == ["--activation elu → relu"])
        new.activation = old.activation
        old.schedule = .cosine
        new.schedule = .cosine
        #expect(new.differences(from: old).map(\.description) == ["--epochs 10 → 20"])
        // A clean phase is counted from the end.
        (old.schedule, new.schedule, old.cleanEpochs, new.cleanEpochs) = (.constant, .constant, 2, 2)
        #expect(new.differences(from: old).map(\.description) == ["--epochs 10 → 20"])
        (old.schedule, old.cleanEpochs, new.cleanEpochs) = (.cosine, 0, 0)
        new.epochs = 10
        #expect(new.differences(from: old).map(\.description) == ["--lr-schedule cosine → constant"])
    }

    @Test func `A value given for what followed from something else counts for a resume`() {
        var old = TrainingConfiguration()
        (old.residual, old.optimizerKind) = (true, .adamw)
        var new = old
        (new.residualWidth, new.beta2, new.splitSeed) = (8, 0.9, 7)
        #expect(
            new.differences(from: old).map(\.description) == [
                "--residual-width the layer's width → 8",
                "--beta2 0.999 for adamw, 0.99 for lion → 0.9", "--split-seed --seed → 7",
            ])
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
        Wrong("--l1") { $0.l1 = -0.1 },
        Wrong("--l1") { $0.l1 = .infinity },
        Wrong("--residual-width") { ($0.residual, $0.residualWidth) = (true, 0) },
        Wrong("--weight-decay") { $0.weightDecay = -0.1 },
        Wrong("--warmup-epochs") { $0.warmupEpochs = 11 },
        Wrong("--warmup-epochs") { $0.warmupEpochs = .nan },
        Wrong("--lr-step-epochs") { $0.schedule = .step(epochs: 0, factor: 0.1) },
        Wrong("--lr-step-factor") { $0.schedule = .step(epochs: 1, factor: 0) },
        Wrong("--validation-size") { $0.validationSize = -1 },
        Wrong("--products") { $0.products = .openBLAS },
        Wrong("--crop-padding") { $0.augmentationExtents.padding = 0 },
        Wrong("--crop-padding") { $0.augmentationExtents.padding = 2049 },
        Wrong("--crop-padding") { ($0.images, $0.augmentationExtents.padding) = (.cifar10, 17) },
        Wrong("--rotation") { $0.augmentationExtents.rotation = 0 },
        Wrong("--rotation") { $0.augmentationExtents.rotation = 181 },
        Wrong("--zoom") { $0.augmentationExtents.zoom = 1 },
        Wrong("--zoom") { $0.augmentationExtents.zoom = .nan },
        Wrong("--deform-probability") { $0.augmentationExtents.deformProbability = 1.5 },
        Wrong("--deform-probability") { $0.augmentationExtents.deformProbability = 0 },
        Wrong("--cutout-size") { ($0.augmentations, $0.augmentationExtents.cutoutSize) = ([.cutout], 0) },
        Wrong("--cutout-size") {
            ($0.images, $0.augmentations, $0.augmentationExtents.cutoutSize) = (.cifar10, [.cutout], 33)
        },
        Wrong("--mixup-shares") { $0.mixupShares = .pair },
        Wrong("--clean-epochs") { $0.cleanEpochs = -1 },
        Wrong("--clean-epochs") { $0.cleanEpochs = 11 },
        Wrong("--init-window") { $0.initialWindow = 0 },
        Wrong("--init-window") { $0.initialWindow = .infinity },
        Wrong("--init-window") { ($0.hiddenDimensions, $0.initialWindow) = ([], 4) },
        Wrong("--lr-scaling") { $0.learningRateRanks = 0 },
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

    @Test(arguments: [(100, 10), (1, 1), (130, 10)])
    func `Without a number of shards it divides the batch`(batch: Int, shards: Int) throws {
        var configuration = TrainingConfiguration()
        configuration.batchSize = batch
        try configuration.settle(worldSize: 1)
        #expect(configuration.logicalShards == shards)
        let error = #expect(throws: ConfigurationError.self) {
            try configuration.settle(worldSize: shards + 1)
        }
        #expect(error?.setting == "--logical-shards")
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
    func `Products are in integers on every CPU, where nothing was asked for and the batch allows it`() throws
    {
        var configuration = TrainingConfiguration()
        try configuration.settle(worldSize: 1)
        #expect(configuration.matmulPrecision == .high)
        #expect(configuration.productsLine == "precision high, pixels times 3 bytes, exact in integers")
        // A run that was begun otherwise goes on as it was.
        configuration.matmulPrecision = .highest
        try configuration.settle(worldSize: 1)
        #expect(configuration.matmulPrecision == .highest)
        #expect(configuration.productsLine == "precision highest, Float")

        configuration = TrainingConfiguration()
        configuration.batchSize = 65_544
        try configuration.settle(worldSize: 1)
        #expect(configuration.matmulPrecision == .highest)
        #expect(
            configuration.productsLine
                == "precision highest, Float, the only one for batches of more than 65536 images")
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

    @Test func `The learning rate follows the ranks or the batch, in proportion or by the square root`()
        throws
    {
        func rate(_ words: [String: String], ranks: Int) throws -> Double {
            var configuration = TrainingConfiguration()
            try configuration.apply(words)
            try configuration.validate()
            try configuration.settle(worldSize: ranks)
            return configuration.learningRateSchedule.baseRate
        }
        #expect(try rate(["lr-scaling": "sqrt"], ranks: 4) == 0.2)
        let large = ["batch-size": "4096", "lr-reference-batch": "512"]
        // The same on any number of ranks.
        for ranks in [1, 4] {
            #expect(
                try rate(large.merging(["lr-scaling": "linear"]) { $1 }, ranks: ranks) == 0.8)
            #expect(
                try rate(large.merging(["lr-scaling": "sqrt"]) { $1 }, ranks: ranks)
                    == 0.1 * (8.0).squareRoot())
        }
        #expect(
            try rate(["batch-size": "128", "lr-reference-batch": "512", "lr-scaling": "sqrt"], ranks: 1)
                == 0.05)
        let error = #expect(throws: ConfigurationError.self) { try rate(large, ranks: 1) }
        #expect(error?.setting == "--lr-reference-batch")
        #expect(throws: ConfigurationError.self) {
            try rate(["lr-scaling": "sqrt", "lr-reference-batch": "0"], ranks: 1)
        }
    }

    @Test func `The header tells by what the learning rate is multiplied`() throws {
        var configuration = TrainingConfiguration()
        try configuration.apply(["batch-size": "2048", "lr-scaling": "sqrt", "lr-reference-batch": "512"])
        #expect(
            configuration.settingsLine
                == "--lr-scaling sqrt (batch 2048 for 512: the rate times 2), --lr-reference-batch 512")
        // A run on other ranks is the same one, and its command needs none.
        configuration.learningRateRanks = 4
        #expect(configuration.command(worldSize: 4).hasPrefix("dp-train "))
        configuration.learningRateReferenceBatch = nil
        #expect(configuration.settingsLine == "--lr-scaling sqrt (4 ranks)")
        #expect(configuration.command(worldSize: 4).hasPrefix("mpirun -np 4 dp-train "))
    }
}
