internal import CKernels

/// A view of a row-major matrix without gaps, in memory that somebody else owns: entry (r, c) is the scalar
/// r · `columns` + c.
///
/// Copying a matrix copies the view, not the numbers. It must not outlive the memory's owner.
public struct Matrix<Scalar: BitwiseCopyable>: @unchecked Sendable {
    /// Entry (0, 0).
    public let base: UnsafeMutablePointer<Scalar>

    /// The number of rows.
    public let rows: Int

    /// The number of columns.
    public let columns: Int

    /// Views `rows` · `columns` scalars from `base` on.
    public init(base: UnsafeMutablePointer<Scalar>, rows: Int, columns: Int) {
        precondition(rows >= 0 && columns >= 0, "[\(rows), \(columns)] is no shape")
        self.base = base
        self.rows = rows
        self.columns = columns
    }

    /// The number of entries.
    public var count: Int { rows * columns }

    /// All entries, row after row.
    public var vector: Vector<Scalar> { Vector(base: base, count: count) }

    /// The entry in row `row` and column `column`.
    public subscript(row: Int, column: Int) -> Scalar {
        get {
            precondition(row >= 0 && row < rows && column >= 0 && column < columns, "outside the matrix")
            return base[row * columns + column]
        }
        nonmutating set {
            precondition(row >= 0 && row < rows && column >= 0 && column < columns, "outside the matrix")
            base[row * columns + column] = newValue
        }
    }

    /// The rows in `range`, as a matrix of the same width.
    public subscript(rows range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "\(range) lies outside 0..<\(rows)")
        return Matrix(base: base + range.lowerBound * columns, rows: range.count, columns: columns)
    }

    /// Whether `other` has as many rows and columns.
    public func hasShape(of other: Matrix) -> Bool {
        rows == other.rows && columns == other.columns
    }
}

extension Matrix where Scalar: TensorScalar {
    /// Adds `bias` [columns] to every row.
    public func addBias(_ bias: Vector<Scalar>) {
        precondition(bias.count == columns, "\(bias.count) biases for \(columns) columns")
        dp_add_bias(Scalar.kernels, rows, columns, bias.base, base)
    }

    /// Writes the sum of each column into `sums` [columns], rows added from first to last: 1ᵀ X.
    public func sumColumns(into sums: Vector<Scalar>) {
        precondition(sums.count == columns, "\(sums.count) sums for \(columns) columns")
        dp_column_sums(Scalar.kernels, rows, columns, base, columns, sums.base)
    }

    /// Writes each column's mean, and the sum of squared deviations from it, into `mean` and `m2` [columns].
    ///
    /// There must be at least one row.
    public func moments(mean: Vector<Scalar>, m2: Vector<Scalar>) {
        precondition(rows > 0, "no rows have no mean")
        precondition(mean.count == columns && m2.count == columns, "moments of \(columns) columns")
        dp_column_moments(Scalar.kernels, rows, columns, base, mean.base, m2.base)
    }

    /// Adds `other`, of the same shape, entry by entry.
    public func add(_ other: Matrix) {
        precondition(hasShape(of: other), "a sum of different shapes")
        dp_add(Scalar.kernels, count, other.base, base)
    }

    /// Adds `other`, of the same shape, entry by entry.
    public func add(_ other: StridedMatrix<Scalar>) {
        precondition(other.rows == rows && other.columns == columns, "a sum of different shapes")
        for row in 0..<rows {
            dp_add(Scalar.kernels, columns, other.base + row * other.stride, base + row * columns)
        }
    }

    /// Copies `other`, of the same shape.
    public func copy(from other: StridedMatrix<Scalar>) {
        precondition(other.rows == rows && other.columns == columns, "a copy of another shape")
        for row in 0..<rows {
            (base + row * columns).update(from: other.base + row * other.stride, count: columns)
        }
    }
}

/// A view of some columns of a wider row-major matrix that somebody else owns: entry (r, c) is the scalar
/// r · `stride` + c.
///
/// Copying it copies the view, not the numbers. It must not outlive the memory's owner.
public struct StridedMatrix<Scalar: BitwiseCopyable>: @unchecked Sendable {
    /// Entry (0, 0).
    public let base: UnsafeMutablePointer<Scalar>
    /// The number of rows.
    public let rows: Int
    /// The number of columns.
    public let columns: Int
    /// Scalars from row to row.
    public let stride: Int

    /// Views a whole matrix.
    public init(_ matrix: Matrix<Scalar>) {
        (base, rows, columns) = (matrix.base, matrix.rows, matrix.columns)
        stride = matrix.columns
    }

    /// Views the columns `range` of a matrix.
    public init(_ matrix: Matrix<Scalar>, columns range: Range<Int>) {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= matrix.columns,
            "\(range) lies outside 0..<\(matrix.columns)")
        base = matrix.base + range.lowerBound
        rows = matrix.rows
        columns = range.count
        stride = matrix.columns
    }

    init(base: UnsafeMutablePointer<Scalar>, rows: Int, columns: Int, stride: Int) {
        (self.base, self.rows, self.columns, self.stride) = (base, rows, columns, stride)
    }

    /// The rows in `range`.
    public subscript(rows range: Range<Int>) -> StridedMatrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "\(range) lies outside 0..<\(rows)")
        return StridedMatrix(
            base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
    }

    /// The columns in `range`.
    public subscript(columns range: Range<Int>) -> StridedMatrix {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= columns, "\(range) lies outside 0..<\(columns)")
        return StridedMatrix(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// Copies a matrix of the same shape.
    public func copy(from other: Matrix<Scalar>) { copy(from: StridedMatrix(other)) }

    /// Copies a matrix of the same shape.
    public func copy(from other: StridedMatrix) {
        precondition(other.rows == rows && other.columns == columns, "a copy of another shape")
        for row in 0..<rows {
            (base + row * stride).update(from: other.base + row * other.stride, count: columns)
        }
    }
}

extension StridedMatrix where Scalar: TensorScalar {
    /// Writes the sum of each column into `sums` [columns], rows added from first to last.
    public func sumColumns(into sums: Vector<Scalar>) {
        precondition(sums.count == columns, "\(sums.count) sums for \(columns) columns")
        dp_column_sums(Scalar.kernels, rows, columns, base, stride, sums.base)
    }
}
