internal import CKernels

extension TensorScalar {
    /// The scalars of memory that a product works in.
    public static var gemmScratch: Int { Int(DP_MC * DP_KC) }
}

extension Matrix where Scalar: TensorScalar {
    /// Computes this matrix as C ← op(A) op(B), packing B into memory of its own.
    ///
    /// - Parameters:
    ///   - a: The left factor; op(A) is [m, k].
    ///   - transposeA: What op does to A.
    ///   - b: The right factor; op(B) is [k, n].
    ///   - transposeB: What op does to B.
    public func gemm(
        _ a: Matrix, _ transposeA: Transposition, _ b: Matrix, _ transposeB: Transposition = .none
    ) {
        let k = transposeA == .none ? a.columns : a.rows
        let n = transposeB == .none ? b.columns : b.rows
        precondition(
            (transposeB == .none ? b.rows : b.columns) == k,
            "[\(rows), \(k)] times a matrix of \(transposeB == .none ? b.rows : b.columns) rows")
        // Clearing what is overwritten anyway would take longer than a small product.
        let memory = AlignedBuffer<Scalar>(uninitialized: PackedMatrix<Scalar>.count(rows: k, columns: n))
        let scratch = AlignedBuffer<Scalar>(uninitialized: Scalar.gemmScratch)
        let packed = PackedMatrix(memory.vector, rows: k, columns: n)
        switch transposeB {
        case .none: packed.pack(StridedMatrix(b))
        case .transposed: packed.pack(transposeOf: b, columns: 0..<k)
        }
        switch transposeA {
        case .none: gemm(StridedMatrix(a), packed, scratch: scratch.vector)
        case .transposed: gemm(transposeOf: StridedMatrix(a), packed, scratch: scratch.vector)
        }
    }

    /// Computes this matrix, or some columns of it, as C ← A B.
    ///
    /// Each entry is a sum over k in one order, whatever the shapes: the same bits for any division of the rows of A or
    /// the columns of B.
    ///
    /// - Parameters:
    ///   - a: A [m, k].
    ///   - b: B [k, n].
    ///   - first: The column of this matrix where the product's first one goes.
    ///   - scratch: `gemmScratch` scalars to work in.
    public func gemm(
        _ a: StridedMatrix<Scalar>, _ b: PackedMatrix<Scalar>, at first: Int = 0, scratch: Vector<Scalar>
    ) {
        check(a.rows, a.columns, b, first, scratch)
        guard clearIfEmpty(a.columns, b.columns, first) else { return }
        dp_gemm_nn(
            Scalar.kernels, rows, b.columns, a.columns, a.base, a.stride, b.storage.base, base + first,
            columns,
            scratch.base)
    }

    /// The same with A made of pixels.
    public func gemm(
        _ a: PixelMatrix<Scalar>, _ b: PackedMatrix<Scalar>, at first: Int = 0, scratch: Vector<Scalar>
    ) {
        check(a.rows, a.columns, b, first, scratch)
        guard clearIfEmpty(a.columns, b.columns, first) else { return }
        dp_gemm_pixels(
            Scalar.kernels, rows, b.columns, a.columns, a.rowsOfBytes, a.scale.base, a.shift.base,
            b.storage.base, base + first, columns, scratch.base)
    }

    /// Computes this matrix, or some columns of it, as C ← Aᵀ B, with A [k, m].
    public func gemm(
        transposeOf a: StridedMatrix<Scalar>, _ b: PackedMatrix<Scalar>, at first: Int = 0,
        scratch: Vector<Scalar>
    ) {
        check(a.columns, a.rows, b, first, scratch)
        guard clearIfEmpty(a.rows, b.columns, first) else { return }
        dp_gemm_tn(
            Scalar.kernels, rows, b.columns, a.rows, a.base, a.stride, b.storage.base, base + first, columns,
            scratch.base)
    }

    private func check(
        _ m: Int, _ k: Int, _ b: PackedMatrix<Scalar>, _ first: Int, _ scratch: Vector<Scalar>
    ) {
        precondition(
            m == rows && k == b.rows && first >= 0 && first + b.columns <= columns,
            "[\(m), \(k)] times [\(b.rows), \(b.columns)] at column \(first) of [\(rows), \(columns)]")
        precondition(scratch.count >= Scalar.gemmScratch, "\(scratch.count) scalars to work in")
    }

    /// Writes the zeros that a sum of nothing is; returns whether there is something to multiply.
    private func clearIfEmpty(_ k: Int, _ n: Int, _ first: Int) -> Bool {
        guard k == 0 else { return rows > 0 && n > 0 }
        for row in 0..<rows { (base + row * columns + first).update(repeating: 0, count: n) }
        return false
    }
}

/// How a factor enters a matrix product.
public enum Transposition: Sendable {
    /// As it stands.
    case none
    /// With rows and columns exchanged.
    case transposed
}

/// The right factor B [k, n] of products, packed into panels of ``panelWidth`` columns: [panel][k][panelWidth], the last
/// panel filled up with zeros. The memory is somebody else's.
public struct PackedMatrix<Scalar: TensorScalar>: @unchecked Sendable {
    /// The columns of a panel.
    public static var panelWidth: Int { Int(DP_NR) }

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
        dp_pack_b(Scalar.kernels, rows, columns, matrix.base, matrix.stride, storage.base)
    }

    /// Packs B = some columns of pixels, as numbers.
    public func pack(_ pixels: PixelMatrix<Scalar>, columns range: Range<Int>) {
        precondition(
            pixels.rows == rows && range.count == columns && range.lowerBound >= 0
                && range.upperBound <= pixels.columns, "packing another shape")
        dp_pack_b_pixels(
            Scalar.kernels, rows, range.lowerBound, range.count, pixels.rowsOfBytes, pixels.scale.base,
            pixels.shift.base, storage.base)
    }

    /// Packs some rows of B = `matrix`ᵀ: those of the columns `range` of `matrix` [n, k]. All others stay as they are.
    public func pack(transposeOf matrix: Matrix<Scalar>, columns range: Range<Int>) {
        precondition(
            matrix.rows == columns && matrix.columns == rows && range.lowerBound >= 0
                && range.upperBound <= rows, "packing another shape")
        dp_pack_b_transposed(
            Scalar.kernels, range.count, columns, matrix.base + range.lowerBound, rows,
            storage.base + range.lowerBound * Self.panelWidth, rows * Self.panelWidth)
    }
}

/// A view of rows of bytes that stand for numbers: entry (r, i) is `pixels[r, i]` · `scale[p]` + `shift[p]`, where p =
/// i / (`columns` / channels) is the channel of pixel i.
///
/// Products take it as it is, so the numbers of a batch never stand in memory.
public struct PixelMatrix<Scalar: TensorScalar>: @unchecked Sendable {
    /// The bytes.
    public let pixels: Matrix<UInt8>
    /// The factor of each channel.
    public let scale: Vector<Scalar>
    /// What is added in each channel.
    public let shift: Vector<Scalar>

    /// Views bytes with an affine map for each of `scale.count` channels.
    public init(_ pixels: Matrix<UInt8>, scale: Vector<Scalar>, shift: Vector<Scalar>) {
        precondition(
            scale.count == shift.count && scale.count > 0 && pixels.columns % scale.count == 0,
            "\(scale.count) factors and \(shift.count) shifts for \(pixels.columns) pixels")
        (self.pixels, self.scale, self.shift) = (pixels, scale, shift)
    }

    /// The number of rows.
    public var rows: Int { pixels.rows }
    /// The number of pixels in a row.
    public var columns: Int { pixels.columns }
    /// The pixels of a channel.
    public var channelSize: Int { pixels.columns / scale.count }

    /// The rows in `range`.
    public subscript(rows range: Range<Int>) -> PixelMatrix {
        PixelMatrix(pixels[rows: range], scale: scale, shift: shift)
    }

    /// The bytes, for CKernels.
    var rowsOfBytes: dp_pixels {
        dp_pixels(bytes: pixels.base, stride: pixels.columns, channel_size: channelSize)
    }
}

extension PixelMatrix {
    /// Writes the numbers scale · byte + shift that the pixels stand for to `numbers` [rows, columns].
    public func copy(into numbers: Matrix<Scalar>) {
        precondition(numbers.rows == rows && numbers.columns == columns, "numbers of another shape")
        dp_convert_pixels(
            Scalar.kernels, rows, columns, rowsOfBytes, scale.base, shift.base, numbers.base)
    }
}
