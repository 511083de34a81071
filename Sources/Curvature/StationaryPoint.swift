/// A point near which a loss is stationary, and the curvatures there: with some negative ones it is a saddle.
public struct StationaryPoint: Codable, Sendable, Hashable {
    /// How such a point is looked for.
    public struct Options: Codable, Sendable, Hashable {
        /// The most steps.
        public var steps = 100
        /// At this ‖∇L‖ the point is good enough.
        public var gradientNorm = 1e-8
        /// Eigenvalues within this share of the largest absolute one count as 0, neither positive nor negative.
        public var negligible = 1e-6

        /// The defaults.
        public init() {}
    }

    /// w.
    public let parameters: [Double]
    /// L(w).
    public let loss: Double
    /// ‖∇L‖ at the start and after each step; it never rises.
    public let gradientNorms: [Double]
    /// All eigenvalues of H(w), ascending.
    public let eigenvalues: [Double]
    /// Eigenvalues up to this absolute value count as 0.
    public let threshold: Double

    /// The number of directions that bend downwards: the index of the saddle.
    public var negativeCount: Int { eigenvalues.count { $0 < -threshold } }
    /// The number of directions that bend upwards.
    public var positiveCount: Int { eigenvalues.count { $0 > threshold } }
    /// The share of negative eigenvalues among all.
    public var negativeShare: Double { Double(negativeCount) / Double(eigenvalues.count) }
    /// ‖∇L‖ where the search ended: whether the point is stationary.
    public var gradientNorm: Double { gradientNorms[gradientNorms.count - 1] }

    /// Goes from `start` towards a stationary point, whichever kind is near, and computes all eigenvalues there. Collective:
    /// every rank must call it, with the same arguments.
    ///
    /// It makes ½‖∇L‖² smaller, whose gradient is H ∇L, by steps of Levenberg and Marquardt on ∇L = 0: s minimises
    /// ‖∇L + H s‖² + μ‖s‖², so (H² + μ) s = −H ∇L. A step that does not make ‖∇L‖ smaller is not taken, and μ raised. The search
    /// may come to rest where H ∇L = 0 and ∇L is not, which is stationary for ‖∇L‖ only: ``gradientNorm`` tells.
    ///
    /// Each step takes a product for each of n parameters and n³ operations: for networks of up to a thousand or so.
    ///
    /// Source: Dauphin et al., "Identifying and attacking the saddle point problem in high-dimensional non-convex
    /// optimization", NIPS 2014, which finds saddles by Newton's method; Pennington, Bahri, "Geometry of neural network loss
    /// surfaces via random matrix theory", ICML 2017, by ½‖∇L‖².
    ///
    /// - Throws: The communicator's error, or ``EigenvalueError`` where the loss is no finite number.
    public init(near start: [Double], of loss: SampleLoss, _ options: Options = Options()) throws {
        var point = start
        var (value, gradient) = try loss.gradient(at: point)
        var norms = [Vectors.norm(gradient)]
        var hessian = try loss.hessian(at: point)
        var damping: Double?
        while norms.count <= options.steps, norms[norms.count - 1] > options.gradientNorm {
            let norm = norms[norms.count - 1]
            let normal = NormalEquations(hessian, gradient)
            let slopeNorm = Vectors.norm(normal.slope)
            guard norm.isFinite, slopeNorm.isFinite else { throw EigenvalueError() }
            guard slopeNorm > 0 else { break }
            // H's square along the gradient sets the scale.
            let scale = (slopeNorm / norm) * (slopeNorm / norm)
            var mu = damping ?? 1e-3 * scale
            var isBetter = false
            // Eight times as much each time: after so many the step is below what changes anything.
            for _ in 0..<25 where !isBetter {
                if let step = normal.step(mu) {
                    var next = point
                    Vectors.add(1, step, to: &next)
                    let (nextValue, nextGradient) = try loss.gradient(at: next)
                    let nextNorm = Vectors.norm(nextGradient)
                    isBetter = nextNorm < norm
                    if isBetter {
                        (point, value, gradient) = (next, nextValue, nextGradient)
                        norms.append(nextNorm)
                    }
                }
                mu = isBetter ? mu / 5 : mu * 8
            }
            damping = mu
            guard isBetter else { break }
            hessian = try loss.hessian(at: point)
        }
        let eigenvalues = try SymmetricMatrix.eigenvalues(hessian, rows: point.count)
        parameters = point
        self.loss = value
        gradientNorms = norms
        self.eigenvalues = eigenvalues
        threshold = options.negligible * eigenvalues.reduce(0) { max($0, abs($1)) }
    }

    /// (H² + μ) s = −H ∇L.
    private struct NormalEquations {
        /// H ∇L.
        let slope: [Double]
        /// H², its rows up to the diagonal.
        private let square: [[Double]]

        init(_ hessian: [Double], _ gradient: [Double]) {
            let n = gradient.count
            let rows = (0..<n).map { Array(hessian[$0 * n..<($0 + 1) * n]) }
            slope = rows.map { Vectors.dot($0, gradient) }
            square = (0..<n).map { row in (0...row).map { Vectors.dot(rows[row], rows[$0]) } }
        }

        /// s by Cholesky's factorisation L Lᵀ = H² + μ; nil where rounding leaves that not positive definite.
        func step(_ mu: Double) -> [Double]? {
            var factor = square
            for row in factor.indices {
                for column in 0...row {
                    var entry = square[row][column] + (column == row ? mu : 0)
                    entry -= Vectors.dot(factor[row], factor[column], first: column)
                    guard column < row || entry > 0 else { return nil }
                    factor[row][column] = column == row ? entry.squareRoot() : entry / factor[column][column]
                }
            }
            var step = slope.map { -$0 }
            for row in step.indices {
                step[row] = (step[row] - Vectors.dot(factor[row], step, first: row)) / factor[row][row]
            }
            for row in step.indices.reversed() {
                step[row] /= factor[row][row]
                for column in 0..<row { step[column] -= factor[row][column] * step[row] }
            }
            return step
        }
    }
}
