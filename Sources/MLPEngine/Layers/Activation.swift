public import Tensors

/// An element-wise nonlinearity Y = h(X).
///
/// ∂L/∂X = ∂L/∂Y ∘ h'(X). Where the derivative is a function of the output, only Y is kept and X may share Y's memory.
public enum Activation: Codable, Sendable, Hashable, CustomStringConvertible {
    /// h(x) = x for x > 0 and α (eˣ − 1) otherwise, h' = 1 or h + α; α > 0.
    ///
    /// Source: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by exponential linear
    /// units (ELUs)", ICLR 2016.
    case elu(alpha: Double)
    /// h(x) = max(x, 0), h' = 1 for x > 0 and 0 otherwise.
    case relu
    /// h(x) = tanh(x), h' = 1 − h².
    case tanh
    /// h(x) = x Φ(x) with the normal distribution's function Φ, h' = Φ(x) + x φ(x).
    ///
    /// Source: Hendrycks, Gimpel, "Gaussian error linear units (GELUs)", 2016.
    case gelu

    /// Its name, such as `ELU(1)`.
    public var description: String {
        switch self {
        case .elu(let alpha):
            "ELU(\("\(alpha)".hasSuffix(".0") ? String("\(alpha)".dropLast(2)) : "\(alpha)"))"
        case .relu: "ReLU"
        case .tanh: "Tanh"
        case .gelu: "GELU"
        }
    }

    /// Whether the derivative is computed from X rather than from Y.
    public var keepsInput: Bool { self == .gelu }

    /// Computes Y = h(X); `x` and `y` have one shape and may be the same memory.
    public func forward<Scalar: TensorScalar>(_ x: Matrix<Scalar>, into y: Matrix<Scalar>) {
        precondition(x.hasShape(of: y), "an activation keeps the shape")
        switch self {
        case .elu(let alpha): Scalar.elu(x.count, Scalar(alpha), x.base, y.base)
        case .relu: Scalar.relu(x.count, x.base, y.base)
        case .tanh: Scalar.tanh(x.count, x.base, y.base)
        case .gelu: Scalar.gelu(x.count, x.base, y.base)
        }
    }

    /// Turns `gradient` from ∂L/∂Y into ∂L/∂X = ∂L/∂Y ∘ h'(X), from what the forward pass has kept: the output, or the input
    /// where ``keepsInput`` says so.
    public func backward<Scalar: TensorScalar>(kept: Matrix<Scalar>, gradient: Matrix<Scalar>) {
        precondition(kept.hasShape(of: gradient), "an activation keeps the shape")
        switch self {
        case .elu(let alpha): Scalar.eluBackward(kept.count, Scalar(alpha), kept.base, gradient.base)
        case .relu: Scalar.reluBackward(kept.count, kept.base, gradient.base)
        case .tanh: Scalar.tanhBackward(kept.count, kept.base, gradient.base)
        case .gelu: Scalar.geluBackward(kept.count, kept.base, gradient.base)
        }
    }

    /// Computes h'(X) from what the forward pass has kept, as ``backward(kept:gradient:)`` has it.
    public func derivative<Scalar: TensorScalar>(kept: Matrix<Scalar>, into derivative: Matrix<Scalar>) {
        derivative.vector.fill(1)
        backward(kept: kept, gradient: derivative)
    }
}

extension Activation {
    /// The nonlinearity in a network.
    struct OfNetwork: Layer {
        var kind: String { "\(activation)" }
        let activation: Activation
        /// Where X stands; nil is the network's input.
        let input: Slot?
        /// X's own slot where nobody needs X again.
        let output: Slot

        func forward<Scalar: TensorScalar>(
            _ x: BatchInput<Scalar>, _ pass: Pass<Scalar>
        ) -> BatchInput<Scalar> {
            let y = pass.matrix(output)
            activation.forward(x.numbers, into: y)
            return .numbers(y)
        }

        func backward<Scalar: TensorScalar>(
            _ dy: Matrix<Scalar>?, _ pass: Pass<Scalar>
        ) -> Matrix<Scalar>? {
            guard let dy else { return nil }
            let x = input.map { pass.matrix($0) } ?? pass.batch.numbers
            activation.backward(kept: activation.keepsInput ? x : pass.matrix(output), gradient: dy)
            return dy
        }
    }
}

extension SequentialBuilder {
    /// Appends an activation.
    public mutating func activation(_ activation: Activation) {
        // What the derivative is a function of nobody may overwrite.
        let keepsInput = activation.keepsInput
        let output = keepsInput ? makeSlot(width: width) : freeSlot ?? makeSlot(width: width)
        append(
            Activation.OfNetwork(activation: activation, input: current, output: output), output: output,
            isFree: keepsInput)
    }
}
