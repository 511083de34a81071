public import Tensors

/// An element-wise nonlinearity Y = h(X).
///
/// Its derivative is a function of its output, so only Y is kept and X may share Y's memory:
/// ∂L/∂X = ∂L/∂Y ∘ h'(X).
public enum Activation: Codable, Sendable, Hashable {
    /// h(x) = x for x > 0 and α (eˣ − 1) otherwise, h' = 1 or h + α; α > 0.
    ///
    /// Source: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by exponential linear
    /// units (ELUs)", ICLR 2016.
    case elu(alpha: Double)
    /// h(x) = max(x, 0), h' = 1 for x > 0 and 0 otherwise.
    case relu
    /// h(x) = tanh(x), h' = 1 − h².
    case tanh

    /// Computes Y = h(X); `x` and `y` have one shape and may be the same memory.
    public func forward<Scalar: TensorScalar>(_ x: Matrix<Scalar>, into y: Matrix<Scalar>) {
        precondition(x.hasShape(of: y), "an activation keeps the shape")
        switch self {
        case .elu(let alpha): Scalar.elu(x.count, Scalar(alpha), x.base, y.base)
        case .relu: Scalar.relu(x.count, x.base, y.base)
        case .tanh: Scalar.tanh(x.count, x.base, y.base)
        }
    }

    /// Turns `gradient` from ∂L/∂Y into ∂L/∂X = ∂L/∂Y ∘ h'(X), from the output `y` of the forward pass.
    public func backward<Scalar: TensorScalar>(y: Matrix<Scalar>, gradient: Matrix<Scalar>) {
        precondition(y.hasShape(of: gradient), "an activation keeps the shape")
        switch self {
        case .elu(let alpha): Scalar.eluBackward(y.count, Scalar(alpha), y.base, gradient.base)
        case .relu: Scalar.reluBackward(y.count, y.base, gradient.base)
        case .tanh: Scalar.tanhBackward(y.count, y.base, gradient.base)
        }
    }
}

extension Activation {
    /// The nonlinearity in a network; its output is kept.
    struct OfNetwork: Layer {
        let activation: Activation
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
            if let dy { activation.backward(y: pass.matrix(output), gradient: dy) }
            return dy
        }
    }
}

extension SequentialBuilder {
    /// Appends an activation.
    public mutating func activation(_ activation: Activation) {
        let output = freeSlot ?? makeSlot(width: width)
        // Its derivative is a function of its output, which nobody may overwrite.
        append(Activation.OfNetwork(activation: activation, output: output), output: output, isFree: false)
    }
}
