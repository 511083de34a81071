internal import CProducts

/// The right factor B [k, n] of products, packed into panels of ``panelWidth`` columns: [panel][k][panelWidth], the last
/// panel filled up with zeros. The memory is somebody else's.
public struct PackedMatrix<Scalar: TensorScalar>: @unchecked Sendable {
    /// The columns of a panel.
    public static var panelWidth: Int { Int(DP_PANEL) }

    /// k.
    public let rows: Int
    /// n.
    public let columns: Int

    let storage: Vector<Scalar>

    /// The scalars that [rows, columns] takes when packed.
    public static func count(rows: Int, columns: Int) -> Int { panelCount(columns) * panelWidth * rows }

    /// The panels of `columns` columns.
    public static func panelCount(_ columns: Int) -> Int { (columns + panelWidth - 1) / panelWidth }

    /// Takes the first ``count(rows:columns:)`` scalars of `storage`.
    public init(_ storage: Vector<Scalar>, rows: Int, columns: Int) {
        self.storage = storage[0..<Self.count(rows: rows, columns: columns)]
        (self.rows, self.columns) = (rows, columns)
    }

    /// Packs B = `matrix`.
    public func pack(_ matrix: StridedMatrix<Scalar>) {
        precondition(matrix.rows == rows && matrix.columns == columns, "packing another shape")
        Scalar.packRows(rows, columns, matrix.base, matrix.stride, storage.base)
    }

    /// Packs B = some columns of pixels, as numbers.
    public func pack(_ pixels: PixelMatrix<Scalar>, columns range: Range<Int>) {
        precondition(
            pixels.rows == rows && range.count == columns && range.lowerBound >= 0
                && range.upperBound <= pixels.columns, "packing another shape")
        Scalar.packPixels(
            rows, range.lowerBound, range.count, pixels.pixels.base, pixels.columns, pixels.plane,
            pixels.scale.base, pixels.shift.base, storage.base)
    }

    /// Packs some rows of B = `matrix`ᵀ: those of the columns `range` of `matrix` [n, k]. All others stay as they are.
    public func pack(transposeOf matrix: Matrix<Scalar>, columns range: Range<Int>) {
        precondition(
            matrix.rows == columns && matrix.columns == rows && range.lowerBound >= 0
                && range.upperBound <= rows, "packing another shape")
        Scalar.packColumns(
            range.count, columns, matrix.base + range.lowerBound, rows,
            storage.base + range.lowerBound * Self.panelWidth, rows * Self.panelWidth)
    }
}
