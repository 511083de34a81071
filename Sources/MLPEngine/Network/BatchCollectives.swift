public import Tensors

/// What layers need of the rows of a batch that they do not see, and where they hand in what gradients are made of.
///
/// A pass over S rows divides them into P *parts* of S / P rows each. Whatever is summed over rows is first summed over the
/// rows of each part; then the parts come together, those of this pass and, if the batch is spread over ranks, those of all
/// others. The engine knows no ranks: a strategy of data parallelism implements this. With one that spans several ranks
/// every rank must make the same passes.
///
/// The gradient of every parameter comes together by the ``GradientRule`` of its layout entry.
public protocol BatchCollectives<Scalar>: AnyObject {
    /// What the network computes with.
    associatedtype Scalar: TensorScalar

    /// Whether batch norm takes its statistics over the whole batch rather than over each part.
    var synchronizesBatchNorm: Bool { get }

    /// Merges moments over all parts of the batch. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - moments: [P, 2 N]: for each part each column's mean, then each column's sum of squared deviations from
    ///     it. The first row becomes that of the whole batch.
    ///   - partRows: The number of rows of each part.
    /// - Returns: The number of rows of the whole batch.
    /// - Throws: Where ranks could not exchange their parts.
    func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) throws -> Int

    /// Sums over all parts of the batch. Collective: every rank must call it.
    ///
    /// - Parameter sums: [P, K], sums over the rows of each part. The first row becomes that of the whole batch.
    /// - Throws: Where ranks could not exchange their parts.
    func sum(_ sums: Matrix<Scalar>) throws

    /// Takes the factors of a linear layer's ∂L/∂W = (∂L/∂Y)ᵀ X, and ∂L/∂Y for its ∂L/∂b = 1ᵀ ∂L/∂Y.
    ///
    /// - Parameters:
    ///   - linear: The layer.
    ///   - x: X [S, M], its input in this pass.
    ///   - dy: ∂L/∂Y [S, N]; overwritten once this has returned.
    /// - Throws: Where ranks could not exchange their parts.
    func contribute(factorsOf linear: Linear, x: BatchInput<Scalar>, dy: Matrix<Scalar>) throws

    /// Takes sums over the rows of each part, whose sum over all parts is the gradient of vector parameters.
    ///
    /// - Parameters:
    ///   - sums: [P, K], left as they are.
    ///   - parameters: K parameters.
    /// - Throws: Where ranks could not exchange their parts.
    func contribute(partSums sums: Matrix<Scalar>, of parameters: VectorParameter) throws
}

/// The collectives of a batch whose parts are all in this pass, with the gradients as a whole: the textbook's single
/// process, to which every strategy is compared.
public final class LocalBatch<Scalar: TensorScalar>: BatchCollectives {
    /// Whether batch norm takes its statistics over all parts together.
    public let synchronizesBatchNorm: Bool

    private let gradients: Vector<Scalar>
    private let products: (any MatrixProducts<Scalar>)?

    /// Collectives for a batch that is all here.
    ///
    /// - Parameters:
    ///   - gradients: The flat gradients, which passes overwrite.
    ///   - synchronizesBatchNorm: Whether batch norm takes its statistics over all parts together.
    ///   - products: What computes the weights' gradients, also of pixels; nil for the library's product of numbers.
    public init(
        gradients: Vector<Scalar>, synchronizesBatchNorm: Bool = true,
        products: (any MatrixProducts<Scalar>)? = nil
    ) {
        self.gradients = gradients
        self.synchronizesBatchNorm = synchronizesBatchNorm
        self.products = products
    }

    /// Merges the parts in the tree's order.
    public func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) -> Int {
        PartTree.mergeMoments(moments, partRows: partRows)
    }

    /// Sums the parts in the tree's order.
    public func sum(_ sums: Matrix<Scalar>) { PartTree.sum(sums) }

    /// Computes ∂L/∂W and ∂L/∂b in one product over all rows.
    public func contribute(factorsOf linear: Linear, x: BatchInput<Scalar>, dy: Matrix<Scalar>) {
        let gradient = linear.weightMatrix(gradients)
        if let products {
            let dy = products.outputFactor(of: linear, dy)
            products.weightGradient(
                of: linear, x: products.factor(of: linear, x), dy: dy, into: gradient)
            dy.sumColumns(into: gradients[linear.bias])
        } else {
            guard case .numbers(let x) = x else { preconditionFailure("pixels without products of theirs") }
            gradient.gemm(dy, .transposed, x)
            dy.sumColumns(into: gradients[linear.bias])
        }
    }

    /// Sums the parts one after another.
    public func contribute(partSums sums: Matrix<Scalar>, of parameters: VectorParameter) {
        sums.sumColumns(into: gradients[parameters.range])
    }
}
