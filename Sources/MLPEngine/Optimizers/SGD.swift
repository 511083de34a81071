public import Tensors

/// Stochastic gradient descent with momentum and weight decay, as PyTorch's `torch.optim.SGD` without dampening, and L1
/// regularisation: d = g + λ p + λ₁ sign(p), with sign(0) = 0; with momentum μ: v ← μ v + d and d ← v, or d ← d + μ v with Nesterov's; p ← p − η d.
public struct SGD: Optimizer, Codable, Sendable, Hashable {
    /// μ, in 0..<1.
    public var momentum: Double
    /// Whether the step looks ahead along the velocity; only with momentum.
    public var nesterov: Bool
    /// λ, at least 0.
    public var weightDecay: Double
    /// What λ applies to.
    public var decayScope: DecayScope
    /// λ₁, at least 0; it applies to every parameter.
    public var l1: Double

    /// An optimizer; the defaults are plain gradient descent.
    public init(
        momentum: Double = 0, nesterov: Bool = false, weightDecay: Double = 0, decayScope: DecayScope = .all,
        l1: Double = 0
    ) {
        self.momentum = momentum
        self.nesterov = nesterov
        (self.weightDecay, self.decayScope) = (weightDecay, decayScope)
        self.l1 = l1
    }

    /// `velocity`, with momentum.
    public var stateNames: [String] { momentum == 0 ? [] : ["velocity"] }

    /// Takes a step: one pass over parameters, gradients and velocities.
    public func update<Scalar: TensorScalar>(
        _ slice: ParameterSlice<Scalar>, learningRate: Double, step: Int
    ) {
        Scalar.sgd(
            slice.rows, slice.columns, Scalar(learningRate), Scalar(momentum), nesterov,
            Scalar(slice.decay(weightDecay, of: decayScope)), l1: Scalar(l1), slice.gradients,
            slice.gradientStride, momentum == 0 ? nil : slice.state(0),
            slice.parameters,
            slice.stride)
    }
}
