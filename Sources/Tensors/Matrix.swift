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
