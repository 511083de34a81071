public import Tensors

/// The identity around a branch f: Y = X + f(X), so ∂L/∂X = ∂L/∂Y + the branch's own ∂L/∂X.
///
/// In an ``MLP`` the branch is linear, [batch norm,] activation, linear, and keeps the width.
///
/// Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016.
public struct Residual: Sendable, Hashable {
    /// A residual connection; its parameters are its branch's.
    public init() {}

    /// Turns `branch` from f(X) into Y = X + f(X).
    public func forward<Scalar: TensorScalar>(_ x: Matrix<Scalar>, branch: Matrix<Scalar>) {
        branch.add(x)
    }

    /// Turns `branchGradient` from the branch's ∂L/∂X into that of the whole, given ∂L/∂Y.
    public func backward<Scalar: TensorScalar>(dy: Matrix<Scalar>, branchGradient: Matrix<Scalar>) {
        branchGradient.add(dy)
    }
}
