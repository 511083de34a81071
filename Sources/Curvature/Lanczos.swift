internal import Tensors

/// Lanczos' method: k products of a symmetric matrix H with vectors, and what they tell of its eigenvalues.
///
/// From a unit vector q₁ on H q_j = β_{j−1} q_{j−1} + α_j q_j + β_j q_{j+1} builds an orthonormal basis Q, in which H is the
/// tridiagonal T = Qᵀ H Q of the α and β. T's eigenvalues θ_i, with eigenvectors s_i, are Ritz values: the outermost soon come
/// near H's outermost, and within β_k |s_{k,i}| of θ_i there is an eigenvalue of H. The weights s²_{1,i} make Gauss's
/// quadrature: Σ_i s²_{1,i} f(θ_i) ≈ q₁ᵀ f(H) q₁, exactly for polynomials up to degree 2k − 1.
///
/// Each new vector is made orthogonal to all before it, twice, or rounding errors would soon let eigenvalues appear again.
///
/// Sources: Lanczos, "An iteration method for the solution of the eigenvalue problem of linear differential and integral
/// operators", 1950; Golub, Welsch, "Calculation of Gauss quadrature rules", 1969.
public struct Lanczos: Sendable {
    /// An eigenvalue of T.
    public struct RitzValue: Sendable, Hashable {
        /// θ_i.
        public let value: Double
        /// Within this distance of θ_i there is an eigenvalue of H.
        public let bound: Double
        /// s²_{1,i}; all of them add up to 1.
        public let weight: Double
    }

    /// All of T's, ascending.
    public let ritzValues: [RitzValue]
    /// The products that were computed: fewer than were asked for where the basis spans what H makes of q₁.
    public let steps: Int

    /// Below this share of the largest entry of T a β is 0 but for rounding.
    private static let negligible = 1e-13

    /// Runs the method.
    ///
    /// - Parameters:
    ///   - start: The first vector, of any length but 0.
    ///   - steps: The number of products k, at least 1.
    ///   - product: H v.
    /// - Throws: What a product throws, or ``EigenvalueError`` where H holds what is no finite number.
    public init(start: [Double], steps: Int, product: ([Double]) throws -> [Double]) throws {
        let length = Vectors.norm(start)
        precondition(steps >= 1 && length > 0, "\(steps) steps from a vector of length \(length)")
        var q = start
        Vectors.scale(&q, by: 1 / length)
        var (basis, diagonal, offDiagonal) = ([q], [Double](), [Double]())
        var scale = 0.0
        while true {
            var next = try product(basis[basis.count - 1])
            let alpha = Vectors.dot(basis[basis.count - 1], next)
            diagonal.append(alpha)
            for _ in 0..<2 {
                for vector in basis { Vectors.add(-Vectors.dot(vector, next), vector, to: &next) }
            }
            let beta = Vectors.norm(next)
            offDiagonal.append(beta)
            guard alpha.isFinite, beta.isFinite else { throw EigenvalueError() }
            scale = max(scale, abs(alpha), beta)
            if diagonal.count == min(steps, start.count) || beta <= Self.negligible * scale { break }
            Vectors.scale(&next, by: 1 / beta)
            basis.append(next)
        }
        self.steps = diagonal.count
        let last = offDiagonal.removeLast()
        let k = diagonal.count
        var rows = [0, k - 1].map { unit in (0..<k).map { $0 == unit ? 1.0 : 0 } }
        let values = try TridiagonalMatrix(diagonal: diagonal, offDiagonal: offDiagonal)
            .eigenvalues(transforming: &rows)
        ritzValues = values.indices.map {
            RitzValue(value: values[$0], bound: last * abs(rows[1][$0]), weight: rows[0][$0] * rows[0][$0])
        }
    }

    /// A vector of independent normal numbers, so one in a uniform direction.
    ///
    /// - Parameters:
    ///   - count: Its numbers.
    ///   - seed: The seed.
    ///   - probe: Which vector of the seed's.
    public static func randomVector(count: Int, seed: UInt64, probe: Int) -> [Double] {
        var random = RandomStream(seed: seed, purpose: .curvature, shard: probe)
        var vector: [Double] = []
        vector.reserveCapacity(count + 1)
        while vector.count < count {
            let (first, second) = random.normalPair()
            vector += [first, second]
        }
        return Array(vector.prefix(count))
    }
}
