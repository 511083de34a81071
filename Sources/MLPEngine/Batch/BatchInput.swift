public import Tensors

/// What goes into a network: a batch X [S, inputs] of numbers, or of pixels that stand for numbers.
public enum BatchInput<Scalar: TensorScalar>: Sendable {
    /// X itself.
    case numbers(Matrix<Scalar>)
    /// X as bytes with an affine map; only a linear module can take it.
    case pixels(PixelMatrix<Scalar>)

    /// The number of samples S.
    public var rows: Int {
        switch self {
        case .numbers(let x): x.rows
        case .pixels(let x): x.rows
        }
    }

    /// The number of inputs.
    public var columns: Int {
        switch self {
        case .numbers(let x): x.columns
        case .pixels(let x): x.columns
        }
    }

    /// The samples in `range`.
    public subscript(rows range: Range<Int>) -> BatchInput {
        switch self {
        case .numbers(let x): .numbers(x[rows: range])
        case .pixels(let x): .pixels(x[rows: range])
        }
    }

    /// X as numbers.
    var numbers: Matrix<Scalar> {
        guard case .numbers(let x) = self else {
            preconditionFailure("only a linear module can take pixels")
        }
        return x
    }
}
