internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors

// How the values of settings are read that are more than a number, a switch or a list of them.

/// A value that is one of several kinds, some of which hold numbers.
private protocol ChosenValue: SettingValue {
    /// One of each kind, with the numbers that it has by default.
    static var kinds: [Self] { get }
}

extension ChosenValue {
    static var choices: [String] { kinds.map(\.word) }
    static var expectation: String { oneOf(choices) }
    init?(word: String) {
        guard let value = Self.kinds.first(where: { $0.word == word }) else { return nil }
        self = value
    }
}

extension Activation: ChosenValue {
    static let kinds: [Activation] = [.elu(alpha: 1), .relu, .tanh, .gelu]

    var word: String {
        switch self {
        case .elu: "elu"
        case .relu: "relu"
        case .tanh: "tanh"
        case .gelu: "gelu"
        }
    }
}

extension LearningRateSchedule.Shape: ChosenValue {
    static let kinds: [LearningRateSchedule.Shape] = [.constant, .step(epochs: 3, factor: 0.1), .cosine]

    var word: String {
        switch self {
        case .constant: "constant"
        case .step: "step"
        case .cosine: "cosine"
        }
    }
}

extension WeightAveraging: SettingValue {
    static var expectation: String { "none, ema:DECAY as in ema:0.999, or swa:EPOCH as in swa:10" }
    init?(word: String) { self.init(rawValue: word) }
    var word: String { rawValue }
}

extension BatchNormMode: SettingValue {}
extension Shuffle: SettingValue {}
extension Augmentation: SettingValue {}
extension InitialWeights: SettingValue {}
extension DecayScope: SettingValue {}
extension TrainingConfiguration.MixupShares: SettingValue {}
extension TrainingConfiguration.OptimizerKind: SettingValue {}
extension MatmulPrecision: SettingValue {}
extension TrainingConfiguration.Strategy: SettingValue {}
extension TrainingConfiguration.Products: SettingValue {}
extension TrainingConfiguration.LearningRateScaling: SettingValue {}
extension TrainingConfiguration.WhiteningMethod: SettingValue {}

extension ImageFormat: SettingValue {
    static var expectation: String { "a data set's format" }
    /// The data set tells it, not a word.
    init?(word: String) { nil }
    var word: String { name }
}
