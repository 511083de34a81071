public import Tensors

/// Brings batch norm's per-column statistics together over all parts of a global batch.
///
/// The engine knows no ranks: whoever spreads a batch over several of them hands the modules a reducer.
public protocol BatchStatisticsReducer<Scalar> {
    /// What the network computes with.
    associatedtype Scalar: TensorScalar

    /// Replaces the statistics of this part by those of the whole batch, in the forward pass.
    ///
    /// - Parameters:
    ///   - moments: [2, N]: each column's mean, and sum of squared deviations from it.
    ///   - rows: The number of rows they were taken over.
    /// - Returns: The number of rows of the whole batch.
    func mergeMoments(_ moments: Matrix<Scalar>, rows: Int) throws -> Int

    /// Replaces the sums [2, N] over this part by the sums over the whole batch, in the backward pass.
    func sum(_ sums: Matrix<Scalar>) throws
}
