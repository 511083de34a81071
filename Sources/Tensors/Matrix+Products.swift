extension Matrix where Scalar: TensorScalar {
    /// Computes this matrix as C ← op(A) op(B), packing B into memory of its own.
    ///
    /// - Parameters:
    ///   - a: The left factor; op(A) is [m, k].
    ///   - transposeA: What op does to A.
    ///   - b: The right factor; op(B) is [k, n].
    ///   - transposeB: What op does to B.
    public func setProduct(
        _ a: Matrix, _ transposeA: Transposition, _ b: Matrix, _ transposeB: Transposition = .none
    ) {
        let k = transposeA == .none ? a.columns : a.rows
        let n = transposeB == .none ? b.columns : b.rows
        precondition(
            (transposeB == .none ? b.rows : b.columns) == k,
            "[\(rows), \(k)] times a matrix of \(transposeB == .none ? b.rows : b.columns) rows")
        // Clearing what is overwritten anyway would take longer than a small product.
        let memory = AlignedBuffer<Scalar>(uninitialized: PackedMatrix<Scalar>.count(rows: k, columns: n))
        let scratch = AlignedBuffer<Scalar>(uninitialized: Scalar.productScratch)
        let packed = PackedMatrix(memory.vector, rows: k, columns: n)
        switch transposeB {
        case .none: packed.pack(StridedMatrix(b))
        case .transposed: packed.pack(transposeOf: b, columns: 0..<k)
        }
        switch transposeA {
        case .none: setProduct(StridedMatrix(a), packed, scratch: scratch.vector)
        case .transposed: setProduct(transposeOf: StridedMatrix(a), packed, scratch: scratch.vector)
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
    ///   - scratch: `productScratch` scalars to work in.
    public func setProduct(
        _ a: StridedMatrix<Scalar>, _ b: PackedMatrix<Scalar>, at first: Int = 0, scratch: Vector<Scalar>
    ) {
        check(a.rows, a.columns, b, first, scratch)
        guard clearIfEmpty(a.columns, b.columns, first) else { return }
        Scalar.multiplyRows(
            rows, b.columns, a.columns, a.base, a.stride, b.storage.base, base + first, columns, scratch.base)
    }

    /// The same with A made of pixels.
    public func setProduct(
        _ a: PixelMatrix<Scalar>, _ b: PackedMatrix<Scalar>, at first: Int = 0, scratch: Vector<Scalar>
    ) {
        check(a.rows, a.columns, b, first, scratch)
        guard clearIfEmpty(a.columns, b.columns, first) else { return }
        Scalar.multiplyPixels(
            rows, b.columns, a.columns, a.pixels.base, a.plane, a.scale.base, a.shift.base, b.storage.base,
            base + first, columns, scratch.base)
    }

    /// Computes this matrix, or some columns of it, as C ← Aᵀ B, with A [k, m].
    public func setProduct(
        transposeOf a: StridedMatrix<Scalar>, _ b: PackedMatrix<Scalar>, at first: Int = 0,
        scratch: Vector<Scalar>
    ) {
        check(a.columns, a.rows, b, first, scratch)
        guard clearIfEmpty(a.rows, b.columns, first) else { return }
        Scalar.multiplyColumns(
            rows, b.columns, a.rows, a.base, a.stride, b.storage.base, base + first, columns, scratch.base)
    }

    private func check(
        _ m: Int, _ k: Int, _ b: PackedMatrix<Scalar>, _ first: Int, _ scratch: Vector<Scalar>
    ) {
        precondition(
            m == rows && k == b.rows && first >= 0 && first + b.columns <= columns,
            "[\(m), \(k)] times [\(b.rows), \(b.columns)] at column \(first) of [\(rows), \(columns)]")
        precondition(scratch.count >= Scalar.productScratch, "\(scratch.count) scalars to work in")
    }

    /// Writes the zeros that a sum of nothing is; returns whether there is something to multiply.
    private func clearIfEmpty(_ k: Int, _ n: Int, _ first: Int) -> Bool {
        guard k == 0 else { return rows > 0 && n > 0 }
        for row in 0..<rows { (base + row * columns + first).update(repeating: 0, count: n) }
        return false
    }
}
