public import Tensors

/// A rule by which parameters p follow their gradients g, with tensors of state of its own, such as a velocity: as
/// PyTorch's optimizers, but taken piece by piece, by several threads or ranks.
///
/// A new optimizer is one file: a type like this. Memory, snapshots, checkpoints, restoring and digests go through
/// ``stateNames``.
public protocol Optimizer: Sendable {
    /// The names of the state tensors, each as large as the parameters and 0 before the first step. In checkpoints a tensor
    /// is called `optimizer.NAME.PARAMETER`.
    var stateNames: [String] { get }

    /// Updates some parameters and their state in place, entry by entry.
    ///
    /// - Parameters:
    ///   - slice: The parameters, gradients and state.
    ///   - learningRate: η of this step.
    ///   - step: The number of this step, from 1 on.
    func update<Scalar: TensorScalar>(_ slice: ParameterSlice<Scalar>, learningRate: Double, step: Int)
}

/// Which parameters weight decay draws to 0.
public enum DecayScope: String, Codable, Sendable, CaseIterable {
    /// All of them, as PyTorch's optimizers do unless told otherwise.
    case all
    /// The weights of linear layers alone: no bias, γ or β.
    case weights
}

/// Some rows and columns of parameters with their gradients and state.
public struct ParameterSlice<Scalar: TensorScalar> {
    /// The rows N.
    public let rows: Int
    /// The columns of each row.
    public let columns: Int
    /// The first parameter.
    public let parameters: UnsafeMutablePointer<Scalar>
    /// The distance of a row of parameters, and of state, to the next.
    public let stride: Int
    /// The first gradient.
    public let gradients: UnsafePointer<Scalar>
    /// The distance of a row of gradients to the next.
    public let gradientStride: Int
    /// The number of the linear layer whose weights they are, from the input on; nil for a bias, γ or β.
    public let weightsOfLinear: Int?

    fileprivate let state: [Vector<Scalar>]
    fileprivate let start: Int

    /// λ for these parameters.
    func decay(_ weightDecay: Double, of scope: DecayScope) -> Double {
        scope == .all || weightsOfLinear != nil ? weightDecay : 0
    }

    /// The first scalar of a state tensor, by the index of its name.
    public func state(_ index: Int) -> UnsafeMutablePointer<Scalar> { state[index].base + start }
}

/// One step of an optimizer on flat parameters.
public struct OptimizerStep<Scalar: TensorScalar> {
    /// p.
    public let parameters: Vector<Scalar>

    private let average: (values: Vector<Scalar>, share: Scalar)?
    private let optimizer: any Optimizer
    private let state: [Vector<Scalar>]
    private let learningRate: Double
    private let number: Int

    /// A step.
    ///
    /// - Parameters:
    ///   - optimizer: The rule.
    ///   - parameters: p.
    ///   - state: A tensor for each of the optimizer's names, in their order, each of the same count.
    ///   - learningRate: η.
    ///   - number: The number of this step, from 1 on.
    ///   - average: A mean of the parameters, of the same count, and the share by which it moves towards them after the step;
    ///     nil for none.
    public init(
        _ optimizer: any Optimizer, parameters: Vector<Scalar>, state: [Vector<Scalar>], learningRate: Double,
        number: Int, average: (values: Vector<Scalar>, share: Scalar)? = nil
    ) {
        precondition(
            state.count == optimizer.stateNames.count
                && state.allSatisfy { $0.count == parameters.count },
            "expected state \(optimizer.stateNames) for \(parameters.count) parameters, found \(state.map(\.count))"
        )
        self.optimizer = optimizer
        self.parameters = parameters
        self.state = state
        self.learningRate = learningRate
        self.number = number
        precondition(
            average.map { $0.values.count == parameters.count } ?? true, "a mean of other parameters")
        self.average = average
    }

    /// Updates the parameters in `range`, which are no weights, from their gradients.
    public func apply(to range: Range<Int>, gradients: Vector<Scalar>) {
        precondition(gradients.count == range.count, "a gradient for each parameter")
        update(
            rows: 1, columns: range.count, from: gradients.base, gradientStride: 0, at: range.lowerBound,
            stride: 0, weightsOfLinear: nil)
    }

    /// Updates some columns of a layer's W from their gradient [N, columns].
    public func apply(toWeightOf linear: Linear, columns: Range<Int>, gradient: Matrix<Scalar>) {
        precondition(
            gradient.rows == linear.outputs && gradient.columns == columns.count
                && columns.upperBound <= linear.inputs, "a gradient for each weight")
        update(
            rows: gradient.rows, columns: columns.count, from: gradient.base,
            gradientStride: gradient.columns, at: linear.weight.lowerBound + columns.lowerBound,
            stride: linear.inputs, weightsOfLinear: linear.index)
    }

    private func update(
        rows: Int, columns: Int, from gradients: UnsafePointer<Scalar>, gradientStride: Int, at start: Int,
        stride: Int, weightsOfLinear: Int?
    ) {
        precondition(start + (rows - 1) * stride + columns <= parameters.count, "beyond the parameters")
        optimizer.update(
            ParameterSlice(
                rows: rows, columns: columns, parameters: parameters.base + start, stride: stride,
                gradients: gradients, gradientStride: gradientStride, weightsOfLinear: weightsOfLinear,
                state: state, start: start),
            learningRate: learningRate, step: number)
        // While the parameters are still in the cache.
        guard let average else { return }
        for row in 0..<rows {
            let place = start + row * stride
            Scalar.blend(columns, average.share, parameters.base + place, average.values.base + place)
        }
    }
}
