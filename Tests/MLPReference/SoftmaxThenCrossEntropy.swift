internal import Foundation
public import MLPEngine
public import Tensors

/// The softmax of each row: y_j = e^{x_j} / Σ_k e^{x_k}, computed from x − max(x) so that nothing overflows.
public struct Softmax: Sendable, Hashable {
    /// A softmax; it has no parameters.
    public init() {}

    /// Computes Y = softmax(X) row by row; `x` and `y` have one shape and may be the same memory.
    public func forward<Scalar: TensorScalar>(_ x: Matrix<Scalar>, into y: Matrix<Scalar>) {
        precondition(x.hasShape(of: y) && x.columns >= 1, "softmax keeps the shape and needs a column")
        Scalar.softmax(x.rows, x.columns, x.base, y.base)
    }

    /// Turns `gradient` from ∂L/∂Y into ∂L/∂X = Y ∘ (∂L/∂Y − (∂L/∂Y ∘ Y) 1 1ᵀ), from the output `y`.
    public func backward<Scalar: TensorScalar>(y: Matrix<Scalar>, gradient: Matrix<Scalar>) {
        precondition(y.hasShape(of: gradient), "softmax keeps the shape")
        Scalar.softmaxBackward(y.rows, y.columns, y.base, gradient.base)
    }
}

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
        precondition(fits(targets, y), "targets for [\(y.rows), \(y.columns)]")
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
        precondition(fits(targets, y), "targets for [\(y.rows), \(y.columns)]")
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

private func fits<Scalar: TensorScalar>(_ targets: Targets<Scalar>, _ y: Matrix<Scalar>) -> Bool {
    switch targets {
    case .labels(let labels): labels.count == y.rows
    case .probabilities(let targets): targets.hasShape(of: y)
    }
}
