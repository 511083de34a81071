internal import COpenBLAS

/// The BLAS library that computes the matrix products: OpenBLAS.
public enum BLAS {
    /// The name of the kernels that OpenBLAS has chosen for this CPU, such as `SkylakeX`; a forced choice
    /// (`OPENBLAS_CORETYPE`) shows here too.
    public static var kernelName: String {
        openblas_get_corename().map { String(cString: $0) } ?? "unknown"
    }

    /// OpenBLAS's version and build options in its own words.
    public static var configuration: String {
        openblas_get_config().map { String(cString: $0) } ?? "unknown"
    }

    /// The number of threads that share one matrix product.
    ///
    /// Setting it creates missing threads; they inherit the caller's processor affinity.
    public static var threadCount: Int {
        get { Int(openblas_get_num_threads()) }
        set {
            precondition(newValue >= 1, "a product needs a thread")
            openblas_set_num_threads(Int32(newValue))
        }
    }
}
