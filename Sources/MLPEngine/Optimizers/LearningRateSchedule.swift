internal import Tensors

/// The learning rate of each step: a base rate times a shape over the epochs, after a linear warm-up.
public struct LearningRateSchedule: Codable, Sendable, Hashable {
    /// How the rate runs after the warm-up.
    public enum Shape: Codable, Sendable, Hashable {
        /// The base rate throughout.
        case constant
        /// The base rate times `factor` once for every `epochs` epochs completed.
        case step(epochs: Int, factor: Double)
        /// From the base rate to 0 along half a cosine, η (1 + cos(π t)) / 2, t running from 0 at the end of the
        /// warm-up to 1 at the end of training.
        ///
        /// Source: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
        case cosine
    }

    /// η after the warm-up.
    public var baseRate: Double
    /// How the rate runs after the warm-up.
    public var shape: Shape
    /// Epochs over which the rate rises linearly from 1/n of the base rate at the first of n steps to all of it.
    ///
    /// Source: Goyal and others, "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017.
    public var warmupEpochs: Double
    /// All epochs of the training.
    public var epochs: Int

    /// A schedule.
    public init(baseRate: Double, shape: Shape = .constant, warmupEpochs: Double = 0, epochs: Int) {
        self.baseRate = baseRate
        self.shape = shape
        self.warmupEpochs = warmupEpochs
        self.epochs = epochs
    }

    /// Returns the learning rate of step `step`, counted from 0 over the whole training.
    ///
    /// - Parameters:
    ///   - step: The number of steps taken before.
    ///   - stepsPerEpoch: How many steps an epoch has.
    public func rate(atStep step: Int, stepsPerEpoch: Int) -> Double {
        let warmupSteps = (warmupEpochs * Double(stepsPerEpoch)).rounded()
        if Double(step) < warmupSteps { return baseRate * Double(step + 1) / warmupSteps }
        switch shape {
        case .constant:
            return baseRate
        case .step(let interval, let factor):
            return baseRate * PortableMath.power(factor, step / stepsPerEpoch / interval)
        case .cosine:
            let remaining = Double(epochs * stepsPerEpoch) - warmupSteps
            let halfTurns = (Double(step) - warmupSteps) / max(1, remaining)
            return baseRate * (1 + PortableMath.cosineAndSine(turns: halfTurns / 2).cosine) / 2
        }
    }
}
