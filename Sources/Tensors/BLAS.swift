internal import COpenBLAS

/// OpenBLAS, the yardstick: products of our own are compared with its in the benchmark, for their numbers and
/// their speed. What it computes depends on the CPU, so no test does.
public enum BLAS {
    /// The name of the kernels that OpenBLAS has chosen for this CPU, such as `SkylakeX`; a forced choice
    /// (`OPENBLAS_CORETYPE`) shows here too.
    public static var kernelName: String {
        openblas_get_corename().map { String(cString: $0) } ?? "unknown"
    }

    /// Has the library use so many threads for a product, in this process.
    public static func setThreadCount(_ count: Int) { openblas_set_num_threads(Int32(count)) }

    /// Computes C ← op(A) op(B) on as many threads as the library was told to use.
    ///
    /// - Parameters:
    ///   - a: The left factor; op(A) is [m, k].
    ///   - transposeA: What op does to A.
    ///   - b: The right factor; op(B) is [k, n].
    ///   - transposeB: What op does to B.
    ///   - c: C [m, n], overwritten.
    public static func multiply(
        _ a: StridedMatrix<Float>, _ transposeA: Transposition, _ b: StridedMatrix<Float>,
        _ transposeB: Transposition, into c: Matrix<Float>
    ) {
        let k = transposeA == .none ? a.columns : a.rows
        cblas_sgemm(
            CblasRowMajor, transposeA.blas, transposeB.blas, blasint(c.rows), blasint(c.columns), blasint(k),
            1, a.base, blasint(max(1, a.stride)), b.base, blasint(max(1, b.stride)), 0, c.base,
            blasint(max(1, c.columns)))
    }
}

extension Transposition {
    fileprivate var blas: CBLAS_TRANSPOSE { self == .none ? CblasNoTrans : CblasTrans }
}
