internal import Tensors

/// In training Y = X ∘ M / (1 − p) with a mask M of zeros, each with probability p, and ones; in evaluation Y = X.
/// ∂L/∂X = ∂L/∂Y ∘ M / (1 − p), with the same mask, which is drawn again.
///
/// An entry of the mask depends on the run's seed, the step, the row of the global batch, the column, and which of the network's
/// masks it is: on no division into ranks or parts.
///
/// Source: Srivastava and others, "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.
struct Dropout: Layer {
    var kind: String { "dropout(\(probability))" }
    let probability: Double
    /// Its number among the network's masks.
    let index: Int
    /// X's own slot where nobody needs X again.
    let output: Slot

    func forward<Scalar: TensorScalar>(_ x: BatchInput<Scalar>, _ pass: Pass<Scalar>) -> BatchInput<Scalar> {
        let y = pass.matrix(output)
        switch x {
        case .numbers(let x): if y.base != x.base { y.vector.copy(from: x.vector) }
        case .pixels(let x): x.copy(into: y)
        }
        if case .training(let training) = pass.mode { mask(y, training) }
        return .numbers(y)
    }

    func backward<Scalar: TensorScalar>(
        _ dy: Matrix<Scalar>?, _ pass: Pass<Scalar>
    ) -> Matrix<Scalar>? {
        if let dy { mask(dy, pass.training) }
        return dy
    }

    private func mask<Scalar: TensorScalar>(_ x: Matrix<Scalar>, _ training: Pass<Scalar>.Training) {
        Scalar.dropout(
            x.rows, x.columns, probability: probability, seed: training.seed, layer: index,
            step: training.step, firstRow: training.firstRow, x.base)
    }
}

extension SequentialBuilder {
    /// Appends dropout with probability `probability`, from 0 to below 1; as in PyTorch it counts in the layers' names.
    public mutating func dropout(_ probability: Double) {
        let output = freeSlot ?? makeSlot(width: width)
        append(
            Dropout(probability: probability, index: count(of: Dropout.self), output: output), output: output)
    }
}
