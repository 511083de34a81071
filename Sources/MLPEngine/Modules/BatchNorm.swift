public import Tensors

/// Batch normalisation of each column: Y = γ ∘ X̂ + β with X̂ = (X − μ) / √(σ² + ε), all [S, N].
///
/// In training μ and σ² are the batch's mean and biased variance; in evaluation they are the running statistics,
/// which follow the batches' mean and unbiased variance with the given momentum, as PyTorch's do.
///
/// Source: Ioffe, Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
/// shift", ICML 2015.
public struct BatchNorm: Sendable, Hashable {
    /// The number of columns N.
    public let width: Int
    /// Where γ lies in a buffer of the parameters' layout.
    public let gamma: Range<Int>
    /// Where β lies, directly behind γ.
    public let beta: Range<Int>
    /// Where the running mean lies in a buffer of the statistics' layout.
    public let mean: Range<Int>
    /// Where the running variance lies in a buffer of the statistics' layout.
    public let variance: Range<Int>
    /// ε, which keeps the root away from 0.
    public let epsilon: Double

    /// Appends γ (1) and β (0) to `parameters` as `name.weight` and `name.bias`, and the running mean (0) and
    /// variance (1) to `statistics` as `name.running_mean` and `name.running_var`.
    public init(
        width: Int, name: String, epsilon: Double = 1e-5, in parameters: inout ParameterLayout,
        statistics: inout ParameterLayout
    ) {
        self.width = width
        self.epsilon = epsilon
        gamma = parameters.append(name: "\(name).weight", shape: [width], initialization: .constant(1))
        beta = parameters.append(name: "\(name).bias", shape: [width], initialization: .constant(0))
        mean = statistics.append(name: "\(name).running_mean", shape: [width], initialization: .constant(0))
        variance = statistics.append(
            name: "\(name).running_var", shape: [width], initialization: .constant(1))
    }

    /// How many scalars a pass keeps per module: for each part moments or sums [2, N] and scales [N], and the number
    /// of rows behind the statistics.
    public static func columnScalars(width: Int, parts: Int) -> Int { 3 * width * parts + 1 }

    /// Normalises with the statistics of the batch, or of each part.
    ///
    /// - Parameters:
    ///   - x: X [S, N]; becomes X̂, which the backward pass needs.
    ///   - y: Y [S, N], overwritten.
    ///   - parameters: The flat parameters.
    ///   - batchStatistics: [P, statistics]: mean and unbiased variance are written to this module's columns, of each
    ///     part, or if synchronised of the whole batch and into the first row alone.
    ///   - columns: ``columnScalars(width:parts:)`` scalars that stay untouched until the backward pass.
    ///   - reducer: Brings the parts' statistics together.
    /// - Throws: What the reducer throws.
    public func forward<Reducer: BatchReducer>(
        _ x: Matrix<Reducer.Scalar>, into y: Matrix<Reducer.Scalar>, parameters: Vector<Reducer.Scalar>,
        batchStatistics: Matrix<Reducer.Scalar>, columns: Vector<Reducer.Scalar>, reducer: Reducer
    ) throws {
        let parts = batchStatistics.rows
        let partRows = x.rows / parts
        let moments = columns[0..<2 * width * parts].matrix(rows: parts, columns: 2 * width)
        for part in 0..<parts {
            let partMoments = moments[rows: part..<part + 1].vector
            x[rows: part * partRows..<(part + 1) * partRows].moments(
                mean: partMoments[0..<width], m2: partMoments[width..<2 * width])
        }
        let synchronized = reducer.synchronizesBatchNorm
        let rows = synchronized ? try reducer.mergeMoments(moments, partRows: partRows) : partRows
        columns[columns.count - 1] = Reducer.Scalar(rows)

        // From here on a synchronised batch is one part.
        let groups = synchronized ? 1 : parts
        let groupRows = x.rows / groups
        for group in 0..<groups {
            let groupMoments = moments[rows: group..<group + 1].vector
            let statistics = batchStatistics[rows: group..<group + 1].vector
            let scale = scales(group, of: parts, in: columns)
            let m2 = groupMoments[width..<2 * width]
            statistics[mean].copy(from: groupMoments[0..<width])
            Reducer.Scalar.variances(
                width, Reducer.Scalar(rows), Reducer.Scalar(max(1, rows - 1)), Reducer.Scalar(epsilon),
                m2.base,
                statistics[variance].base, scale.base)
            let range = group * groupRows..<(group + 1) * groupRows
            normalize(
                x[rows: range], into: y[rows: range], mean: groupMoments[0..<width], scale: scale,
                parameters: parameters)
        }
    }

    /// Normalises with the running statistics, as in evaluation.
    ///
    /// - Parameters:
    ///   - x: X [S, N]; becomes X̂.
    ///   - y: Y [S, N], overwritten.
    ///   - parameters: The flat parameters.
    ///   - runningStatistics: The flat running statistics.
    ///   - columns: ``columnScalars(width:parts:)`` scalars to work in.
    public func forward<Scalar: TensorScalar>(
        _ x: Matrix<Scalar>, into y: Matrix<Scalar>, parameters: Vector<Scalar>,
        runningStatistics: Vector<Scalar>,
        columns: Vector<Scalar>
    ) {
        let (runningVariance, scale) = (runningStatistics[variance], columns[0..<width])
        Scalar.scales(width, Scalar(epsilon), runningVariance.base, scale.base)
        normalize(x, into: y, mean: runningStatistics[mean], scale: scale, parameters: parameters)
    }

    /// Computes ∂L/∂γ = Σ ∂L/∂Y ∘ X̂ and ∂L/∂β = Σ ∂L/∂Y, and turns `gradient` from ∂L/∂Y into
    /// ∂L/∂X = γ/√(σ² + ε) ∘ (∂L/∂Y − (1/B) Σ ∂L/∂Y − X̂ ∘ (1/B) Σ ∂L/∂Y ∘ X̂), the sums running over the B rows that
    /// the statistics were taken over.
    ///
    /// - Parameters:
    ///   - normalized: X̂ [S, N] of the forward pass.
    ///   - gradient: ∂L/∂Y [S, N], becomes ∂L/∂X.
    ///   - parts: The number of parts P of the forward pass.
    ///   - parameters: The flat parameters.
    ///   - gradients: The flat gradients; this module's ranges are overwritten by the reducer.
    ///   - columns: The scalars of the forward pass.
    ///   - reducer: Brings the parts' sums together.
    /// - Throws: What the reducer throws.
    public func backward<Reducer: BatchReducer>(
        normalized: Matrix<Reducer.Scalar>, gradient: Matrix<Reducer.Scalar>, parts: Int,
        parameters: Vector<Reducer.Scalar>, gradients: Vector<Reducer.Scalar>,
        columns: Vector<Reducer.Scalar>,
        reducer: Reducer
    ) throws {
        typealias Scalar = Reducer.Scalar
        precondition(normalized.hasShape(of: gradient), "batch norm keeps the shape")
        let partRows = gradient.rows / parts
        let sums = columns[0..<2 * width * parts].matrix(rows: parts, columns: 2 * width)
        for part in 0..<parts {
            let rows = part * partRows..<(part + 1) * partRows
            let partSums = sums[rows: part..<part + 1].vector
            Scalar.batchNormSums(
                partRows, width, gradient[rows: rows].base, normalized[rows: rows].base,
                partSums[width..<2 * width].base, partSums[0..<width].base)
        }
        try reducer.sumBatchNorm(sums, gradient: gradients[gamma.lowerBound..<beta.upperBound])

        let groups = reducer.synchronizesBatchNorm ? 1 : parts
        let groupRows = gradient.rows / groups
        for group in 0..<groups {
            let rows = group * groupRows..<(group + 1) * groupRows
            let groupSums = sums[rows: group..<group + 1].vector
            Scalar.batchNormBackward(
                groupRows, width, columns[columns.count - 1], parameters[gamma].base,
                scales(group, of: parts, in: columns).base, groupSums[width..<2 * width].base,
                groupSums[0..<width].base, normalized[rows: rows].base, gradient[rows: rows].base)
        }
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
        parameters: Vector<Scalar>
    ) {
        precondition(
            x.hasShape(of: y) && x.columns == width, "batch norm of \(width) columns keeps the shape")
        Scalar.batchNorm(
            x.rows, width, mean.base, scale.base, parameters[gamma].base, parameters[beta].base, x.base,
            y.base)
    }
}
