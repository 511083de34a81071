internal import COpenBLAS

extension Transposition {
    var blas: CBLAS_TRANSPOSE {
        switch self {
        case .none: CblasNoTrans
        case .transposed: CblasTrans
        }
    }
}
