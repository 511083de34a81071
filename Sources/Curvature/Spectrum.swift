internal import Tensors

/// An eigenvalue, and how far from it the true one can be.
public struct BoundedEigenvalue: Codable, Sendable, Hashable {
    /// The value found.
    public let value: Double
    /// Within this distance of it there is an eigenvalue.
    public let bound: Double
}

/// A mean over independent probes.
public struct ProbeEstimate: Codable, Sendable, Hashable {
    /// The mean.
    public let mean: Double
    /// Its standard error: the probes' deviation by the root of their number. Nil of a single probe.
    public let standardError: Double?

    init(_ values: [Double]) {
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        self.mean = mean
        standardError =
            values.count < 2
            ? nil
            : (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1) / count).squareRoot()
    }
}

/// How a symmetric matrix's eigenvalues are spread, by stochastic Lanczos quadrature: Lanczos from several random vectors.
///
/// Of a unit vector v in a uniformly random direction vᵀ f(H) v has the mean (1/n) tr f(H), the mean of f over H's eigenvalues.
/// Gauss's quadrature estimates vᵀ f(H) v for any f from the same k products.
///
/// Sources: Golub, Welsch 1969; Ubaru, Chen, Saad, "Fast estimation of tr(f(A)) via stochastic Lanczos quadrature", 2017;
/// Ghorbani, Krishnan, Xiao, "An investigation into neural net optimization via Hessian eigenvalue density", ICML 2019.
public struct Spectrum: Sendable {
    /// The runs, one for each probe.
    public let runs: [Lanczos]
    /// The largest eigenvalue, from the run that came to the largest: too small, by at most its bound.
    public let largest: BoundedEigenvalue
    /// The smallest.
    public let smallest: BoundedEigenvalue

    /// Runs Lanczos from `probes` random vectors.
    ///
    /// - Parameters:
    ///   - dimension: n.
    ///   - steps: The products of each run.
    ///   - probes: The number of runs, at least 1.
    ///   - seed: What the vectors follow from.
    ///   - product: H v.
    /// - Throws: What a product throws, or ``EigenvalueError``.
    public init(
        dimension: Int, steps: Int, probes: Int, seed: UInt64, product: ([Double]) throws -> [Double]
    ) throws {
        precondition(probes >= 1, "\(probes) probes")
        runs = try (0..<probes).map { probe in
            try Lanczos(
                start: Lanczos.randomVector(count: dimension, seed: seed, probe: probe), steps: steps,
                product: product)
        }
        func outermost(_ ritz: [Lanczos.RitzValue], _ isFurther: (Double, Double) -> Bool)
            -> BoundedEigenvalue
        {
            var outermost = ritz[0]
            for value in ritz.dropFirst() where isFurther(value.value, outermost.value) { outermost = value }
            return BoundedEigenvalue(value: outermost.value, bound: outermost.bound)
        }
        largest = outermost(runs.compactMap(\.ritzValues.last), >)
        smallest = outermost(runs.compactMap(\.ritzValues.first), <)
    }

    /// The larger absolute value of the two extreme eigenvalues.
    public var radius: Double { max(abs(largest.value), abs(smallest.value)) }

    /// The share of eigenvalues below `threshold`.
    ///
    /// A rule of k points does not tell apart what lies within about (λ_max − λ_min)/k: this share is trustworthy as far as few
    /// eigenvalues lie that near to the threshold.
    public func share(below threshold: Double) -> ProbeEstimate {
        ProbeEstimate(
            runs.map { run in
                run.ritzValues.reduce(0) { $0 + ($1.value < threshold ? $1.weight : 0) }
            })
    }

    /// The mean of all eigenvalues: the trace by n.
    public var mean: ProbeEstimate {
        ProbeEstimate(runs.map { run in run.ritzValues.reduce(0) { $0 + $1.weight * $1.value } })
    }

    /// The density of eigenvalues, each spread by a normal distribution.
    ///
    /// - Parameters:
    ///   - points: The number of places, at least 2, from the smallest eigenvalue to the largest and a little beyond.
    ///   - relativeWidth: The standard deviation of the normal distributions, as a share of λ_max − λ_min.
    public func density(points: Int, relativeWidth: Double = 0.01) -> SpectralDensity {
        precondition(points >= 2 && relativeWidth > 0, "a density at \(points) points")
        let range = largest.value - smallest.value
        let width = relativeWidth * (range > 0 ? range : max(radius, 1))
        let (low, high) = (smallest.value - 4 * width, largest.value + 4 * width)
        let grid = (0..<points).map { low + (high - low) * Double($0) / Double(points - 1) }
        let factor = 1 / (width * (2 * Double.pi).squareRoot() * Double(runs.count))
        let values = grid.map { place in
            factor
                * runs.reduce(0) { sum, run in
                    run.ritzValues.reduce(sum) { sum, ritz in
                        let distance = (place - ritz.value) / width
                        return sum + ritz.weight * PortableMath.exp(-distance * distance / 2)
                    }
                }
        }
        return SpectralDensity(grid: grid, values: values, width: width)
    }
}

/// A density of eigenvalues, for a plot.
public struct SpectralDensity: Codable, Sendable, Hashable {
    /// Places on the axis of eigenvalues, equally spaced.
    public let grid: [Double]
    /// The density there; its integral is 1.
    public let values: [Double]
    /// The standard deviation of the normal distributions by which eigenvalues were spread.
    public let width: Double
}
