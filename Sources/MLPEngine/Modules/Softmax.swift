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
