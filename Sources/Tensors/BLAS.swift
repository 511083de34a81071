internal import COpenBLAS

/// OpenBLAS, the yardstick: products of our own are compared with its in the benchmark, for their numbers and
/// their speed. What it computes depends on the CPU, so no test does.
public enum BLAS {
    /// The name of the kernels that OpenBLAS has chosen for this CPU, such as `SkylakeX`; a forced choice
    /// (`OPENBLAS_CORETYPE`) shows here too.
    public static var kernelName: String {
        openblas_get_corename().map { String(cString: $0) } ?? "unknown"
    }

    /// Computes C ← op(A) op(B) on the calling thread.
    public static func multiply(
        _ a: Matrix<Float>, _ transposeA: Transposition, _ b: Matrix<Float>, _ transposeB: Transposition,
        into c: Matrix<Float>
    ) {
        let k = transposeA == .none ? a.columns : a.rows
        openblas_set_num_threads(1)
        cblas_sgemm(
            CblasRowMajor, transposeA.blas, transposeB.blas, blasint(c.rows), blasint(c.columns), blasint(k),
            1, a.base, blasint(max(1, a.columns)), b.base, blasint(max(1, b.columns)), 0, c.base,
            blasint(max(1, c.columns)))
    }
}

extension Transposition {
    fileprivate var blas: CBLAS_TRANSPOSE { self == .none ? CblasNoTrans : CblasTrans }
}
