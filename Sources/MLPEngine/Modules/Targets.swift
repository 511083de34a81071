public import Tensors

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
