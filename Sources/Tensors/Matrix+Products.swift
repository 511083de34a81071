extension Matrix where Scalar: TensorScalar {
    /// Computes this matrix as C ← α op(A) op(B) + β C.
    ///
    /// - Parameters:
    ///   - a: The left factor; op(A) is [m, k].
    ///   - transposeA: What op does to A.
    ///   - b: The right factor; op(B) is [k, n].
    ///   - transposeB: What op does to B.
    ///   - alpha: The factor α.
    ///   - beta: The factor β; at 0 the old entries are not read, so they may be anything.
    public func setProduct(
        _ a: Matrix, _ transposeA: Transposition, _ b: Matrix, _ transposeB: Transposition = .none,
        alpha: Scalar = 1, beta: Scalar = 0
    ) {
        let (m, k) = transposeA == .none ? (a.rows, a.columns) : (a.columns, a.rows)
        let (inner, n) = transposeB == .none ? (b.rows, b.columns) : (b.columns, b.rows)
        precondition(
            inner == k && rows == m && columns == n,
            "[\(m), \(k)] times [\(inner), \(n)] is not [\(rows), \(columns)]")
        guard m > 0, n > 0 else { return }
        Scalar.gemm(
            transposeA, transposeB, m, n, k, alpha, a.base, max(1, a.columns), b.base, max(1, b.columns),
            beta, base,
            columns)
    }

    /// Computes some columns of this matrix as those of op(A) B, leaving all others: C[:, r] ← op(A) B[:, r].
    ///
    /// - Parameters:
    ///   - range: The columns r.
    ///   - a: The left factor; op(A) is [m, k].
    ///   - transposeA: What op does to A.
    ///   - b: The right factor [k, n], of as many columns as this matrix.
    public func setColumns(
        _ range: Range<Int>, toProduct a: Matrix, _ transposeA: Transposition, _ b: Matrix
    ) {
        let (m, k) = transposeA == .none ? (a.rows, a.columns) : (a.columns, a.rows)
        precondition(
            b.rows == k && rows == m && b.columns == columns,
            "[\(m), \(k)] times [\(b.rows), \(b.columns)] is not [\(rows), \(columns)]")
        precondition(
            range.lowerBound >= 0 && range.upperBound <= columns, "\(range) lies outside 0..<\(columns)")
        guard m > 0, !range.isEmpty else { return }
        Scalar.gemm(
            transposeA, .none, m, range.count, k, 1, a.base, max(1, a.columns), b.base + range.lowerBound,
            columns, 0,
            base + range.lowerBound, columns)
    }
}
