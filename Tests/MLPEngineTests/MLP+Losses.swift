import MLPEngine
import Tensors

extension MLP {
    /// Computes gradients and returns the losses of all parts together.
    func computeGradients<Reducer: BatchReducer>(
        _ x: Matrix<Reducer.Scalar>, targets: Targets<Reducer.Scalar>, globalBatch: Int,
        parameters: Vector<Reducer.Scalar>, gradients: Vector<Reducer.Scalar>,
        batchStatistics: Matrix<Reducer.Scalar>, workspace: borrowing Workspace<Reducer.Scalar>,
        reducer: Reducer
    ) throws -> BatchLoss {
        var losses = Array(repeating: BatchLoss.zero, count: workspace.parts)
        try computeGradients(
            .numbers(x), targets: targets, globalBatch: globalBatch, parameters: parameters,
            gradients: gradients, batchStatistics: batchStatistics, losses: &losses, workspace: workspace,
            reducer: reducer)
        return losses.reduce(into: .zero) { $0 += $1 }
    }
}
