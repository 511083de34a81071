import CommandLineSupport
import ArgumentParser
import DataParallel
import MLPEngine
import Tensors
import Training

/// The flags that decide a run's result. All are optional, so that what was given can be told from what was not: a
/// resumed run takes the rest from its checkpoint.
struct ConfigurationOptions: ParsableArguments {
    enum ActivationName: String, ExpressibleByArgument, CaseIterable {
        case elu, relu, tanh
    }

    enum ScheduleName: String, ExpressibleByArgument, CaseIterable {
        case constant, step, cosine
    }

    @Option(
        parsing: .unconditional,
        help:
            "Widths of the hidden layers, with commas between; \"\" for logistic regression. (default: 128)",
        transform: Values.widths)
    var hiddenDims: [Int]?

    @Option(help: "What follows each hidden layer: elu, relu or tanh. (default: elu)")
    var activation: ActivationName?

    @Option(parsing: .unconditional, help: "ELU's α. (default: 1)", transform: Values.number)
    var eluAlpha: Double?

    @Option(
        help:
            """
            Batch norm: none, sync (over the global batch) or local (over each logical shard; with --arithmetic fast \
            over each rank's rows). (default: none)
            """
    )
    var batchNorm: BatchNormMode?

    @Flag(inversion: .prefixedNo, help: "A residual block behind each hidden layer. (default: --no-residual)")
    var residual: Bool?

    @Option(
        parsing: .unconditional, help: "Passes over the training images. (default: 10)",
        transform: Values.wholeNumber)
    var epochs: Int?

    @Option(
        parsing: .unconditional, help: "Images of a global batch, on all ranks together. (default: 128)",
        transform: Values.wholeNumber)
    var batchSize: Int?

    @Option(parsing: .unconditional, help: "The base learning rate. (default: 0.1)", transform: Values.number)
    var lr: Double?

    @Option(
        parsing: .unconditional, help: "SGD's momentum, from 0 to below 1. (default: 0)",
        transform: Values.number)
    var momentum: Double?

    @Flag(inversion: .prefixedNo, help: "Nesterov's momentum. (default: --no-nesterov)")
    var nesterov: Bool?

    @Option(parsing: .unconditional, help: "Weight decay. (default: 0)", transform: Values.number)
    var weightDecay: Double?

    @Option(help: "The learning rate after the warm-up: constant, step or cosine. (default: constant)")
    var lrSchedule: ScheduleName?

    @Option(
        parsing: .unconditional, help: "Epochs between the drops of --lr-schedule step. (default: 3)",
        transform: Values.wholeNumber)
    var lrStepEpochs: Int?

    @Option(
        parsing: .unconditional, help: "The factor of each drop of --lr-schedule step. (default: 0.1)",
        transform: Values.number)
    var lrStepFactor: Double?

    @Option(
        parsing: .unconditional, help: "Epochs over which the learning rate rises to its base. (default: 0)",
        transform: Values.number)
    var warmupEpochs: Double?

    @Option(
        help:
            "Whether the base learning rate is multiplied by the number of ranks: none or linear. (default: none)"
    )
    var lrScaling: TrainingConfiguration.LearningRateScaling?

    @Option(
        parsing: .unconditional, help: "What all random numbers are keyed by. (default: 42)",
        transform: Values.seed)
    var seed: UInt64?

    @Option(
        parsing: .unconditional,
        help:
            "Training images set apart to choose the best model; 0 trains on all and tests the last. (default: 5000)",
        transform: Values.wholeNumber)
    var validationSize: Int?

    @Option(
        parsing: .unconditional,
        help:
            "Shards into which the training images are dealt, at least one per rank. (default: 8, or the next power of two ≥ ranks)",
        transform: Values.wholeNumber)
    var logicalShards: Int?

    @Option(
        help: """
            What is promised of the result's bits: reproducible (the same on any number of ranks) or fast (the last bits \
            depend on it). (default: reproducible)
            """)
    var arithmetic: Arithmetic?

    @Option(
        help: """
            How exact matrix products are: highest (Float), high (pixels times 3 bytes in integers, at least as exact) \
            or medium (2 bytes). (default: high where all CPUs have a unit for products of bytes, else highest)
            """)
    var matmulPrecision: MatmulPrecision?

    /// Overlays what was given.
    func apply(to configuration: inout TrainingConfiguration) throws {
        func set<Value>(_ path: WritableKeyPath<TrainingConfiguration, Value>, _ value: Value?) {
            if let value { configuration[keyPath: path] = value }
        }
        set(\.hiddenDimensions, hiddenDims)
        switch activation {
        case .elu: set(\.activation, .elu(alpha: eluAlpha ?? 1))
        case .relu: set(\.activation, .relu)
        case .tanh: set(\.activation, .tanh)
        case nil: break
        }
        if let eluAlpha {
            guard case .elu = configuration.activation else {
                throw ValidationError(
                    "--elu-alpha: expected --activation elu with it, found \(configuration.activation)")
            }
            configuration.activation = .elu(alpha: eluAlpha)
        }
        set(\.batchNorm, batchNorm)
        set(\.residual, residual)
        set(\.epochs, epochs)
        set(\.batchSize, batchSize)
        set(\.learningRate, lr)
        set(\.momentum, momentum)
        set(\.nesterov, nesterov)
        set(\.weightDecay, weightDecay)
        try applySchedule(to: &configuration)
        set(\.warmupEpochs, warmupEpochs)
        set(\.learningRateScaling, lrScaling)
        set(\.seed, seed)
        set(\.validationSize, validationSize)
        set(\.arithmetic, arithmetic)
        if let matmulPrecision { configuration.matmulPrecision = matmulPrecision }
        if let logicalShards { configuration.logicalShards = logicalShards }
    }

    private func applySchedule(to configuration: inout TrainingConfiguration) throws {
        switch lrSchedule {
        case .constant: configuration.schedule = .constant
        case .cosine: configuration.schedule = .cosine
        case .step: configuration.schedule = .step(epochs: 3, factor: 0.1)
        case nil: break
        }
        guard lrStepEpochs != nil || lrStepFactor != nil else { return }
        guard case .step(let epochs, let factor) = configuration.schedule else {
            throw ValidationError(
                "--lr-step-epochs and --lr-step-factor: expected --lr-schedule step with them")
        }
        configuration.schedule = .step(epochs: lrStepEpochs ?? epochs, factor: lrStepFactor ?? factor)
    }
}
