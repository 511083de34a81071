public import Tensors

/// The affine map Y = X Wᵀ + 1 bᵀ with X [S, M], W [N, M], b [N] and Y [S, N]: S samples, M inputs, N outputs.
///
/// The module holds shapes and ranges; weights and their gradients lie in flat buffers of one layout.
public struct Linear: Sendable, Hashable {
    /// The number of inputs M.
    public let inputs: Int
    /// The number of outputs N.
    public let outputs: Int
    /// Where W lies in a buffer of the layout.
    public let weight: Range<Int>
    /// Where b lies in a buffer of the layout.
    public let bias: Range<Int>

    /// Appends W (normal, with the given standard deviation) and b (zero) to `layout` as `name.weight` and
    /// `name.bias`.
    public init(
        inputs: Int, outputs: Int, name: String, standardDeviation: Double, in layout: inout ParameterLayout
    ) {
        precondition(inputs >= 1 && outputs >= 1, "\(inputs) inputs and \(outputs) outputs")
        self.inputs = inputs
        self.outputs = outputs
        weight = layout.append(
            name: "\(name).weight", shape: [outputs, inputs],
            initialization: .normal(standardDeviation: standardDeviation))
        bias = layout.append(name: "\(name).bias", shape: [outputs], initialization: .constant(0))
    }

    /// Computes Y = X Wᵀ + 1 bᵀ.
    ///
    /// - Parameters:
    ///   - x: X [S, M].
    ///   - parameters: The flat parameters.
    ///   - y: Y [S, N], overwritten.
    public func forward<Scalar: TensorScalar>(
        _ x: Matrix<Scalar>, parameters: Vector<Scalar>, into y: Matrix<Scalar>
    ) {
        y.gemm(x, .none, parameters[weight].matrix(rows: outputs, columns: inputs), .transposed)
        y.addBias(parameters[bias])
    }

    /// Computes ∂L/∂X = ∂L/∂Y W.
    ///
    /// - Parameters:
    ///   - dy: ∂L/∂Y [S, N].
    ///   - parameters: The flat parameters.
    ///   - dx: ∂L/∂X [S, M], overwritten.
    public func backward<Scalar: TensorScalar>(
        dy: Matrix<Scalar>, parameters: Vector<Scalar>, into dx: Matrix<Scalar>
    ) {
        dx.gemm(dy, .none, parameters[weight].matrix(rows: outputs, columns: inputs))
    }

    /// Computes ∂L/∂W = (∂L/∂Y)ᵀ X and ∂L/∂b = 1ᵀ ∂L/∂Y.
    ///
    /// - Parameters:
    ///   - x: X [S, M] of the forward pass.
    ///   - dy: ∂L/∂Y [S, N].
    ///   - gradients: The flat gradients; this module's ranges are overwritten.
    public func computeGradient<Scalar: TensorScalar>(
        x: Matrix<Scalar>, dy: Matrix<Scalar>, gradients: Vector<Scalar>
    ) {
        gradients[weight].matrix(rows: outputs, columns: inputs).gemm(dy, .transposed, x)
        dy.sumColumns(into: gradients[bias])
    }
}
