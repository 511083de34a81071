extension Matrix where Scalar: TensorScalar {
    /// Adds `bias` [columns] to every row.
    public func addBias(_ bias: Vector<Scalar>) {
        precondition(bias.count == columns, "\(bias.count) biases for \(columns) columns")
        Scalar.addBias(rows, columns, bias.base, base)
    }

    /// Writes the sum of each column into `sums` [columns], rows added from first to last: 1ᵀ X.
    public func sumColumns(into sums: Vector<Scalar>) {
        precondition(sums.count == columns, "\(sums.count) sums for \(columns) columns")
        Scalar.columnSums(rows, columns, base, columns, sums.base)
    }

    /// Writes each column's mean, and the sum of squared deviations from it, into `mean` and `m2` [columns].
    ///
    /// There must be at least one row.
    public func moments(mean: Vector<Scalar>, m2: Vector<Scalar>) {
        precondition(rows > 0, "no rows have no mean")
        precondition(mean.count == columns && m2.count == columns, "moments of \(columns) columns")
        Scalar.columnMoments(rows, columns, base, mean.base, m2.base)
    }

    /// Adds `other`, of the same shape, entry by entry.
    public func add(_ other: Matrix) {
        precondition(hasShape(of: other), "a sum of different shapes")
        Scalar.add(count, other.base, base)
    }

    /// Adds `other`, of the same shape, entry by entry.
    public func add(_ other: StridedMatrix<Scalar>) {
        precondition(other.rows == rows && other.columns == columns, "a sum of different shapes")
        for row in 0..<rows { Scalar.add(columns, other.base + row * other.stride, base + row * columns) }
    }

    /// Copies `other`, of the same shape.
    public func copy(from other: StridedMatrix<Scalar>) {
        precondition(other.rows == rows && other.columns == columns, "a copy of another shape")
        for row in 0..<rows {
            (base + row * columns).update(from: other.base + row * other.stride, count: columns)
        }
    }
}
