internal import CKernels

/// Rows of bytes that stand for numbers: entry (r, c) is scale(r) · (byte (r, c) − zero(r)), where the byte zero(r) is exactly 0.
///
/// A row's bytes depend on its numbers alone, so no division of a batch changes a bit. The memory is somebody else's.
public struct ByteRows: @unchecked Sendable {
    /// The number of rows.
    public let rows: Int
    /// The number of columns.
    public let columns: Int

    let bytes: UnsafeMutablePointer<UInt8>
    let stride: Int
    let marks: UnsafeMutablePointer<dp_byte_mark>
    /// Marks from row to row; 0 where all rows have the same.
    let markStride: Int

    /// The bytes of a row of so many columns, filled up.
    private static func rowBytes(_ columns: Int) -> Int {
        let unit = Int(DP_BYTES_ROW_UNIT)
        return (columns + unit - 1) / unit * unit
    }

    /// The Floats of memory that a row takes: its bytes, and its mark.
    public static func rowCount(columns: Int) -> Int {
        (rowBytes(columns) + MemoryLayout<dp_byte_mark>.stride) / MemoryLayout<Float>.stride
    }

    /// The same where rows stand one behind the other: an odd number of cache lines, so that they do not push one another
    /// out of the cache.
    public static func alignedRowCount(columns: Int) -> Int {
        let line = AlignedBuffer<Float>.alignment / MemoryLayout<Float>.stride
        return ((rowCount(columns: columns) + line - 1) / line | 1) * line
    }

    /// Views rows of bytes with their marks behind them, in some columns of a matrix: at least ``rowCount(columns:)`` of them.
    public init(_ storage: StridedMatrix<Float>, columns: Int) {
        precondition(storage.columns >= Self.rowCount(columns: columns), "\(storage.columns) for \(columns)")
        (rows, self.columns) = (storage.rows, columns)
        let raw = UnsafeMutableRawPointer(storage.base)
        stride = storage.stride * MemoryLayout<Float>.stride
        bytes = raw.assumingMemoryBound(to: UInt8.self)
        marks = (raw + Self.rowBytes(columns)).assumingMemoryBound(to: dp_byte_mark.self)
        // A mark is two Floats, and may begin at any of them.
        precondition(storage.stride % 2 == 0 || storage.rows < 2, "rows of \(storage.stride) Floats")
        markStride = stride / MemoryLayout<dp_byte_mark>.stride
    }

    init(
        bytes: UnsafeMutablePointer<UInt8>, rows: Int, columns: Int, stride: Int,
        marks: UnsafeMutablePointer<dp_byte_mark>, markStride: Int
    ) {
        (self.bytes, self.rows, self.columns, self.stride) = (bytes, rows, columns, stride)
        (self.marks, self.markStride) = (marks, markStride)
    }

    /// The rows in `range`.
    public subscript(rows range: Range<Int>) -> ByteRows {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "\(range) lies outside 0..<\(rows)")
        return ByteRows(
            bytes: bytes + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride,
            marks: marks + range.lowerBound * markStride, markStride: markStride)
    }

    /// Takes the bytes for `numbers`, of the same shape.
    public func quantize(_ numbers: Matrix<Float>) {
        precondition(numbers.rows == rows && numbers.columns == columns, "bytes of another shape")
        dp_bytes_quantize_rows(
            dp_used_instruction_set(), rows, columns, numbers.base, numbers.columns, bytes, stride, marks,
            markStride)
    }

    /// Copies rows of the same shape.
    public func copy(from other: ByteRows) {
        precondition(other.rows == rows && other.columns == columns, "a copy of another shape")
        for row in 0..<rows {
            (bytes + row * stride).update(
                from: other.bytes + row * other.stride, count: Self.rowBytes(columns))
            marks[row * markStride] = other.marks[row * other.markStride]
        }
    }

    /// What a byte stands for.
    public func number(_ row: Int, _ column: Int) -> Float {
        let mark = marks[row * markStride]
        return mark.scale * (Float(bytes[row * stride + column]) - mark.zero)
    }
}

/// The weights W [N, M] of a layer as bytes, packed for products with bytes: for X Wᵀ in a scale for each row of W and
/// block of columns, for ∂L/∂Y W in one for each column and block of rows. The memory is somebody else's, who may share it
/// among ranks.
///
/// Each rank packs columns of its own, by whole blocks: scales follow from the numbers of a block alone.
public struct ByteWeights: @unchecked Sendable {
    /// Columns, or rows, with one scale: multiples of this are where ranks may divide W.
    public static var blockWidth: Int { 128 }

    /// N.
    public let rows: Int
    /// M.
    public let columns: Int

    let instructionSet = dp_used_instruction_set()
    let forward: Side
    let backward: Side?

    /// One of both orders in which W stands.
    struct Side {
        /// The columns of the right factor, and the numbers that a product sums over.
        let columns: Int
        let inner: Int
        let packed: Vector<Int8>
        /// [blocks][columns in whole panels].
        let scales: Vector<Float>

        static func counts(columns: Int, inner: Int) -> (packed: Int, scales: Int) {
            let lanes = dp_bytes_lanes(columns)
            return (
                lanes / Int(DP_INT8_LANES) * dp_bytes_panel(inner, ByteWeights.blockWidth),
                dp_bytes_blocks(inner, ByteWeights.blockWidth) * lanes
            )
        }

        var blocks: Int { dp_bytes_blocks(inner, ByteWeights.blockWidth) }
        var lanes: Int { dp_bytes_lanes(columns) }

        /// The sum of the bytes of a column over a block.
        func sum(block: Int, column: Int) -> Int32 {
            let lanes = Int(DP_INT8_LANES)
            let panel = dp_bytes_panel(inner, ByteWeights.blockWidth)
            let start = (column / lanes + 1) * panel - (blocks - block) * 64 + column % lanes * 4
            return UnsafeRawPointer(packed[start..<start + 4].base).loadUnaligned(as: Int32.self)
        }
    }

    /// Whether the products of W [N, M] with pixels of so many channels can be computed: a block has one channel.
    public static func areSupported(columns: Int, channels: Int) -> Bool {
        columns % Int(DP_INT8_BYTES) == 0 && (channels == 1 || columns % (channels * blockWidth) == 0)
    }

    /// The bytes and scales that they take, with those for the way back where a layer needs one.
    public static func counts(rows: Int, columns: Int, hasBackward: Bool) -> (packed: Int, scales: Int) {
        let forward = Side.counts(columns: rows, inner: columns)
        let backward = hasBackward ? Side.counts(columns: columns, inner: rows) : (packed: 0, scales: 0)
        return (forward.packed + backward.packed, forward.scales + backward.scales)
    }

    /// Takes memory of these sizes.
    public init(rows: Int, columns: Int, hasBackward: Bool, packed: Vector<Int8>, scales: Vector<Float>) {
        (self.rows, self.columns) = (rows, columns)
        let counts = Side.counts(columns: rows, inner: columns)
        forward = Side(
            columns: rows, inner: columns, packed: packed[0..<counts.packed],
            scales: scales[0..<counts.scales])
        backward =
            hasBackward
            ? Side(
                columns: columns, inner: rows, packed: packed[counts.packed..<packed.count],
                scales: scales[counts.scales..<scales.count]) : nil
    }

    /// Packs some columns of W, whole blocks of them.
    public func pack(_ weights: Matrix<Float>, columns range: Range<Int>) {
        let width = Self.blockWidth
        precondition(
            weights.rows == rows && weights.columns == columns && range.lowerBound % width == 0
                && (range.upperBound % width == 0 || range.upperBound == columns)
                && range.upperBound <= columns,
            "packing columns \(range) of [\(weights.rows), \(weights.columns)]")
        for start in stride(from: range.lowerBound, to: range.upperBound, by: width) {
            dp_bytes_pack_rows(
                instructionSet, rows, columns, width, start, min(width, range.upperBound - start),
                weights.base, columns, forward.packed.base, forward.scales.base)
        }
        if let backward {
            dp_bytes_pack_columns(
                instructionSet, rows, columns, width, range.lowerBound, range.count, weights.base, columns,
                backward.packed.base, backward.scales.base)
        }
    }

    /// What a product with pixels has besides their bytes: the scales of W times those of the channels, and for each row of W
    /// the channels' shifts times its sums, and its bias.
    public func pixelTerms(
        scale: Vector<Float>, shift: Vector<Float>, bias: Vector<Float>, scales: Vector<Float>,
        constants: Vector<Float>
    ) {
        let lanes = forward.lanes
        precondition(
            scales.count == forward.scales.count && constants.count == rows && bias.count == rows,
            "terms of [\(rows), \(columns)]")
        let blocksOfChannel = (forward.blocks + scale.count - 1) / scale.count
        for row in 0..<rows { constants[row] = bias[row] }
        for block in 0..<forward.blocks {
            let (factor, added) = (scale[block / blocksOfChannel], shift[block / blocksOfChannel])
            for index in block * lanes..<(block + 1) * lanes {
                scales.base[index] = forward.scales.base[index] * factor
            }
            for row in 0..<rows {
                constants.base[row] +=
                    forward.scales.base[block * lanes + row] * Float(forward.sum(block: block, column: row))
                    * added
            }
        }
    }
}

/// Columns of ∂L/∂Y [B, N] as rows of bytes [N, B], each times the scale of its row's other factor: the left factor of a weight
/// gradient.
public final class ByteColumns {
    /// N, at most.
    public let capacity: Int

    private let bytes: AlignedBuffer<UInt8>
    private let markBuffer: AlignedBuffer<dp_byte_mark>
    private let termBuffer: AlignedBuffer<Float>
    private let stride: Int

    /// The bytes of memory that they take.
    public static func byteCount(columns: Int, rows: Int) -> Int {
        columns * (strideOf(rows) + MemoryLayout<dp_byte_mark>.stride + MemoryLayout<Float>.stride)
    }

    private static func strideOf(_ rows: Int) -> Int {
        let unit = Int(DP_BYTES_ROW_UNIT)
        return ((rows + unit - 1) / unit | 1) * unit
    }

    /// Makes room for up to `columns` columns of up to `rows` rows.
    ///
    /// - Throws: ``AllocationError``.
    public init(columns: Int, rows: Int) throws(AllocationError) {
        precondition(rows <= Int8Gradient.largestBatch, "a batch of \(rows)")
        capacity = columns
        stride = Self.strideOf(rows)
        bytes = try AlignedBuffer(allocating: columns * stride)
        markBuffer = try AlignedBuffer(allocating: columns)
        termBuffer = try AlignedBuffer(allocating: columns)
    }

    /// Takes the columns `range`, from a multiple of 16, of ∂L/∂Y, whose other factor is `x`.
    public func quantize(_ dy: StridedMatrix<Float>, columns range: Range<Int>, times x: ByteRows) {
        precondition(x.rows == dy.rows, "\(dy.rows) rows times \(x.rows)")
        quantize(dy, range, x.marks, x.markStride)
    }

    /// The same for pixels, which stand for numbers by themselves.
    public func quantize(_ dy: StridedMatrix<Float>, columns range: Range<Int>) {
        // The term is the sum of the bytes.
        withUnsafePointer(to: dp_byte_mark(scale: 1, zero: 127)) { quantize(dy, range, $0, 0) }
    }

    private func quantize(
        _ dy: StridedMatrix<Float>, _ range: Range<Int>, _ factors: UnsafePointer<dp_byte_mark>,
        _ factorStride: Int
    ) {
        precondition(
            range.upperBound <= dy.columns && dy.columns <= capacity && dy.rows <= stride
                && range.lowerBound % Int(DP_INT8_LANES) == 0,
            "columns \(range) of [\(dy.rows), \(dy.columns)]")
        dp_bytes_quantize_columns(
            dp_used_instruction_set(), dy.rows, range.lowerBound, range.count, dy.base, dy.stride, factors,
            factorStride, bytes.vector.base, stride, markBuffer.vector.base, termBuffer.vector.base)
    }

    var left: (bytes: UnsafeMutablePointer<UInt8>, stride: Int) { (bytes.vector.base, stride) }
    var marks: UnsafeMutablePointer<dp_byte_mark> { markBuffer.vector.base }
    var terms: UnsafeMutablePointer<Float> { termBuffer.vector.base }

    /// The bytes that some columns of B rows of the right factor take.
    public static func panelCount(rows: Int, columns: Int) -> Int {
        dp_bytes_lanes(columns) / Int(DP_INT8_LANES) * dp_bytes_panel(rows, rows)
    }
}

extension Matrix where Scalar == Float {
    /// Computes this matrix as Y = X Wᵀ + 1 bᵀ.
    public func gemm(_ x: ByteRows, _ w: ByteWeights, bias: Vector<Float>) {
        precondition(x.rows == rows && x.columns == w.columns && columns == w.rows, "of other shapes")
        multiply(
            x.bytes, x.stride, x.marks, x.markStride, w.forward, w.instructionSet,
            scales: w.forward.scales, terms: bias)
    }

    /// Computes this matrix as ∂L/∂X = ∂L/∂Y W.
    ///
    /// - Parameter zeros: As many zeros as this matrix has columns.
    public func gemm(backward dy: ByteRows, _ w: ByteWeights, zeros: Vector<Float>) {
        guard let side = w.backward else { preconditionFailure("weights without a way back") }
        precondition(dy.rows == rows && dy.columns == w.rows && columns == w.columns, "of other shapes")
        multiply(
            dy.bytes, dy.stride, dy.marks, dy.markStride, side, w.instructionSet, scales: side.scales,
            terms: zeros)
    }

    /// Computes this matrix as Y = X Wᵀ + 1 bᵀ, of pixels; scales and constants are those of
    /// ``ByteWeights/pixelTerms(scale:shift:bias:scales:constants:)``.
    public func gemm(
        _ x: PixelMatrix<Float>, _ w: ByteWeights, scales: Vector<Float>, constants: Vector<Float>
    ) {
        precondition(x.rows == rows && x.columns == w.columns && columns == w.rows, "of other shapes")
        withUnsafePointer(to: dp_byte_mark(scale: 1, zero: 0)) {
            multiply(
                x.pixels.base, x.columns, $0, 0, w.forward, w.instructionSet, scales: scales, terms: constants
            )
        }
    }

    private func multiply(
        _ bytes: UnsafeMutablePointer<UInt8>, _ stride: Int, _ marks: UnsafePointer<dp_byte_mark>,
        _ markStride: Int, _ side: ByteWeights.Side, _ set: dp_instruction_set, scales: Vector<Float>,
        terms: Vector<Float>
    ) {
        precondition(terms.count >= columns, "\(terms.count) terms for \(columns) columns")
        dp_bytes_multiply(
            set, rows, columns, side.inner, ByteWeights.blockWidth, bytes, stride, marks, markStride, nil,
            side.packed.base, scales.base, terms.base, base, columns)
    }

    /// Computes this matrix as the columns `range` of (∂L/∂Y)ᵀ X.
    ///
    /// - Parameters:
    ///   - dy: ∂L/∂Y [B, N], times X's scales.
    ///   - x: X [B, M].
    ///   - range: The columns of X.
    ///   - first: The column of this matrix where they go.
    ///   - ones: As many ones as there are columns in whole panels.
    ///   - scratch: ``ByteColumns/panelCount(rows:columns:)`` bytes for these columns.
    public func gemm(
        _ dy: ByteColumns, _ x: ByteRows, columns range: Range<Int>, at first: Int, ones: Vector<Float>,
        scratch: Vector<UInt8>
    ) {
        precondition(ones.count >= dp_bytes_lanes(range.count), "\(ones.count) ones")
        gradient(
            dy, x.bytes, x.stride, rows: x.rows, range, first, scales: ones.base, terms: ones.base, scratch)
    }

    /// The same of pixels.
    ///
    /// - Parameters:
    ///   - factors: The scale of each pixel of a row.
    ///   - zeroPoints: The number that a pixel of 128 stands for, for each pixel of a row.
    public func gemm(
        _ dy: ByteColumns, _ x: PixelMatrix<Float>, columns range: Range<Int>, at first: Int,
        factors: Vector<Float>, zeroPoints: Vector<Float>, scratch: Vector<UInt8>
    ) {
        precondition(
            factors.count >= range.lowerBound + dp_bytes_lanes(range.count)
                && zeroPoints.count >= range.upperBound, "factors of \(range)")
        gradient(
            dy, x.pixels.base, x.columns, rows: x.rows, range, first,
            scales: factors.base + range.lowerBound, terms: zeroPoints.base + range.lowerBound, scratch)
    }

    private func gradient(
        _ dy: ByteColumns, _ bytes: UnsafeMutablePointer<UInt8>, _ stride: Int, rows samples: Int,
        _ range: Range<Int>, _ first: Int, scales: UnsafePointer<Float>, terms: UnsafePointer<Float>,
        _ scratch: Vector<UInt8>
    ) {
        precondition(
            rows <= dy.capacity && first + range.count <= columns
                && scratch.count >= ByteColumns.panelCount(rows: samples, columns: range.count),
            "columns \(range) of a gradient [\(rows), \(columns)]")
        let set = dp_used_instruction_set()
        let packed = UnsafeMutableRawPointer(scratch.base).assumingMemoryBound(to: Int8.self)
        dp_bytes_pack_bytes(set, samples, range.count, bytes + range.lowerBound, stride, packed)
        dp_bytes_multiply(
            set, rows, range.count, samples, samples, dy.left.bytes, dy.left.stride, dy.marks, 1, dy.terms,
            packed, scales, terms, base + first, columns)
    }
}
