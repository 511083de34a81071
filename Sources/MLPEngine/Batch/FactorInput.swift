public import Tensors

/// The right factor X [B, M] of a weight gradient (∂L/∂Y)ᵀ X, over all rows of a batch.
public enum FactorInput<Scalar: TensorScalar>: Sendable {
    /// Numbers, some columns of a wider matrix.
    case numbers(StridedMatrix<Scalar>)
    /// Pixels that stand for numbers.
    case pixels(PixelMatrix<Scalar>)

    /// The same batch as a factor.
    public init(_ input: BatchInput<Scalar>) {
        switch input {
        case .numbers(let x): self = .numbers(StridedMatrix(x))
        case .pixels(let x): self = .pixels(x)
        }
    }
}
