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
    public func copy(from other: Matrix<Scalar>) {
        precondition(other.rows == rows && other.columns == columns, "a copy of another shape")
        for row in 0..<rows {
            (base + row * stride).update(from: other.base + row * columns, count: columns)
        }
    }
}

extension StridedMatrix where Scalar: TensorScalar {
    /// Writes the sum of each column into `sums` [columns], rows added from first to last.
    public func sumColumns(into sums: Vector<Scalar>) {
        precondition(sums.count == columns, "\(sums.count) sums for \(columns) columns")
        Scalar.columnSums(rows, columns, base, stride, sums.base)
    }
}
