public import Tensors

/// One step of an optimiser on flat parameters, which may be taken piece by piece, by several threads or ranks.
public struct ParameterUpdate<Scalar: TensorScalar>: Sendable {
    /// p.
    public let parameters: Vector<Scalar>

    private let optimizer: SGD
    private let velocity: Vector<Scalar>?
    private let learningRate: Scalar

    /// A step of `optimizer`.
    ///
    /// - Parameters:
    ///   - optimizer: Momentum and weight decay.
    ///   - parameters: p.
    ///   - velocity: v, of the same count and 0 before the first step; nil when there is no momentum.
    ///   - learningRate: η.
    public init(
        _ optimizer: SGD, parameters: Vector<Scalar>, velocity: Vector<Scalar>?, learningRate: Double
    ) {
        precondition(
            !optimizer.hasVelocity || velocity?.count == parameters.count,
            "momentum needs a velocity per parameter")
        self.optimizer = optimizer
        self.parameters = parameters
        self.velocity = velocity
        self.learningRate = Scalar(learningRate)
    }

    /// Updates the parameters in `range` from their gradients.
    public func apply(to range: Range<Int>, gradients: Vector<Scalar>) {
        precondition(gradients.count == range.count, "a gradient for each parameter")
        update(
            rows: 1, columns: range.count, from: gradients.base, stride: 0, at: range.lowerBound, rowStride: 0
        )
    }

    /// Updates some columns of a module's W from their gradient [N, columns].
    public func apply(toWeightOf module: Linear, columns: Range<Int>, gradient: Matrix<Scalar>) {
        precondition(
            gradient.rows == module.outputs && gradient.columns == columns.count
                && columns.upperBound <= module.inputs, "a gradient for each weight")
        update(
            rows: gradient.rows, columns: columns.count, from: gradient.base, stride: gradient.columns,
            at: module.weight.lowerBound + columns.lowerBound, rowStride: module.inputs)
    }

    private func update(
        rows: Int, columns: Int, from gradient: UnsafePointer<Scalar>, stride: Int, at start: Int,
        rowStride: Int
    ) {
        precondition(start + (rows - 1) * rowStride + columns <= parameters.count, "beyond the parameters")
        Scalar.sgd(
            rows, columns, learningRate, Scalar(optimizer.momentum), optimizer.nesterov,
            Scalar(optimizer.weightDecay), gradient, stride, velocity.map { $0.base + start },
            parameters.base + start, rowStride)
    }
}
