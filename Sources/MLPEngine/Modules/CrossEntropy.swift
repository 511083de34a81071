internal import Foundation
public import Tensors

/// The mean cross-entropy between targets T and predicted probabilities Y, both [S, K]:
/// L = −(1/S) Σ T ∘ ln Y.
///
/// Training uses ``SoftmaxCrossEntropy``, which is faster and does not lose small probabilities; this module is
/// the textbook's, to be put behind a ``Softmax``.
public struct CrossEntropy: Sendable, Hashable {
    /// A cross-entropy; it has no parameters.
    public init() {}

    /// Returns L = −(1/S) Σ T ∘ ln Y, summed in double precision.
    public func forward<Scalar: TensorScalar>(_ y: Matrix<Scalar>, _ targets: Targets<Scalar>) -> Double {
        precondition(targets.fits(rows: y.rows, classes: y.columns), "targets for [\(y.rows), \(y.columns)]")
        var sum = 0.0
        switch targets {
        case .labels(let labels):
            for row in 0..<y.rows { sum -= log(Double(y[row, Int(labels[row])])) }
        case .probabilities(let probabilities):
            for (target, predicted) in zip(probabilities.vector.buffer, y.vector.buffer) where target != 0 {
                sum -= Double(target) * log(Double(predicted))
            }
        }
        return sum / Double(y.rows)
    }

    /// Computes ∂L/∂Y = −(1/S) T ⊘ Y into `dy` [S, K].
    public func backward<Scalar: TensorScalar>(
        y: Matrix<Scalar>, _ targets: Targets<Scalar>, into dy: Matrix<Scalar>
    ) {
        precondition(targets.fits(rows: y.rows, classes: y.columns), "targets for [\(y.rows), \(y.columns)]")
        precondition(y.hasShape(of: dy), "a gradient has the shape of what it is for")
        let factor = -1 / Scalar(y.rows)
        switch targets {
        case .labels(let labels):
            dy.vector.fill(0)
            for row in 0..<y.rows {
                let label = Int(labels[row])
                dy[row, label] = factor / y[row, label]
            }
        case .probabilities(let probabilities):
            for index in 0..<y.count {
                let target = probabilities.vector[index]
                // As in the forward pass: a class that is no target counts for nothing, even at probability 0.
                dy.vector[index] = target == 0 ? 0 : factor * target / y.vector[index]
            }
        }
    }
}
