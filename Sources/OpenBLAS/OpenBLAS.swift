internal import COpenBLAS
public import Tensors

/// Matrix products by OpenBLAS. What they compute depends on the CPU, on the number of threads and on the version of the
/// library, so no bit of it is promised.
public enum OpenBLAS {
    /// The name of the kernels that OpenBLAS has chosen for this CPU, such as `SkylakeX`; a forced choice
    /// (`OPENBLAS_CORETYPE`) shows here too.
    public static var kernelName: String {
        openblas_get_corename().map { String(cString: $0) } ?? "unknown"
    }

    /// The threads that share a product, of the whole process: all of the machine's unless it is set. Not while products are
    /// being computed.
    public static var threadCount: Int {
        get { Int(openblas_get_num_threads()) }
        set { openblas_set_num_threads(Int32(newValue)) }
    }

    /// Computes C ← op(A) op(B), with SGEMM or DGEMM.
    ///
    /// - Parameters:
    ///   - a: The left factor; op(A) is [m, k].
    ///   - transposeA: What op does to A.
    ///   - b: The right factor; op(B) is [k, n].
    ///   - transposeB: What op does to B.
    ///   - c: C [m, n], overwritten.
    public static func gemm<Scalar: TensorScalar>(
        _ a: StridedMatrix<Scalar>, _ transposeA: Transposition = .none,
        _ b: StridedMatrix<Scalar>, _ transposeB: Transposition = .none, into c: StridedMatrix<Scalar>
    ) {
        let (m, k) = transposeA == .none ? (a.rows, a.columns) : (a.columns, a.rows)
        let (kOfB, n) = transposeB == .none ? (b.rows, b.columns) : (b.columns, b.rows)
        precondition(
            k == kOfB && c.rows == m && c.columns == n,
            "[\(m), \(k)] times [\(kOfB), \(n)] into [\(c.rows), \(c.columns)]")
        guard m > 0, n > 0 else { return }
        let (opA, opB) = (transposeA.blas, transposeB.blas)
        let (strideA, strideB) = (blasint(max(1, a.stride)), blasint(max(1, b.stride)))
        func pointer<Number>(_ base: UnsafeMutablePointer<Scalar>, _: Number.Type) -> UnsafeMutablePointer<
            Number
        > {
            // Scalar is Number, as its precision says.
            UnsafeMutableRawPointer(base).assumingMemoryBound(to: Number.self)
        }
        switch Scalar.precision {
        case .single:
            cblas_sgemm(
                CblasRowMajor, opA, opB, blasint(m), blasint(n), blasint(k), 1, pointer(a.base, Float.self),
                strideA, pointer(b.base, Float.self), strideB, 0, pointer(c.base, Float.self),
                blasint(c.stride))
        case .double:
            cblas_dgemm(
                CblasRowMajor, opA, opB, blasint(m), blasint(n), blasint(k), 1, pointer(a.base, Double.self),
                strideA, pointer(b.base, Double.self), strideB, 0, pointer(c.base, Double.self),
                blasint(c.stride))
        }
    }
}

extension Transposition {
    fileprivate var blas: CBLAS_TRANSPOSE { self == .none ? CblasNoTrans : CblasTrans }
}
