public import DataParallel
public import Datasets
public import MLPEngine
public import Tensors
internal import Whitening

/// What defines a run: everything that its result depends on.
///
/// A new setting is a property here and an entry of ``settings``. Configurations that were stored before it was there mean
/// its default.
public struct TrainingConfiguration: Configurable, Sendable, Hashable {
    /// How the ranks come to one update, and with it what is promised about the bits of the result.
    public enum Strategy: String, Codable, Sendable, CaseIterable {
        /// The ranks share the factors of the weight gradients: the same bits on any number of ranks and threads.
        case factorExchange = "factor-exchange"
        /// The nodes' gradients are summed as integers: the same bits on any number of ranks and threads, too, which are
        /// those of `factorExchange` up to rounding.
        case allreduce
        /// Whichever of the two moves less and computes less on the hosts at hand; settled when a run begins, and then as
        /// if it had been asked for.
        case auto
    }

    /// What computes matrix products.
    public enum Products: String, Codable, Sendable, CaseIterable {
        /// The kernels of this program, which promise the order of every sum.
        case own
        /// OpenBLAS, in Float: the usual way, to compare with, and for CPUs that have no kernels of their own here. Nothing
        /// is promised about its bits.
        case openBLAS = "openblas"
    }

    /// Whether images are made white: their pixels uncorrelated, as far as the training images go.
    public enum WhiteningMethod: String, Codable, Sendable, CaseIterable {
        /// They are not.
        case none
        /// By the symmetric map that does it.
        case zca
    }

    /// What has a share λ of its own where images are mixed.
    public enum MixupShares: String, Codable, Sendable, CaseIterable {
        /// A logical shard's part of a batch.
        case part
        /// Each pair of images.
        case pair
    }

    /// How the base learning rate follows the world size, or the global batch.
    public enum LearningRateScaling: String, Codable, Sendable, CaseIterable {
        /// It does not: the global batch is fixed, and so is the rate.
        case none
        /// It is multiplied by the world size at the run's beginning, for runs whose global batch grows with it; or, with a
        /// reference batch, by the global batch over that.
        ///
        /// Source: Goyal and others, "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017.
        case linear
        /// It is multiplied by the square root of the same: the rule for AdamW, whose step does not grow with the gradient.
        ///
        /// Sources: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014; Malladi and others,
        /// "On the SDEs and scaling rules for adaptive gradient algorithms", NeurIPS 2022.
        case sqrt
    }

    /// The widths of the hidden layers; empty for multinomial logistic regression.
    public var hiddenDimensions: [Int] = [128]
    /// What follows each hidden linear module.
    public var activation: Activation = .elu(alpha: 1)
    /// Whether there is batch norm, and over what it takes its statistics.
    public var batchNorm: BatchNormMode = .none
    /// Whether a residual block follows each hidden layer.
    public var residual = false
    /// The width of a residual branch between its two linear layers; nil for that of the hidden layer.
    public var residualWidth: Int?
    /// The number of passes over the training records.
    public var epochs = 10
    /// Rows of a global batch, on all ranks together.
    public var batchSize = 128
    /// The base learning rate.
    public var learningRate = 0.1
    /// SGD's momentum.
    public var momentum = 0.0
    /// Whether momentum looks ahead.
    public var nesterov = false
    /// The weight decay.
    public var weightDecay = 0.0
    /// SGD's or AdamW's L1 regularisation, λ₁.
    public var l1 = 0.0
    /// AdamW's λ₁ for the first layer's weights; nil for that of the others.
    public var inputL1: Double?
    /// How the learning rate runs after the warm-up.
    public var schedule: LearningRateSchedule.Shape = .constant
    /// Epochs of linear warm-up.
    public var warmupEpochs = 0.0
    /// How the base learning rate follows the world size, or the global batch.
    public var learningRateScaling: LearningRateScaling = .none
    /// The ranks that the learning rate was scaled by; nil until the world size is known.
    public var learningRateRanks: Int?
    /// The global batch for which the base learning rate is meant, where it follows the batch instead of the ranks.
    public var learningRateReferenceBatch: Int?
    /// What all random numbers are keyed by.
    public var seed: UInt64 = 42
    /// Training records set apart for validation.
    public var validationSize = 5000
    /// What the choice of these is keyed by; nil for the seed.
    public var splitSeed: UInt64?
    /// The number of logical shards V; nil until the world size is known.
    public var logicalShards: Int?
    /// How the training records are dealt to batches in each epoch.
    public var shuffle = Shuffle.shards
    /// How the ranks come to one update.
    public var strategy = Strategy.factorExchange
    /// How exact matrix products are; nil until it is known what the CPUs of all ranks have.
    public var matmulPrecision: MatmulPrecision?
    /// What computes matrix products.
    public var products = Products.own
    /// Whether layer norm stands behind each hidden linear layer.
    public var layerNorm = false
    /// The probability that an output of a hidden layer is taken away in a training step.
    public var dropout = 0.0
    /// The same for a pixel.
    public var inputDropout = 0.0
    /// The rule by which parameters follow their gradients.
    public var optimizerKind = OptimizerKind.sgd
    /// AdamW's and Lion's β₁.
    public var beta1 = 0.9
    /// AdamW's and Lion's β₂; nil for what is usual with the optimizer.
    public var beta2: Double?
    /// AdamW's ε.
    public var epsilon = 1e-8
    /// Whether images are made white before anything else.
    public var whitening = WhiteningMethod.none
    /// What is added to each variance then, in standardised pixels.
    public var whiteningEpsilon = 0.1
    /// Random changes to the training images.
    public var augmentations: [Augmentation] = []
    /// Whether a mean of the weights is kept, validated and tested.
    public var averaging = WeightAveraging.none
    /// ε, the share of a label's probability that all classes get alike.
    public var labelSmoothing = 0.0
    /// α of the Beta distribution by which pairs of images are mixed; 0 mixes none.
    public var mixup = 0.0
    /// What has a share of its own in mixed images.
    public var mixupShares = MixupShares.part
    /// How far random changes to the images go.
    public var augmentationExtents = AugmentationExtents()
    /// The number of last epochs in which images are neither mixed, deformed nor cut.
    public var cleanEpochs = 0
    /// By what rule weights begin.
    public var initialWeights = InitialWeights.kaiming
    /// Whether the weights of the last layer begin as 0.
    public var zeroOutput = false
    /// σ of the windows in which the first layer's units begin, in pixels; nil for none.
    public var initialWindow: Double?
    /// What weight decay applies to.
    public var decayScope = DecayScope.all

    /// The name of the recipe by which its settings were chosen, for the record; what counts is the settings.
    public var recipe: String?

    /// What the images are; nil until the data set is open, and in runs of earlier programs, which knew CIFAR-10 alone.
    public var images: ImageFormat?

    /// The defaults: one hidden layer of 128, 10 epochs.
    public init() {}

    /// The same.
    public static var defaults: TrainingConfiguration { TrainingConfiguration() }

    // MARK: What follows

    /// What the images of the data set are.
    public var dataFormat: ImageFormat { images ?? .cifar10 }

    /// What the images are that the network reads.
    public var format: ImageFormat { whitening == .none ? dataFormat : dataFormat.whitened }

    /// The model.
    public var model: MLPConfiguration {
        MLPConfiguration(
            inputs: format.imageBytes, hiddenDimensions: hiddenDimensions, classes: format.classCount,
            activation: activation, batchNorm: batchNorm != .none, layerNorm: layerNorm, residual: residual,
            residualWidth: residualWidth, dropout: dropout, inputDropout: inputDropout,
            initialWeights: initialWeights, zeroOutput: zeroOutput,
            initialWindow: initialWindow.map {
                GaussianWindow(
                    sigma: $0, channels: format.channels, height: format.height, width: format.width)
            })
    }

    /// The epoch, from 0, from which on images are cropped and flipped at most.
    var firstCleanEpoch: Int { cleanEpochs == 0 ? .max : epochs - cleanEpochs }

    /// The bytes of a number in the first layer's products with pixels; nil for Float products.
    package var slices: Int? { matmulPrecision?.slices }

    /// The optimizer.
    public var optimizer: any Optimizer {
        switch optimizerKind {
        case .sgd:
            SGD(
                momentum: momentum, nesterov: nesterov, weightDecay: weightDecay, decayScope: decayScope,
                l1: l1)
        case .adamw:
            AdamW(
                beta1: beta1, beta2: beta2 ?? 0.999, epsilon: epsilon, weightDecay: weightDecay,
                decayScope: decayScope, l1: l1, inputL1: inputL1 ?? l1)
        case .lion:
            Lion(beta1: beta1, beta2: beta2 ?? 0.99, weightDecay: weightDecay, decayScope: decayScope)
        }
    }

    /// Which optimizer.
    public enum OptimizerKind: String, Codable, Sendable, CaseIterable {
        /// Stochastic gradient descent, with momentum where asked for.
        case sgd
        /// Adam with decoupled weight decay.
        case adamw
        /// The sign of a mean of gradients, with decoupled weight decay.
        case lion
    }

    /// What the base learning rate is multiplied by, as it follows the ranks or the global batch.
    var learningRateFactor: Double {
        let growth =
            learningRateReferenceBatch.map { Double(batchSize) / Double($0) }
            ?? Double(learningRateRanks ?? 1)
        return switch learningRateScaling {
        case .none: 1
        case .linear: growth
        case .sqrt: growth.squareRoot()
        }
    }

    /// The learning rate of each step.
    public var learningRateSchedule: LearningRateSchedule {
        LearningRateSchedule(
            baseRate: learningRate * learningRateFactor, shape: schedule, warmupEpochs: warmupEpochs,
            epochs: epochs)
    }
}

// MARK: - config.json and the checkpoints' metadata

extension TrainingConfiguration: Codable {
    /// What stored configurations have had from the beginning: what lacks one of these is none.
    private static let firstKeys: Set = [
        "activation", "batchNorm", "batchSize", "epochs", "hiddenDimensions", "learningRate",
        "learningRateScaling", "momentum", "nesterov", "residual", "schedule", "seed", "strategy",
        "validationSize", "warmupEpochs", "weightDecay",
    ]

    /// Reads a stored configuration, of this program or an older one.
    public init(from decoder: any Decoder) throws {
        self.init()
        let container = try decoder.container(keyedBy: SettingKey.self)
        for setting in Self.settings {
            guard setting.isStored(in: container) || !setting.isRecorded(as: Self.firstKeys) else {
                throw DecodingError.keyNotFound(
                    SettingKey(setting.flag),
                    .init(codingPath: decoder.codingPath, debugDescription: "no \(setting.flag)"))
            }
            try setting.decode(&self, from: container)
        }
    }

    /// Stores every setting that has a value.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: SettingKey.self)
        for setting in Self.settings { try setting.encode(self, into: &container) }
    }
}
