public import Tensors

/// Lion, evolved sign momentum: p ← p − η (sign(β₁ m + (1 − β₁) g) + λ p), then m ← β₂ m + (1 − β₂) g.
///
/// Source: Chen and others, "Symbolic discovery of optimization algorithms", NeurIPS 2023.
public struct Lion: Optimizer, Hashable {
    /// β₁, in 0..<1.
    public var beta1: Double
    /// β₂, in 0..<1.
    public var beta2: Double
    /// λ, at least 0.
    public var weightDecay: Double
    /// What λ applies to.
    public var decayScope: DecayScope

    /// An optimizer with the paper's defaults.
    public init(
        beta1: Double = 0.9, beta2: Double = 0.99, weightDecay: Double = 0, decayScope: DecayScope = .all
    ) {
        (self.beta1, self.beta2) = (beta1, beta2)
        (self.weightDecay, self.decayScope) = (weightDecay, decayScope)
    }

    /// m.
    public var stateNames: [String] { ["exp_avg"] }

    /// Takes a step.
    public func update<Scalar: TensorScalar>(
        _ slice: ParameterSlice<Scalar>, learningRate: Double, step: Int
    ) {
        Scalar.lion(
            slice.rows, slice.columns, rate: learningRate, beta1: beta1, beta2: beta2,
            weightDecay: slice.decay(weightDecay, of: decayScope), slice.gradients, slice.gradientStride,
            m: slice.state(0),
            slice.parameters, slice.stride)
    }
}
