public import Tensors

/// The affine map Y = X Wᵀ + 1 bᵀ with X [S, M], W [N, M], b [N] and Y [S, N]: S samples, M inputs, N outputs.
///
/// ∂L/∂X = ∂L/∂Y W, ∂L/∂W = (∂L/∂Y)ᵀ X, ∂L/∂b = 1ᵀ ∂L/∂Y. The weight gradient is not computed here: the layer hands in its two
/// factors, and the strategy of data parallelism computes their product where it is needed.
public struct Linear: Layer, Hashable {
    /// What it is, for people.
    public var kind: String { "linear" }
    /// The number of inputs M.
    public let inputs: Int
    /// The number of outputs N.
    public let outputs: Int
    /// Its number among the linear layers of its network, from the input on.
    public let index: Int
    /// Where W lies in a buffer of the layout.
    public let weight: Range<Int>
    /// Where b lies in a buffer of the layout.
    public let bias: Range<Int>

    /// Where X stands; nil is the network's input.
    private let input: Slot?
    private let output: Slot

    /// Whether X is the batch itself rather than another layer's output.
    public var readsBatch: Bool { input == nil }

    fileprivate init(
        inputs: Int, outputs: Int, index: Int, weight: Range<Int>, bias: Range<Int>, input: Slot?,
        output: Slot
    ) {
        (self.inputs, self.outputs, self.index) = (inputs, outputs, index)
        (self.weight, self.bias) = (weight, bias)
        (self.input, self.output) = (input, output)
    }

    /// W [N, M] in flat parameters.
    public func weightMatrix<Scalar>(_ parameters: Vector<Scalar>) -> Matrix<Scalar> {
        parameters[weight].matrix(rows: outputs, columns: inputs)
    }

    /// Computes Y = X Wᵀ + 1 bᵀ.
    public func forward<Scalar: TensorScalar>(
        _ x: BatchInput<Scalar>, _ pass: Pass<Scalar>
    ) -> BatchInput<Scalar> {
        let y = pass.matrix(output)
        pass.products.forward(self, x, parameters: pass.parameters, into: y)
        return .numbers(y)
    }

    /// Hands in X and ∂L/∂Y, and computes ∂L/∂X = ∂L/∂Y W.
    public func backward<Scalar: TensorScalar>(
        _ dy: Matrix<Scalar>?, _ pass: Pass<Scalar>
    ) throws -> Matrix<Scalar>? {
        guard let dy else { return nil }
        let x: BatchInput<Scalar> = input.map { .numbers(pass.matrix($0)) } ?? pass.batch
        try pass.training.collectives.contribute(factorsOf: self, x: x, dy: dy)
        // In training nobody needs the gradient of the batch itself.
        let room = readsBatch ? pass.training.inputGradient : pass.gradientRoom(width: inputs, beside: dy)
        guard let dx = room else { return nil }
        pass.products.inputGradient(of: self, dy: dy, parameters: pass.parameters, into: dx)
        return dx
    }
}

extension SequentialBuilder {
    /// Appends a linear layer whose weights have standard deviation √(`gain` / inputs) and whose biases are 0.
    ///
    /// Source of the gains 1 (inputs) and 2 (behind a rectifier): He, Zhang, Ren, Sun, "Delving deep into
    /// rectifiers", ICCV 2015.
    public mutating func linear(outputs: Int, gain: Double) {
        linear(
            outputs: outputs, weights: .normal(standardDeviation: (gain / Double(width)).squareRoot()))
    }

    /// Appends a linear layer whose weights begin as told and whose biases are 0.
    public mutating func linear(outputs: Int, weights: Initialization) {
        precondition(outputs >= 1, "\(outputs) outputs")
        let index = count(of: Linear.self)
        let weight = parameters.append(
            name: "\(name).weight", shape: [outputs, width], initialization: weights,
            gradient: .product(linear: index))
        let bias = parameters.append(
            name: "\(name).bias", shape: [outputs], initialization: .constant(0),
            gradient: .rowSum(linear: index))
        if current != nil { reserveGradient(width: width) }
        let output = makeSlot(width: outputs)
        append(
            Linear(
                inputs: width, outputs: outputs, index: index, weight: weight, bias: bias, input: current,
                output: output),
            output: output)
    }
}
