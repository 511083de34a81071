public import Tensors

/// Softmax and cross-entropy in one: from logits Z [S, K] the losses ln Σ_k e^{z_k} − Σ_k t_k z_k, and the gradient
/// factor · (softmax(Z) − T), both by log-sum-exp.
///
/// With factor 1/B the gradient is ∂L/∂Z of the mean over a global batch of B samples, of which these S may be
/// one rank's part: summing such gradients over all ranks gives the gradient of the whole batch, however
/// unequal the parts are.
public struct SoftmaxCrossEntropy: Sendable, Hashable {
    /// A softmax cross-entropy; it has no parameters.
    public init() {}

    /// Computes losses and gradient.
    ///
    /// - Parameters:
    ///   - logits: Z [S, K].
    ///   - targets: T, as labels or as rows of probabilities that sum to 1.
    ///   - factor: 1/B for the gradient of the mean over B samples.
    ///   - gradient: factor · (softmax(Z) − T) [S, K], overwritten; may be the logits' own memory.
    /// - Returns: The sum of the losses, which does not contain the factor, and the number of correct samples.
    public func evaluate<Scalar: TensorScalar>(
        _ logits: Matrix<Scalar>, _ targets: Targets<Scalar>, factor: Scalar, gradient: Matrix<Scalar>
    ) -> BatchLoss {
        precondition(
            targets.fits(rows: logits.rows, classes: logits.columns),
            "targets for [\(logits.rows), \(logits.columns)]")
        precondition(logits.hasShape(of: gradient), "a gradient has the shape of what it is for")
        var correct = 0
        let sum =
            switch targets {
            case .labels(let labels):
                Scalar.softmaxCrossEntropy(
                    logits.rows, logits.columns, logits.base, labels.base, factor, gradient.base, &correct)
            case .probabilities(let probabilities):
                Scalar.softmaxCrossEntropySoft(
                    logits.rows, logits.columns, logits.base, probabilities.base, factor, gradient.base,
                    &correct)
            }
        return BatchLoss(lossSum: sum, correct: correct, samples: logits.rows)
    }
}
