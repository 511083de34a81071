public import Tensors

/// Batch normalisation of each column: Y = γ ∘ X̂ + β with X̂ = (X − μ) / √(σ² + ε), all [S, N].
///
/// In training μ and σ² are the batch's mean and biased variance; in evaluation they are the running statistics,
/// which follow the batches' mean and unbiased variance with the given momentum, as PyTorch's do.
///
/// Source: Ioffe, Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
/// shift", ICML 2015.
public struct BatchNorm: Layer {
    /// What it is, for people.
    public var kind: String { "batch norm" }
    /// The number of columns N.
    public let width: Int
    /// Where γ lies in a buffer of the parameters' layout.
    public let gamma: VectorParameter
    /// Where β lies, directly behind γ.
    public let beta: VectorParameter
    /// Where the running mean lies in a buffer of the statistics' layout.
    public let mean: Range<Int>
    /// Where the running variance lies in a buffer of the statistics' layout.
    public let variance: Range<Int>
    /// ε, which keeps the root away from 0.
    public let epsilon: Double

    /// X becomes X̂ here: X's own slot where nobody needs X again.
    let normalized: Slot
    let output: Slot
    /// For each part moments or sums [2, N] and scales [N], and the number of rows behind the statistics.
    let columns: ColumnSlot

    /// Normalises with the statistics of the batch, of each part, or with the running ones.
    public func forward<Scalar: TensorScalar>(
        _ x: BatchInput<Scalar>, _ pass: Pass<Scalar>
    ) throws -> BatchInput<Scalar> {
        let (hidden, y) = (pass.matrix(normalized), pass.matrix(output))
        let columns = pass.workspace.columns(columns)
        if hidden.base != x.numbers.base { hidden.vector.copy(from: x.numbers.vector) }
        switch pass.mode {
        case .evaluation(let running):
            let scale = columns[0..<width]
            Scalar.scales(width, Scalar(epsilon), running[variance].base, scale.base)
            normalize(hidden, into: y, mean: running[mean], scale: scale, pass.parameters)
        case .training(let training):
            try forward(hidden, into: y, columns, pass, training)
        }
        return .numbers(y)
    }

    private func forward<Scalar: TensorScalar>(
        _ x: Matrix<Scalar>, into y: Matrix<Scalar>, _ columns: Vector<Scalar>, _ pass: Pass<Scalar>,
        _ training: Pass<Scalar>.Training
    ) throws {
        let parts = pass.workspace.parts
        let partRows = x.rows / parts
        let moments = columns[0..<2 * width * parts].matrix(rows: parts, columns: 2 * width)
        for part in 0..<parts {
            let partMoments = moments[rows: part..<part + 1].vector
            x[rows: part * partRows..<(part + 1) * partRows].moments(
                mean: partMoments[0..<width], m2: partMoments[width..<2 * width])
        }
        let synchronized = training.collectives.synchronizesBatchNorm
        let rows =
            synchronized ? try training.collectives.mergeMoments(moments, partRows: partRows) : partRows
        columns[columns.count - 1] = Scalar(rows)

        // From here on a synchronised batch is one part.
        let groups = synchronized ? 1 : parts
        let groupRows = x.rows / groups
        for group in 0..<groups {
            let groupMoments = moments[rows: group..<group + 1].vector
            let statistics = training.batchStatistics[rows: group..<group + 1].vector
            let scale = scales(group, of: parts, in: columns)
            let m2 = groupMoments[width..<2 * width]
            statistics[mean].copy(from: groupMoments[0..<width])
            Scalar.variances(
                width, Scalar(rows), Scalar(max(1, rows - 1)), Scalar(epsilon), m2.base,
                statistics[variance].base, scale.base)
            let range = group * groupRows..<(group + 1) * groupRows
            normalize(
                x[rows: range], into: y[rows: range], mean: groupMoments[0..<width], scale: scale,
                pass.parameters)
        }
    }

    /// Hands in the parts' ∂L/∂γ = Σ ∂L/∂Y ∘ X̂ and ∂L/∂β = Σ ∂L/∂Y, and turns ∂L/∂Y into
    /// ∂L/∂X = γ/√(σ² + ε) ∘ (∂L/∂Y − (1/B) Σ ∂L/∂Y − X̂ ∘ (1/B) Σ ∂L/∂Y ∘ X̂), the sums running over the B rows that
    /// the statistics were taken over.
    public func backward<Scalar: TensorScalar>(
        _ dy: Matrix<Scalar>?, _ pass: Pass<Scalar>
    ) throws -> Matrix<Scalar>? {
        guard let dy else { return nil }
        let (normalized, columns) = (pass.matrix(normalized), pass.workspace.columns(columns))
        let (parts, collectives) = (pass.workspace.parts, pass.training.collectives)
        let partRows = dy.rows / parts
        let sums = columns[0..<2 * width * parts].matrix(rows: parts, columns: 2 * width)
        for part in 0..<parts {
            let rows = part * partRows..<(part + 1) * partRows
            let partSums = sums[rows: part..<part + 1].vector
            Scalar.batchNormSums(
                partRows, width, dy[rows: rows].base, normalized[rows: rows].base,
                partSums[width..<2 * width].base, partSums[0..<width].base)
        }
        try collectives.contribute(partSums: sums, of: gamma.joined(with: beta))
        let synchronized = collectives.synchronizesBatchNorm
        if synchronized { try collectives.sum(sums) }

        let groups = synchronized ? 1 : parts
        let groupRows = dy.rows / groups
        for group in 0..<groups {
            let rows = group * groupRows..<(group + 1) * groupRows
            let groupSums = sums[rows: group..<group + 1].vector
            Scalar.batchNormBackward(
                groupRows, width, columns[columns.count - 1], pass.parameters[gamma.range].base,
                scales(group, of: parts, in: columns).base, groupSums[width..<2 * width].base,
                groupSums[0..<width].base, normalized[rows: rows].base, dy[rows: rows].base)
        }
        return dy
    }

    /// Moves the running statistics towards those of the batch: r ← (1 − momentum) r + momentum · s.
    public static func update<Scalar: TensorScalar>(
        running: Vector<Scalar>, towards batch: Vector<Scalar>, momentum: Scalar
    ) {
        precondition(running.count == batch.count, "statistics of one layout")
        Scalar.blend(running.count, momentum, batch.base, running.base)
    }

    private func scales<Scalar>(_ group: Int, of parts: Int, in columns: Vector<Scalar>) -> Vector<Scalar> {
        let start = (2 * parts + group) * width
        return columns[start..<start + width]
    }

    private func normalize<Scalar: TensorScalar>(
        _ x: Matrix<Scalar>, into y: Matrix<Scalar>, mean: Vector<Scalar>, scale: Vector<Scalar>,
        _ parameters: Vector<Scalar>
    ) {
        Scalar.batchNorm(
            x.rows, width, mean.base, scale.base, parameters[gamma.range].base, parameters[beta.range].base,
            x.base, y.base)
    }
}

extension SequentialBuilder {
    /// Appends batch norm of the current width: γ (1) and β (0) as `weight` and `bias`, and the running mean (0) and
    /// variance (1) as `running_mean` and `running_var`.
    public mutating func batchNorm(epsilon: Double = 1e-5) {
        let gamma = parameters.appendVector(
            name: "\(name).weight", count: width, initialization: .constant(1))
        let beta = parameters.appendVector(name: "\(name).bias", count: width, initialization: .constant(0))
        let mean = statistics.append(
            name: "\(name).running_mean", shape: [width], initialization: .constant(0))
        let variance = statistics.append(
            name: "\(name).running_var", shape: [width], initialization: .constant(1))
        let normalized = freeSlot ?? makeSlot(width: width)
        let output = makeSlot(width: width)
        append(
            BatchNorm(
                width: width, gamma: gamma, beta: beta, mean: mean, variance: variance, epsilon: epsilon,
                normalized: normalized, output: output,
                columns: makeColumns(perPart: 3 * width, fixed: 1)),
            output: output)
    }
}
