public import Foundation

/// A symmetric tridiagonal matrix: what Lanczos and Householder leave of a symmetric one.
///
/// Computed with additions, multiplications, divisions and square roots alone, so that every machine finds the same bits.
package struct TridiagonalMatrix {
    /// Its diagonal.
    package var diagonal: [Double]
    /// What stands beside it, one number fewer.
    package var offDiagonal: [Double]

    /// A matrix.
    package init(diagonal: [Double], offDiagonal: [Double]) {
        (self.diagonal, self.offDiagonal) = (diagonal, offDiagonal)
    }

    /// The eigenvalues, ascending, by implicit QL iterations.
    ///
    /// - Parameter rows: Rows r, each of which becomes r Z with the matrix Z of eigenvectors, in the order of the eigenvalues:
    ///   of the first unit vector the eigenvectors' first components.
    /// - Throws: ``EigenvalueError`` where the matrix holds what is no finite number.
    ///
    /// Source: Bowdler, Martin, Reinsch, Wilkinson, "The QR and QL algorithms for symmetric matrices", 1968.
    package func eigenvalues(transforming rows: inout [[Double]]) throws(EigenvalueError) -> [Double] {
        let n = diagonal.count
        precondition(offDiagonal.count == max(0, n - 1), "a tridiagonal matrix of \(n) rows")
        guard (diagonal + offDiagonal).allSatisfy(\.isFinite) else { throw EigenvalueError() }
        var d = diagonal
        var e = offDiagonal + [0]
        for low in 0..<n {
            var iterations = 0
            while true {
                var high = low
                while high < n - 1 {
                    if abs(e[high]) <= Double.ulpOfOne / 2 * (abs(d[high]) + abs(d[high + 1])) { break }
                    high += 1
                }
                if high == low { break }
                iterations += 1
                // Two or three are usual.
                guard iterations <= 200 else { throw EigenvalueError() }

                var g = (d[low + 1] - d[low]) / (2 * e[low])
                let root = Self.length(g, 1)
                g = d[high] - d[low] + e[low] / (g + (g < 0 ? -root : root))
                var (sine, cosine, shift) = (1.0, 1.0, 0.0)
                var isSplit = false
                for index in stride(from: high - 1, through: low, by: -1) {
                    let f = sine * e[index]
                    let b = cosine * e[index]
                    let length = Self.length(f, g)
                    e[index + 1] = length
                    if length == 0 {
                        d[index + 1] -= shift
                        e[high] = 0
                        isSplit = true
                        break
                    }
                    (sine, cosine) = (f / length, g / length)
                    g = d[index + 1] - shift
                    let r = (d[index] - g) * sine + 2 * cosine * b
                    shift = sine * r
                    d[index + 1] = g + shift
                    g = cosine * r - b
                    for row in rows.indices {
                        let (left, right) = (rows[row][index], rows[row][index + 1])
                        rows[row][index + 1] = sine * left + cosine * right
                        rows[row][index] = cosine * left - sine * right
                    }
                }
                if isSplit { continue }
                d[low] -= shift
                e[low] = g
                e[high] = 0
            }
        }
        let order = d.indices.sorted { (d[$0], $0) < (d[$1], $1) }
        for row in rows.indices { rows[row] = order.map { rows[row][$0] } }
        return order.map { d[$0] }
    }

    /// √(a² + b²) without overflow.
    private static func length(_ a: Double, _ b: Double) -> Double {
        let largest = max(abs(a), abs(b))
        guard largest > 0 else { return 0 }
        let (x, y) = (a / largest, b / largest)
        return largest * (x * x + y * y).squareRoot()
    }
}

/// Eigenvalues that cannot be found.
public struct EigenvalueError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// One line.
    public var description: String {
        "computing eigenvalues: expected a matrix of finite numbers, found infinities or NaN"
    }
    /// The same as ``description``.
    public var errorDescription: String? { description }
}

/// Dense symmetric matrices.
public enum SymmetricMatrix {
    /// All eigenvalues of a symmetric matrix, ascending: Householder's reflections make it tridiagonal, QL iterations do the
    /// rest. About 4/3 n³ multiplications and additions.
    ///
    /// - Parameters:
    ///   - matrix: [n, n], row after row.
    ///   - n: The number of rows.
    /// - Throws: ``EigenvalueError`` where the matrix holds what is no finite number.
    public static func eigenvalues(_ matrix: [Double], rows n: Int) throws(EigenvalueError) -> [Double] {
        precondition(matrix.count == n * n, "\(matrix.count) numbers for a matrix of \(n) rows")
        var rows: [[Double]] = []
        return try tridiagonal(matrix, rows: n).eigenvalues(transforming: &rows)
    }

    /// For each column k the part below the diagonal, x, is reflected onto α e₁ by I − 2 u uᵀ/uᵀu, u = x − α e₁; what is left
    /// of the matrix becomes A − u qᵀ − q uᵀ with p = 2 A u/uᵀu and q = p − (uᵀp/uᵀu) u.
    private static func tridiagonal(_ matrix: [Double], rows n: Int) -> TridiagonalMatrix {
        var rows = (0..<n).map { Array(matrix[$0 * n..<($0 + 1) * n]) }
        var offDiagonal: [Double] = []
        for k in 0..<max(0, n - 1) {
            var u = (k + 1..<n).map { rows[$0][k] }
            let norm = Vectors.norm(u)
            let alpha = u[0] > 0 ? -norm : norm
            offDiagonal.append(u.count == 1 ? u[0] : alpha)
            guard u.count > 1, norm > 0 else { continue }
            u[0] -= alpha
            let square = Vectors.dot(u, u)
            let trailing = (k + 1..<n).map { Array(rows[$0][(k + 1)...]) }
            var q = trailing.map { 2 * Vectors.dot($0, u) / square }
            Vectors.add(-Vectors.dot(u, q) / square, u, to: &q)
            for (index, var row) in trailing.enumerated() {
                Vectors.add(-u[index], q, to: &row)
                Vectors.add(-q[index], u, to: &row)
                rows[k + 1 + index].replaceSubrange((k + 1)..., with: row)
            }
        }
        return TridiagonalMatrix(diagonal: (0..<n).map { rows[$0][$0] }, offDiagonal: offDiagonal)
    }
}
