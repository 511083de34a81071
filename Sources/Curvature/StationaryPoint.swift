/// A point near which a loss is stationary, and the curvatures there: with some negative ones it is a saddle.
public struct StationaryPoint: Codable, Sendable, Hashable {
    /// How such a point is looked for.
    public struct Options: Codable, Sendable, Hashable {
        /// The most steps.
        public var steps = 100
        /// The most conjugate gradient iterations of a step, of two Hessian-vector products each.
        public var iterations = 100
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
    /// ‖∇L + H s‖² + μ‖s‖², so (H² + μ) s = −H ∇L, solved by conjugate gradients. A step that does not make ‖∇L‖ smaller is not
    /// taken, and μ raised. Where H ∇L = 0 and ∇L is not, the search ends at what is a stationary point of ‖∇L‖ only:
    /// ``gradientNorm`` tells.
    ///
    /// The eigenvalues take a product for each parameter and n³ operations: for networks of up to a few thousand parameters.
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
        var damping: Double?
        for _ in 0..<options.steps where norms[norms.count - 1] > options.gradientNorm {
            let slope = try loss.hessianProduct(at: point, gradient)
            let (norm, slopeNorm) = (norms[norms.count - 1], Vectors.norm(slope))
            guard norm.isFinite, slopeNorm.isFinite else { throw EigenvalueError() }
            guard slopeNorm > 0 else { break }
            // H's square along the gradient sets the scale.
            var mu = damping ?? 1e-3 * (slopeNorm / norm) * (slopeNorm / norm)
            var isBetter = false
            // A few times as large each time: after so many the step is far below what changes anything.
            for _ in 0..<20 where !isBetter {
                let step = try Self.step(at: point, slope, mu, loss, iterations: options.iterations)
                var next = point
                Vectors.add(1, step, to: &next)
                let (nextValue, nextGradient) = try loss.gradient(at: next)
                let nextNorm = Vectors.norm(nextGradient)
                isBetter = nextNorm < norm
                if isBetter {
                    (point, value, gradient) = (next, nextValue, nextGradient)
                    norms.append(nextNorm)
                }
                mu = isBetter ? mu / 5 : mu * 8
            }
            damping = mu
            if !isBetter { break }
        }
        let eigenvalues = try SymmetricMatrix.eigenvalues(
            try loss.hessian(at: point), rows: point.count)
        parameters = point
        self.loss = value
        gradientNorms = norms
        self.eigenvalues = eigenvalues
        threshold = options.negligible * eigenvalues.reduce(0) { max($0, abs($1)) }
    }

    /// (H² + μ) s = −H ∇L by conjugate gradients.
    private static func step(
        at point: [Double], _ slope: [Double], _ mu: Double, _ loss: SampleLoss, iterations: Int
    ) throws -> [Double] {
        var step = [Double](repeating: 0, count: point.count)
        var residual = slope
        Vectors.scale(&residual, by: -1)
        var direction = residual
        var square = Vectors.dot(residual, residual)
        let enough = square * 1e-20
        for _ in 0..<iterations where square > enough {
            let product = try loss.hessianProduct(at: point, direction)
            var image = try loss.hessianProduct(at: point, product)
            Vectors.add(mu, direction, to: &image)
            let curvature = Vectors.dot(direction, image)
            guard curvature > 0 else { break }
            let length = square / curvature
            Vectors.add(length, direction, to: &step)
            Vectors.add(-length, image, to: &residual)
            let nextSquare = Vectors.dot(residual, residual)
            Vectors.scale(&direction, by: nextSquare / square)
            Vectors.add(1, residual, to: &direction)
            square = nextSquare
        }
        return step
    }
}
