public import Tensors

/// Adam with decoupled weight decay, as PyTorch's `torch.optim.AdamW`: p ← p − η λ p, m ← β₁ m + (1 − β₁) g,
/// v ← β₂ v + (1 − β₂) g², p ← p − η m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) at step t, from 1.
///
/// Source: Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019.
public struct AdamW: Optimizer, Hashable {
    /// β₁, in 0..<1.
    public var beta1: Double
    /// β₂, in 0..<1.
    public var beta2: Double
    /// ε > 0.
    public var epsilon: Double
    /// λ, at least 0.
    public var weightDecay: Double
    /// What λ applies to.
    public var decayScope: DecayScope

    /// An optimizer; the defaults are Adam.
    public init(
        beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0,
        decayScope: DecayScope = .all
    ) {
        (self.beta1, self.beta2) = (beta1, beta2)
        (self.epsilon, self.weightDecay, self.decayScope) = (epsilon, weightDecay, decayScope)
    }

    /// m and v, by PyTorch's names.
    public var stateNames: [String] { ["exp_avg", "exp_avg_sq"] }

    /// Takes a step.
    public func update<Scalar: TensorScalar>(
        _ slice: ParameterSlice<Scalar>, learningRate: Double, step: Int
    ) {
        Scalar.adamW(
            slice.rows, slice.columns, rate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
            weightDecay: slice.decay(weightDecay, of: decayScope),
            correction1: 1 - PortableMath.power(beta1, step),
            correction2: 1 - PortableMath.power(beta2, step), slice.gradients, slice.gradientStride,
            m: slice.state(0),
            v: slice.state(1), slice.parameters, slice.stride)
    }
}
