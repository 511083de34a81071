public import Tensors

/// Brings together what must be known of a whole batch, where a pass sees only some of its rows.
///
/// A pass over S rows divides them into P *parts* of S / P rows each. Whatever is summed over rows is first summed
/// over the rows of each part; a reducer combines the parts, those of this pass and, if the batch is spread over
/// ranks, those of all others. The engine knows no ranks. With a reducer that spans several ranks every rank
/// must make the same passes.
public protocol BatchReducer<Scalar> {
    /// What the network computes with.
    associatedtype Scalar: TensorScalar

    /// Whether batch norm takes its statistics over the whole batch rather than over each part.
    var synchronizesBatchNorm: Bool { get }

    /// Computes a linear module's Y = X Wᵀ + 1 bᵀ.
    ///
    /// - Parameters:
    ///   - module: The module.
    ///   - x: X [S, M].
    ///   - parameters: The flat parameters.
    ///   - y: Y [S, N], to be written.
    func forward(
        _ module: Linear, _ x: BatchInput<Scalar>, parameters: Vector<Scalar>, into y: Matrix<Scalar>)

    /// Computes a linear module's ∂L/∂X = ∂L/∂Y W; never asked for the first module of a network in training.
    ///
    /// - Parameters:
    ///   - module: The module.
    ///   - dy: ∂L/∂Y [S, N].
    ///   - parameters: The flat parameters.
    ///   - dx: ∂L/∂X [S, M], to be written.
    func inputGradient(
        of module: Linear, dy: Matrix<Scalar>, parameters: Vector<Scalar>, into dx: Matrix<Scalar>)

    /// Combines batch norm's moments.
    ///
    /// - Parameters:
    ///   - moments: [P, 2 N]: for each part each column's mean, then each column's sum of squared deviations from
    ///     it. The first row becomes that of the whole batch.
    ///   - partRows: The number of rows of each part.
    /// - Returns: The number of rows of the whole batch.
    /// - Throws: Where ranks could not exchange their parts.
    func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) throws -> Int

    /// Combines batch norm's sums on the way back.
    ///
    /// - Parameters:
    ///   - sums: [P, 2 N]: for each part Σ ∂L/∂Y ∘ X̂, then Σ ∂L/∂Y. If batch norm is synchronised the first row
    ///     becomes that of the whole batch.
    ///   - gradient: [2 N], the module's ∂L/∂γ and ∂L/∂β in the flat gradients, to be written.
    /// - Throws: Where ranks could not exchange their parts.
    func sumBatchNorm(_ sums: Matrix<Scalar>, gradient: Vector<Scalar>) throws

    /// Computes a linear module's ∂L/∂W and ∂L/∂b into the flat gradients, or keeps what it takes to do so later.
    ///
    /// - Parameters:
    ///   - module: The module.
    ///   - x: X [S, M], its input in this pass.
    ///   - isNetworkInput: Whether X is the batch itself, rather than another module's output.
    ///   - dy: ∂L/∂Y [S, N].
    ///   - gradients: The flat gradients.
    /// - Throws: Where ranks could not exchange their parts.
    func computeGradient(
        of module: Linear, x: BatchInput<Scalar>, isNetworkInput: Bool, dy: Matrix<Scalar>,
        gradients: Vector<Scalar>)
        throws
}

extension BatchReducer {
    /// One product on the calling thread.
    public func forward(
        _ module: Linear, _ x: BatchInput<Scalar>, parameters: Vector<Scalar>, into y: Matrix<Scalar>
    ) {
        module.forward(x.numbers, parameters: parameters, into: y)
    }

    /// One product on the calling thread.
    public func inputGradient(
        of module: Linear, dy: Matrix<Scalar>, parameters: Vector<Scalar>, into dx: Matrix<Scalar>
    ) {
        module.backward(dy: dy, parameters: parameters, into: dx)
    }
}
