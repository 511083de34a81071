internal import CKernels

/// Rows of numbers rounded to bfloat16: Float's exponents with eight significant bits, to the nearest, ties to even.
///
/// Numbers below 2⁻⁵⁶ are 0 and each row is filled up with zeros; why, bfloat16.h of CKernels tells. The memory is somebody
/// else's.
public struct BFloat16Rows: @unchecked Sendable {
    /// The number of rows.
    public let rows: Int
    /// The number of columns.
    public let columns: Int

    let base: UnsafeMutablePointer<dp_bfloat16>
    let stride: Int

    /// The Floats of memory that a row takes.
    public static func rowCount(columns: Int) -> Int {
        let unit = Int(DP_BFLOAT16_ROW_UNIT)
        return (columns + unit - 1) / unit * unit * MemoryLayout<dp_bfloat16>.stride
            / MemoryLayout<Float>.stride
    }

    /// The same where rows stand one behind the other: an odd number of cache lines, so that they do not push one another
    /// out of the cache.
    public static func alignedRowCount(columns: Int) -> Int {
        let line = AlignedBuffer<Float>.alignment / MemoryLayout<Float>.stride
        return ((rowCount(columns: columns) + line - 1) / line | 1) * line
    }

    /// Views some columns of a matrix, at least ``rowCount(columns:)`` of them, as rows of numbers.
    public init(_ storage: StridedMatrix<Float>, columns: Int) {
        precondition(storage.columns >= Self.rowCount(columns: columns), "\(storage.columns) for \(columns)")
        (rows, self.columns) = (storage.rows, columns)
        base = UnsafeMutableRawPointer(storage.base).assumingMemoryBound(to: dp_bfloat16.self)
        stride = storage.stride * MemoryLayout<Float>.stride / MemoryLayout<dp_bfloat16>.stride
    }

    private init(base: UnsafeMutablePointer<dp_bfloat16>, rows: Int, columns: Int, stride: Int) {
        (self.base, self.rows, self.columns, self.stride) = (base, rows, columns, stride)
    }

    /// The rows in `range`.
    public subscript(rows range: Range<Int>) -> BFloat16Rows {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "\(range) lies outside 0..<\(rows)")
        return BFloat16Rows(
            base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
    }

    /// Rounds `numbers`, of the same shape.
    public func round(_ numbers: Matrix<Float>) {
        precondition(numbers.rows == rows && numbers.columns == columns, "rounding another shape")
        dp_bfloat16_round(
            dp_used_instruction_set(), rows, columns, numbers.base, numbers.columns, base, stride)
    }

    /// Copies rows of the same shape.
    public func copy(from other: BFloat16Rows) {
        precondition(other.rows == rows && other.columns == columns, "a copy of another shape")
        let unit = Int(DP_BFLOAT16_ROW_UNIT)
        for row in 0..<rows {
            (base + row * stride).update(
                from: other.base + row * other.stride, count: (columns + unit - 1) / unit * unit)
        }
    }

    /// The sum of each column, rows added from first to last.
    public func sumColumns(into sums: Vector<Float>) {
        precondition(sums.count == columns, "\(sums.count) sums of \(columns) columns")
        dp_bfloat16_column_sums(dp_used_instruction_set(), rows, columns, base, stride, sums.base)
    }

    /// A number.
    public func number(_ row: Int, _ column: Int) -> Float {
        Float(bitPattern: UInt32(base[row * stride + column]) << 16)
    }
}

/// The weights W [N, M] of a layer rounded to bfloat16 and packed twice: as the right factor of X Wᵀ, and as that of ∂L/∂Y W.
/// Together they take about as much memory as W. The memory is somebody else's, who may share it among ranks.
public struct BFloat16Weights: @unchecked Sendable {
    /// N.
    public let rows: Int
    /// M.
    public let columns: Int

    let forward: Vector<UInt32>
    let backward: Vector<UInt32>

    /// The columns that are packed together: multiples of this are where ranks may divide W.
    static var panelWidth: Int { Int(DP_NR) }

    /// The pairs of numbers that both take together.
    public static func count(rows: Int, columns: Int) -> Int {
        pairs(inner: columns, columns: rows) + pairs(inner: rows, columns: columns)
    }

    /// The pairs of a right factor.
    static func pairs(inner: Int, columns: Int) -> Int {
        (columns + panelWidth - 1) / panelWidth * panelWidth * dp_bfloat16_pairs(inner)
    }

    /// Takes the first ``count(rows:columns:)`` of `storage`.
    public init(rows: Int, columns: Int, _ storage: Vector<UInt32>) {
        (self.rows, self.columns) = (rows, columns)
        let split = Self.pairs(inner: columns, columns: rows)
        forward = storage[0..<split]
        backward = storage[split..<Self.count(rows: rows, columns: columns)]
    }

    /// Rounds and packs the columns `range` of W [N, M]: whole panels, but for the last one.
    public func pack(_ matrix: Matrix<Float>, columns range: Range<Int>) {
        precondition(
            matrix.rows == rows && matrix.columns == columns && range.upperBound <= columns
                && range.lowerBound >= 0 && range.lowerBound % Self.panelWidth == 0
                && (range.upperBound % Self.panelWidth == 0 || range.upperBound == columns),
            "columns \(range) of [\(matrix.rows), \(matrix.columns)]")
        dp_bfloat16_pack_weights(
            dp_used_instruction_set(), rows, columns, range.lowerBound, range.count, matrix.base, columns,
            forward.base, backward.base)
    }
}

extension Matrix where Scalar == Float {
    /// Computes this matrix as Y = X Wᵀ + 1 bᵀ, or without b: the bits of the product in Float of the rounded factors.
    ///
    /// - Parameter scratch: `gemmScratch` Floats to work in.
    public func gemm(
        _ x: BFloat16Rows, _ w: BFloat16Weights, bias: Vector<Float>?, scratch: Vector<Float>
    ) {
        precondition(x.rows == rows && x.columns == w.columns && columns == w.rows, "of other shapes")
        precondition(bias.map { $0.count == columns } ?? true, "a bias of another width")
        multiply(x, w.forward, bias, scratch)
    }

    /// Computes this matrix as ∂L/∂X = ∂L/∂Y W.
    public func gemm(backward dy: BFloat16Rows, _ w: BFloat16Weights, scratch: Vector<Float>) {
        precondition(dy.rows == rows && dy.columns == w.rows && columns == w.columns, "of other shapes")
        multiply(dy, w.backward, nil, scratch)
    }

    private func multiply(
        _ a: BFloat16Rows, _ b: Vector<UInt32>, _ bias: Vector<Float>?, _ scratch: Vector<Float>
    ) {
        precondition(scratch.count >= Float.gemmScratch, "\(scratch.count) scalars to work in")
        dp_bfloat16_gemm_nn(
            dp_used_instruction_set(), rows, columns, a.columns, a.base, a.stride, b.base, bias?.base, base,
            columns, scratch.base)
    }

    /// Computes this matrix, or some columns of it, as the columns `range` of (∂L/∂Y)ᵀ X.
    ///
    /// - Parameters:
    ///   - dy: ∂L/∂Y [B, N].
    ///   - x: X [B, M].
    ///   - range: The columns of X, from whole panels on.
    ///   - first: The column of this matrix where they go.
    ///   - room: As many Floats as B rows of these columns, in whole panels, have entries.
    ///   - scratch: `gemmScratch` Floats to work in.
    public func gemm(
        transposeOf dy: BFloat16Rows, _ x: BFloat16Rows, columns range: Range<Int>, at first: Int,
        room: Vector<Float>, scratch: Vector<Float>
    ) {
        precondition(
            dy.rows == x.rows && dy.columns == rows && range.upperBound <= x.columns
                && range.lowerBound % BFloat16Weights.panelWidth == 0 && first + range.count <= columns,
            "columns \(range) of a gradient [\(rows), \(columns)]")
        precondition(
            room.count >= BFloat16Weights.pairs(inner: x.rows, columns: range.count)
                && scratch.count >= Float.gemmScratch, "\(room.count), \(scratch.count) to work in")
        guard !range.isEmpty else { return }
        let set = dp_used_instruction_set()
        let packed = UnsafeMutableRawPointer(room.base).assumingMemoryBound(to: dp_bfloat16_pair.self)
        dp_bfloat16_pack_b(set, x.rows, range.count, x.base + range.lowerBound, x.stride, packed)
        dp_bfloat16_gemm_tn(
            set, rows, range.count, x.rows, dy.base, dy.stride, packed, base + first, columns, scratch.base)
    }
}
