public import Collectives
public import Foundation
internal import Tensors

/// A^(½) and A^(−½) of a symmetric positive definite matrix, by Newton's and Schulz's coupled iteration
///
///     T = ½ ρ (3 I − ρ² Z Y),   Y ← Y T,   Z ← T Z
///
/// from Y = A / b and Z = I with a bound b of A's eigenvalues: products alone, each entry of which is a sum in one order.
/// Y goes to A^(½) / √b, Z to A^(−½) √b. With ρ = 1 an eigenvalue x² of Z Y grows by 9/4 at most in a step; as long as the
/// smallest one is small, ρ > 1 stretches the interval in which all are, [l², 1], so that both its ends come to the same.
///
/// Sources: Higham, "Functions of Matrices", 2008, section 6.7 (the coupled iteration); Chen, Chow, "A stable scaling of
/// Newton-Schulz for improving the sign function computation of a Hermitian matrix", 2014 (ρ).
package struct InverseSquareRoot {
    /// Below this |Z Y − I| one more step, whose error is about its square, leaves nothing but rounding.
    private static let nearlyDone = 1e-7
    /// Up to this l scaling gains more than it costs.
    private static let largestScaledBound = 0.95
    /// It takes 11 with a condition of 10⁵, about the largest for which rounding leaves Z and Y powers of one matrix; beyond
    /// that they drift apart, and it does not come to an end.
    static let mostIterations = 60

    /// A^(½).
    package let root: SquareMatrix
    /// A^(−½).
    package let inverse: SquareMatrix
    /// The steps that were taken.
    package let iterations: Int

    /// Computes both. Collective: every rank must call it, with the same matrix.
    ///
    /// - Parameters:
    ///   - a: A.
    ///   - smallest: What no eigenvalue of A is less than.
    ///   - workers: Who computes.
    /// - Throws: An `AgreedFailure` where there is no memory; ``WhiteningFailure`` on all ranks where the iteration does not come
    ///   to its end; the communicator's error.
    package init(of a: SymmetricStrips, smallest: Double, _ workers: Workers) throws {
        let (communicator, team) = (workers.communicator, workers.team)
        let (y, z, t, product) = try communicator.agree(on: "making room for an inverse square root") {
            (
                try SquareMatrix(order: a.order), try SquareMatrix(order: a.order),
                try SquareMatrix(order: a.order), try SymmetricStrips(order: a.order)
            )
        }
        let bound = a.infinityNorm
        product.copy(from: a)
        product.transform(factor: 1 / bound, diagonal: 0)
        product.expand(into: y, team)
        var low = (smallest / bound).squareRoot()
        var taken = 0
        var residual = Double.infinity
        while !(residual < Self.nearlyDone) {
            guard taken < Self.mostIterations, bound.isFinite, !residual.isNaN else {
                throw WhiteningFailure(
                    description: "the inverse square root of the covariance: expected Z Y = I up to"
                        + " \(Self.nearlyDone) within \(Self.mostIterations) steps, found a difference of \(residual):"
                        + " a larger --whiten-epsilon helps",
                    shouldReport: communicator.rank == 0)
            }
            // In the first step Z = I, and the product is Y.
            if taken > 0 { try product.setProduct(z.matrix, y.matrix, workers) }
            residual = product.largestDeviationFromIdentity
            let rho = low < Self.largestScaledBound ? (3 / (1 + low + low * low)).squareRoot() : 1
            low = 0.5 * rho * low * (3 - rho * rho * low * low)
            product.transform(factor: -0.5 * rho * rho * rho, diagonal: 1.5 * rho)
            product.expand(into: t, team)
            try product.setProduct(y.matrix, t.matrix, workers)
            product.expand(into: y, team)
            if taken > 0 { try product.setProduct(t.matrix, z.matrix, workers) }
            if taken > 0 {
                product.expand(into: z, team)
            } else {
                z.matrix.vector.copy(from: t.matrix.vector)
            }
            taken += 1
        }
        y.scale(by: bound.squareRoot())
        z.scale(by: 1 / bound.squareRoot())
        (root, inverse, iterations) = (y, z, taken)
    }

    /// The largest entry of |Z A Z − I|: how exact the result is, by its definition. Destroys the root. Collective: every rank
    /// must call it.
    ///
    /// - Throws: An `AgreedFailure` where there is no memory; the communicator's error.
    package consuming func residual(of a: SymmetricStrips, _ workers: Workers) throws -> Double {
        let product = try workers.communicator.agree(on: "making room to check a root") {
            try SymmetricStrips(order: a.order)
        }
        // A Z = Z A, which is symmetric as well.
        let whole = try workers.communicator.agree(on: "making room to check a root") {
            try SquareMatrix(order: a.order)
        }
        a.expand(into: whole, workers.team)
        try product.setProduct(whole.matrix, inverse.matrix, workers)
        product.expand(into: root, workers.team)
        try product.setProduct(inverse.matrix, root.matrix, workers)
        return product.largestDeviationFromIdentity
    }
}

/// Why images could not be whitened, found by all ranks alike.
public struct WhiteningFailure: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// One line: what was expected and what was found.
    public let description: String
    /// True on rank 0.
    public let shouldReport: Bool
    /// The same as ``description``.
    public var errorDescription: String? { description }
}
