public import Tensors

/// The reducer of a batch whose parts are all in this pass.
public struct LocalBatch<Scalar: TensorScalar>: BatchReducer {
    /// Whether batch norm takes its statistics over all parts together.
    public let synchronizesBatchNorm: Bool

    /// A reducer for a batch that is all here.
    public init(synchronizesBatchNorm: Bool = true) {
        self.synchronizesBatchNorm = synchronizesBatchNorm
    }

    /// Merges the parts in the tree's order.
    public func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) -> Int {
        PartTree.mergeMoments(moments, rows: Array(repeating: partRows, count: moments.rows))
    }

    /// Sums the parts in the tree's order; where statistics are each part's own, the parts stay as they are.
    public func sumBatchNorm(_ sums: Matrix<Scalar>, gradient: Vector<Scalar>) {
        if synchronizesBatchNorm {
            PartTree.sum(sums)
            gradient.copy(from: sums[rows: 0..<1].vector)
        } else {
            sums.sumColumns(into: gradient)
        }
    }

    /// Computes ∂L/∂W and ∂L/∂b in one product over all rows.
    public func computeGradient(
        of module: Linear, x: BatchInput<Scalar>, isNetworkInput: Bool, dy: Matrix<Scalar>,
        gradients: Vector<Scalar>
    ) {
        module.computeGradient(x: x.numbers, dy: dy, gradients: gradients)
    }
}
