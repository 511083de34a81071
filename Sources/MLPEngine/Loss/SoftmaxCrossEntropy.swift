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

/// What the samples of a batch should be classified as.
public enum Targets<Scalar: TensorScalar>: Sendable {
    /// One class index per sample, in `0..<classes`.
    case labels(Vector<Int32>)
    /// One probability distribution over the classes per sample: T [S, K], rows that sum to 1.
    case probabilities(Matrix<Scalar>)

    /// The targets of the samples in `range`.
    public subscript(rows range: Range<Int>) -> Targets {
        switch self {
        case .labels(let labels): .labels(labels[range])
        case .probabilities(let targets): .probabilities(targets[rows: range])
        }
    }

    /// Whether there is a target for each of `rows` samples, and every target lies among `classes` classes.
    func fits(rows: Int, classes: Int) -> Bool {
        switch self {
        case .labels(let labels):
            labels.count == rows && labels.buffer.allSatisfy { $0 >= 0 && $0 < classes }
        case .probabilities(let targets):
            targets.rows == rows && targets.columns == classes
        }
    }
}
/// What a pass over some samples says of them.
public struct BatchLoss: Sendable, Hashable {
    /// The sum of the samples' losses, in nats.
    public var lossSum: Double
    /// The number of samples whose most probable class is the target's.
    public var correct: Int
    /// The number of samples.
    public var samples: Int

    /// The record of no samples.
    public static var zero: BatchLoss { BatchLoss(lossSum: 0, correct: 0, samples: 0) }

    /// A record of `samples` samples.
    public init(lossSum: Double, correct: Int, samples: Int) {
        self.lossSum = lossSum
        self.correct = correct
        self.samples = samples
    }

    /// The mean loss of a sample, in nats.
    public var meanLoss: Double { lossSum / Double(samples) }

    /// The share of samples that are classified correctly, in 0...1.
    public var accuracy: Double { Double(correct) / Double(samples) }

    /// Adds the samples of `other`.
    public static func += (sum: inout BatchLoss, other: BatchLoss) {
        sum.lossSum += other.lossSum
        sum.correct += other.correct
        sum.samples += other.samples
    }
}
