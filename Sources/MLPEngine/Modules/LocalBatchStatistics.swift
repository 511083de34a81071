public import Tensors

/// The reducer of a batch that is all here: statistics stay as they are.
public struct LocalBatchStatistics<Scalar: TensorScalar>: BatchStatisticsReducer {
    /// A reducer that does nothing.
    public init() {}

    /// Leaves the moments as they are and returns `rows`.
    public func mergeMoments(_ moments: Matrix<Scalar>, rows: Int) -> Int { rows }

    /// Leaves the sums as they are.
    public func sum(_ sums: Matrix<Scalar>) {}
}
