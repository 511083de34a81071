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

    /// How many scalars a pass keeps per module: moments or sums [2, N], scales [N], and the batch's row count.
    public static func columnScalars(width: Int) -> Int { 3 * width + 1 }

    /// Normalises with the statistics of the batch.
    ///
    /// - Parameters:
    ///   - x: X [S, N]; becomes X̂, which the backward pass needs.
    ///   - y: Y [S, N], overwritten.
    ///   - parameters: The flat parameters.
    ///   - batchStatistics: A buffer of the statistics' layout; the batch's mean and unbiased variance are written
    ///     to this module's ranges.
    ///   - columns: ``columnScalars(width:)`` scalars that stay untouched until the backward pass.
    ///   - reducer: Brings the statistics of a spread batch together.
    /// - Throws: What the reducer throws.
    public func forward<Reducer: BatchStatisticsReducer>(
        _ x: Matrix<Reducer.Scalar>, into y: Matrix<Reducer.Scalar>, parameters: Vector<Reducer.Scalar>,
        batchStatistics: Vector<Reducer.Scalar>, columns: Vector<Reducer.Scalar>, reducer: Reducer
    ) throws {
        typealias Scalar = Reducer.Scalar
        let moments = columns[0..<2 * width].matrix(rows: 2, columns: width)
        let (batchMean, m2) = (columns[0..<width], columns[width..<2 * width])
        x.moments(mean: batchMean, m2: m2)
        let rows = try reducer.mergeMoments(moments, rows: x.rows)
        columns[3 * width] = Scalar(rows)
        let (outMean, outVariance, scale) = (
            batchStatistics[mean], batchStatistics[variance], scales(in: columns)
        )
        outMean.copy(from: batchMean)
        for column in 0..<width {
            outVariance[column] = m2[column] / Scalar(max(1, rows - 1))
            scale[column] = 1 / (m2[column] / Scalar(rows) + Scalar(epsilon)).squareRoot()
        }
        normalize(x, into: y, mean: batchMean, scale: scale, parameters: parameters)
    }

    /// Normalises with the running statistics, as in evaluation.
    ///
    /// - Parameters:
    ///   - x: X [S, N]; becomes X̂.
    ///   - y: Y [S, N], overwritten.
    ///   - parameters: The flat parameters.
    ///   - runningStatistics: The flat running statistics.
    ///   - columns: ``columnScalars(width:)`` scalars to work in.
    public func forward<Scalar: TensorScalar>(
        _ x: Matrix<Scalar>, into y: Matrix<Scalar>, parameters: Vector<Scalar>,
        runningStatistics: Vector<Scalar>,
        columns: Vector<Scalar>
    ) {
        let (runningVariance, scale) = (runningStatistics[variance], scales(in: columns))
        for column in 0..<width {
            scale[column] = 1 / (runningVariance[column] + Scalar(epsilon)).squareRoot()
        }
        normalize(x, into: y, mean: runningStatistics[mean], scale: scale, parameters: parameters)
    }

    /// Computes ∂L/∂γ = Σ ∂L/∂Y ∘ X̂ and ∂L/∂β = Σ ∂L/∂Y over this part's rows, and turns `gradient` from ∂L/∂Y
    /// into ∂L/∂X = γ/√(σ² + ε) ∘ (∂L/∂Y − (1/B) Σ ∂L/∂Y − X̂ ∘ (1/B) Σ ∂L/∂Y ∘ X̂), the sums running over all B
    /// rows of the batch.
    ///
    /// - Parameters:
    ///   - normalized: X̂ [S, N] of the forward pass.
    ///   - gradient: ∂L/∂Y [S, N], becomes ∂L/∂X.
    ///   - parameters: The flat parameters.
    ///   - gradients: The flat gradients; this module's ranges are overwritten.
    ///   - columns: The scalars of the forward pass.
    ///   - reducer: Brings the sums of a spread batch together.
    /// - Throws: What the reducer throws.
    public func backward<Reducer: BatchStatisticsReducer>(
        normalized: Matrix<Reducer.Scalar>, gradient: Matrix<Reducer.Scalar>,
        parameters: Vector<Reducer.Scalar>, gradients: Vector<Reducer.Scalar>,
        columns: Vector<Reducer.Scalar>,
        reducer: Reducer
    ) throws {
        typealias Scalar = Reducer.Scalar
        precondition(normalized.hasShape(of: gradient), "batch norm keeps the shape")
        let sums = columns[0..<2 * width]
        Scalar.batchNormSums(
            gradient.rows, width, gradient.base, normalized.base, gradients[beta].base, gradients[gamma].base)
        // The gradient of γ and β stays this part's; what is subtracted below is the whole batch's.
        sums.copy(from: gradients[gamma.lowerBound..<beta.upperBound])
        try reducer.sum(sums.matrix(rows: 2, columns: width))
        Scalar.batchNormBackward(
            gradient.rows, width, columns[3 * width], parameters[gamma].base, scales(in: columns).base,
            sums[width..<2 * width].base, sums[0..<width].base, normalized.base, gradient.base)
    }

    /// Moves the running statistics towards those of the batch: r ← (1 − momentum) r + momentum · s.
    public static func update<Scalar: TensorScalar>(
        running: Vector<Scalar>, towards batch: Vector<Scalar>, momentum: Scalar
    ) {
        precondition(running.count == batch.count, "statistics of one layout")
        for index in 0..<running.count {
            running[index] = (1 - momentum) * running[index] + momentum * batch[index]
        }
    }

    private func scales<Scalar>(in columns: Vector<Scalar>) -> Vector<Scalar> {
        columns[2 * width..<3 * width]
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
