import Tensors
import Testing

/// A scalar function of several blocks of variables, with the gradient that the engine derives for it.
protocol GradientCase: Sendable, CustomTestStringConvertible {
    /// The point at which the gradient is checked, exact in Float.
    var variables: [[Double]] { get }

    /// Computes the function in the given precision, and its gradient block by block.
    func evaluate<Scalar: TensorScalar>(_ variables: [[Double]], as type: Scalar.Type) throws -> (
        value: Double, gradients: [[Double]]
    )

    /// The function as the differences take it: the engine's own, or an independent one.
    func reference(_ variables: [[Double]]) throws -> Double
}

extension GradientCase {
    func reference(_ variables: [[Double]]) throws -> Double {
        try evaluate(variables, as: Double.self).value
    }

    /// Checks the gradient in Double against central differences, and the one in Float against the one in Double.
    ///
    /// Central differences (f(x + h) − f(x − h)) / 2h err by h² f‴/6 from the formula and by about ε |f| / h from
    /// the rounding of f; both are about 10⁻¹⁰ at h = ∛ε ≈ 6·10⁻⁶, for f and x of the order of 1. A smaller h loses
    /// digits, a larger one also crosses more kinks of ReLU and ELU.
    func checkGradient(
        doubleTolerance: Double = 1e-5, floatTolerance: Double = 1e-4,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let variables = variables
        let (value, gradients) = try evaluate(variables, as: Double.self)
        let expected = try reference(variables)
        #expect(
            abs(value - expected) <= 1e-12 * max(1, abs(expected)), "value", sourceLocation: sourceLocation)
        let differences = try centralDifferences(at: variables)
        #expect(gradients.map(\.count) == variables.map(\.count), sourceLocation: sourceLocation)
        #expect(
            relativeError(gradients, differences) < doubleTolerance, "against differences",
            sourceLocation: sourceLocation)
        let single = try evaluate(variables, as: Float.self)
        #expect(
            abs(single.value - value) <= floatTolerance * max(1, abs(value)), "value in Float",
            sourceLocation: sourceLocation)
        #expect(
            relativeError(single.gradients, gradients, floor: 1) < floatTolerance, "in Float",
            sourceLocation: sourceLocation)
    }

    private func centralDifferences(at point: [[Double]]) throws -> [[Double]] {
        let step = 6e-6
        var point = point
        var gradients = point
        for block in point.indices {
            for index in point[block].indices {
                let centre = point[block][index]
                let (above, below) = (centre + step, centre - step)
                point[block][index] = above
                let high = try reference(point)
                point[block][index] = below
                let low = try reference(point)
                point[block][index] = centre
                gradients[block][index] = (high - low) / (above - below)
            }
        }
        return gradients
    }
}

/// The largest |a − b| / max(|a|, |b|, floor · g) over all entries, g being the largest |b| of all.
///
/// Entry by entry, so that a wrong entry does not drown in the norm of many right ones; the floor keeps
/// entries that should be 0 (a bias in front of batch norm) from dividing rounding errors by rounding errors.
/// A tolerance of 10⁻⁵ with a floor of 10⁻³ still finds any error of more than 10⁻⁸ g.
func relativeError(_ first: [[Double]], _ second: [[Double]], floor: Double = 1e-3) -> Double {
    let (first, second) = (first.flatMap { $0 }, second.flatMap { $0 })
    let largest = second.map(abs).max() ?? 0
    var worst = 0.0
    for (a, b) in zip(first, second) {
        let error = abs(a - b) / max(abs(a), abs(b), floor * largest, .leastNormalMagnitude)
        worst = error.isNaN ? .infinity : max(worst, error)
    }
    return worst
}

/// Σ C ∘ Y: a function of Y whose gradient is C.
func weightedSum<Scalar: TensorScalar>(_ coefficients: [Double], _ y: Matrix<Scalar>) -> Double {
    zip(coefficients, y.vector.array).reduce(0) { $0 + $1.0 * Double($1.1) }
}

extension Vector where Scalar: TensorScalar {
    /// The scalars in double precision.
    var doubles: [Double] { array.map { Double($0) } }
}
