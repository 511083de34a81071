public import DataParallel
internal import Datasets
public import MLPEngine
public import Tensors

/// What defines a run: everything that its result depends on.
public struct TrainingConfiguration: Codable, Sendable, Hashable {
    /// How the base learning rate follows the world size.
    public enum LearningRateScaling: String, Codable, Sendable, CaseIterable {
        /// It does not: the global batch is fixed, and so is the rate.
        case none
        /// It is multiplied by the world size at the run's beginning, for runs whose global batch grows with it.
        case linear
    }

    /// The widths of the hidden layers; empty for multinomial logistic regression.
    public var hiddenDimensions: [Int] = [128]
    /// What follows each hidden linear module.
    public var activation: Activation = .elu(alpha: 1)
    /// Whether there is batch norm, and over what it takes its statistics.
    public var batchNorm: BatchNormMode = .none
    /// Whether a residual block follows each hidden layer.
    public var residual = false
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
    /// How the learning rate runs after the warm-up.
    public var schedule: LearningRateSchedule.Shape = .constant
    /// Epochs of linear warm-up.
    public var warmupEpochs = 0.0
    /// How the base learning rate follows the world size.
    public var learningRateScaling: LearningRateScaling = .none
    /// What all random numbers are keyed by.
    public var seed: UInt64 = 42
    /// Training records set apart for validation.
    public var validationSize = 5000
    /// The number of logical shards V; nil until the world size is known.
    public var logicalShards: Int?
    /// What is promised about the bits of the result.
    public var arithmetic = Arithmetic.reproducible
    /// How exact matrix products are; nil until it is known what the CPUs of all ranks have.
    public var matmulPrecision: MatmulPrecision?
    /// The ranks that the learning rate was scaled by; nil until the world size is known.
    public var learningRateRanks: Int?

    /// The defaults: one hidden layer of 128, 10 epochs.
    public init() {}

    /// The model, for images of CIFAR-10's shape.
    public var model: MLPConfiguration {
        MLPConfiguration(
            inputs: CIFAR10.imageBytes, hiddenDimensions: hiddenDimensions, classes: CIFAR10.classCount,
            activation: activation, batchNorm: batchNorm != .none, residual: residual)
    }

    /// The bytes of a number in the first layer's products with pixels; nil for Float products.
    package var digits: Int? { matmulPrecision?.digits }

    /// The optimiser.
    public var optimizer: SGD { SGD(momentum: momentum, nesterov: nesterov, weightDecay: weightDecay) }

    /// The learning rate of each step.
    public var learningRateSchedule: LearningRateSchedule {
        let factor = learningRateScaling == .linear ? Double(learningRateRanks ?? 1) : 1
        return LearningRateSchedule(
            baseRate: learningRate * factor, shape: schedule, warmupEpochs: warmupEpochs, epochs: epochs)
    }
}
