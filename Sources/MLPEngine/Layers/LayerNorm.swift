internal import Tensors

/// Normalisation of each row: Y = γ ∘ X̂ + β with X̂ = (X − μ) / √(σ² + ε), all [S, N], where μ and σ² [S] are the mean and
/// the biased variance of a row. Training and evaluation are the same, and no row depends on another.
///
/// ∂L/∂γ = Σ ∂L/∂Y ∘ X̂ and ∂L/∂β = Σ ∂L/∂Y over the rows; with G = γ ∘ ∂L/∂Y and means over the N columns of a row
/// ∂L/∂X = (G − mean(G) − X̂ ∘ mean(G ∘ X̂)) / √(σ² + ε).
///
/// Source: Ba, Kiros, Hinton, "Layer normalization", 2016.
struct LayerNorm: Layer {
    var kind: String { "layer norm" }
    let width: Int
    let gamma: VectorParameter
    /// Directly behind γ.
    let beta: VectorParameter
    let epsilon: Double
    /// X becomes X̂ here: X's own slot where nobody needs X again.
    let normalized: Slot
    /// 1 / √(σ² + ε) of each row.
    let scale: Slot
    let output: Slot
    /// For each part the sums for γ and β.
    let sums: ColumnSlot

    func forward<Scalar: TensorScalar>(_ x: BatchInput<Scalar>, _ pass: Pass<Scalar>) -> BatchInput<Scalar> {
        let (normalized, y) = (pass.matrix(normalized), pass.matrix(output))
        if normalized.base != x.numbers.base { normalized.vector.copy(from: x.numbers.vector) }
        Scalar.layerNorm(
            pass.rows, width, Scalar(epsilon), pass.parameters[gamma.range].base,
            pass.parameters[beta.range].base, normalized.base, y.base, pass.matrix(scale).base)
        return .numbers(y)
    }

    func backward<Scalar: TensorScalar>(
        _ dy: Matrix<Scalar>?, _ pass: Pass<Scalar>
    ) throws -> Matrix<Scalar>? {
        guard let dy else { return nil }
        let (normalized, parts) = (pass.matrix(normalized), pass.workspace.parts)
        let sums = pass.workspace.columns(sums).matrix(rows: parts, columns: 2 * width)
        let partRows = dy.rows / parts
        for part in 0..<parts {
            let rows = part * partRows..<(part + 1) * partRows
            let partSums = sums[rows: part..<part + 1].vector
            Scalar.batchNormSums(
                partRows, width, dy[rows: rows].base, normalized[rows: rows].base,
                partSums[width..<2 * width].base, partSums[0..<width].base)
        }
        try pass.training.collectives.contribute(partSums: sums, of: gamma.joined(with: beta))
        Scalar.layerNormBackward(
            dy.rows, width, pass.parameters[gamma.range].base, pass.matrix(scale).base, normalized.base,
            dy.base)
        return dy
    }
}

extension SequentialBuilder {
    /// Appends layer norm of the current width: γ (1) and β (0) as `weight` and `bias`.
    public mutating func layerNorm(epsilon: Double = 1e-5) {
        let gamma = parameters.appendVector(
            name: "\(name).weight", count: width, initialization: .constant(1))
        let beta = parameters.appendVector(name: "\(name).bias", count: width, initialization: .constant(0))
        let normalized = freeSlot ?? makeSlot(width: width)
        let output = makeSlot(width: width)
        append(
            LayerNorm(
                width: width, gamma: gamma, beta: beta, epsilon: epsilon, normalized: normalized,
                scale: makeSlot(width: 1), output: output, sums: makeColumns(perPart: 2 * width)),
            output: output)
    }
}
