internal import Tensors

/// How rare minima are among stationary points, if curvatures were drawn at random.
///
/// The naive count flips a coin for the sign of each of n curvatures: all are positive with probability 2⁻ⁿ. The eigenvalues of
/// a random symmetric matrix (of the Gaussian orthogonal ensemble: entries N(0, 1), on the diagonal N(0, 2)) repel one another:
/// that all are positive is rarer still, for large n about e^(−n² ln 3 / 4).
///
/// Sources: Dauphin et al., NIPS 2014; Dean, Majumdar, "Large deviations of extreme eigenvalues of random matrices", 2006.
public struct CoinFlips: Codable, Sendable, Hashable {
    /// The number of rows n.
    public let dimension: Int
    /// How many matrices were drawn, and how often n coins were flipped.
    public let trials: Int
    /// How many matrices have no eigenvalue at or below 0.
    public let minima: Int
    /// How often all n coins showed heads.
    public let allHeads: Int
    /// The mean share of negative eigenvalues: ½, since −A is as likely as A.
    public let negativeShare: Double

    /// The share of matrices without a negative eigenvalue.
    public var minimaShare: Double { Double(minima) / Double(trials) }
    /// The share of flips with heads alone.
    public var headsShare: Double { Double(allHeads) / Double(trials) }
    /// 2⁻ⁿ.
    public var naiveShare: Double { 1 / PortableMath.power(2, dimension) }

    /// Draws and counts.
    ///
    /// - Parameters:
    ///   - dimension: n, at least 1.
    ///   - trials: The number of matrices, at least 1 and below 2³².
    ///   - seed: What they follow from.
    /// - Throws: Nothing in practice: ``EigenvalueError`` is for numbers that are not finite.
    public init(dimension n: Int, trials: Int, seed: UInt64) throws(EigenvalueError) {
        precondition(n >= 1 && trials >= 1, "\(trials) matrices of \(n) rows")
        var (minima, allHeads, negative) = (0, 0, 0)
        for trial in 0..<trials {
            var random = RandomStream(seed: seed, purpose: .curvature, epoch: n, shard: trial)
            var matrix = [Double](repeating: 0, count: n * n)
            for row in 0..<n {
                for column in 0...row {
                    let number = random.normalPair().0
                    matrix[row * n + column] = row == column ? number * 2.0.squareRoot() : number
                    matrix[column * n + row] = matrix[row * n + column]
                }
            }
            let eigenvalues = try SymmetricMatrix.eigenvalues(matrix, rows: n)
            negative += eigenvalues.count { $0 < 0 }
            if eigenvalues[0] > 0 { minima += 1 }
            if (0..<n).allSatisfy({ _ in random.integer(below: 2) == 1 }) { allHeads += 1 }
        }
        (dimension, self.trials, self.minima, self.allHeads) = (n, trials, minima, allHeads)
        negativeShare = Double(negative) / Double(n * trials)
    }
}
