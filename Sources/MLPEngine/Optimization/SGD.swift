public import Tensors

/// Stochastic gradient descent with momentum and weight decay, as PyTorch's `torch.optim.SGD` without dampening:
/// d = g + λ p; with momentum μ: v ← μ v + d and d ← v, or d ← d + μ v with Nesterov's; p ← p − η d.
public struct SGD: Codable, Sendable, Hashable {
    /// μ, in 0..<1.
    public var momentum: Double
    /// Whether the step looks ahead along the velocity; only with momentum.
    public var nesterov: Bool
    /// λ, at least 0; it applies to every parameter.
    public var weightDecay: Double

    /// An optimiser; the defaults are plain gradient descent.
    public init(momentum: Double = 0, nesterov: Bool = false, weightDecay: Double = 0) {
        self.momentum = momentum
        self.nesterov = nesterov
        self.weightDecay = weightDecay
    }

    /// Whether a step needs a velocity for each parameter.
    public var hasVelocity: Bool { momentum != 0 }

    /// Takes one step in place.
    ///
    /// - Parameters:
    ///   - parameters: p.
    ///   - gradients: g, of the same count.
    ///   - velocity: v, of the same count and 0 before the first step; nil when there is no momentum.
    ///   - learningRate: η.
    public func step<Scalar: TensorScalar>(
        parameters: Vector<Scalar>, gradients: Vector<Scalar>, velocity: Vector<Scalar>?, learningRate: Double
    ) {
        precondition(parameters.count == gradients.count, "a gradient for each parameter")
        ParameterUpdate(self, parameters: parameters, velocity: velocity, learningRate: learningRate)
            .apply(to: 0..<parameters.count, gradients: gradients)
    }
}
