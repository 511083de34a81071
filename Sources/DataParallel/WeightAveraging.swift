public import Tensors

/// Whether a mean of the weights is kept beside the model, and over what it is taken. The model itself goes on training and
/// never sees it.
///
/// It is as its raw value says on the command line and in `config.json`: `none`, `ema:0.999` or `swa:10`.
///
/// Sources: Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992, of the mean over steps, whose
/// exponential form with this warm-up is that of TensorFlow's `ExponentialMovingAverage`; Izmailov, Podoprikhin, Garipov, Vetrov,
/// Wilson, "Averaging weights leads to wider optima and better generalization", UAI 2018, of the mean over epochs.
public enum WeightAveraging: RawRepresentable, Codable, Sendable, Hashable {
    /// None is kept.
    case none
    /// After each step a ← d a + (1 − d) w, with d = min(decay, (1 + t) / (10 + t)) after step t, from 1; before the first step
    /// a = w. Batch norm's running statistics are averaged with them.
    case ema(decay: Double)
    /// From this epoch on, counted from 1, the mean of the weights at the end of each epoch.
    case swa(epoch: Int)

    /// Reads it; nil for a text that is none.
    public init?(rawValue: String) {
        let parts = rawValue.split(separator: ":", omittingEmptySubsequences: false)
        switch (parts.first, parts.count) {
        case ("none", 1): self = .none
        case ("ema", 2):
            guard let decay = Double(parts[1]) else { return nil }
            self = .ema(decay: decay)
        case ("swa", 2):
            guard let epoch = Int(parts[1]) else { return nil }
            self = .swa(epoch: epoch)
        default: return nil
        }
    }

    /// The text that is read as it.
    public var rawValue: String {
        switch self {
        case .none: "none"
        case .ema(let decay): "ema:\(decay)"
        case .swa(let epoch): "swa:\(epoch)"
        }
    }

    /// Whether there is a mean after so many completed epochs.
    public func hasAverage(afterEpochs epochs: Int) -> Bool {
        switch self {
        case .none: false
        case .ema: true
        case .swa(let first): epochs >= first
        }
    }

    /// The share by which the mean moves towards the weights after a step, numbered from 1; nil for not at all.
    public func share(afterStep number: Int) -> Double? {
        guard case .ema(let decay) = self else { return nil }
        return 1 - min(decay, Double(1 + number) / Double(10 + number))
    }

    /// The share by which the mean moves towards the weights at the end of an epoch, numbered from 1; nil for not at all.
    public func share(afterEpoch number: Int) -> Double? {
        guard case .swa(let first) = self, number >= first else { return nil }
        return 1 / Double(number - first + 1)
    }
}

/// The mean of a model's weights, and batch norm's running statistics that belong to it.
public struct AveragedModel<Scalar: TensorScalar> {
    /// The flat parameters.
    public let parameters: Vector<Scalar>
    /// The flat running statistics.
    public let runningStatistics: Vector<Scalar>
}
