internal import CMPI

/// Which threads of a process may call MPI, in the standard's four levels.
public enum ThreadSupport: Int, Sendable, Comparable, CaseIterable {
    /// The process has one thread.
    case single
    /// Only the thread that started MPI calls it: the main thread.
    case funneled
    /// Any thread, one at a time.
    case serialized
    /// Any thread at any time.
    case multiple

    /// Whether the first level allows less.
    public static func < (left: ThreadSupport, right: ThreadSupport) -> Bool {
        left.rawValue < right.rawValue
    }
    /// MPI's number for it.
    var code: Int32 {
        switch self {
        case .single: dp_mpi_thread_single()
        case .funneled: dp_mpi_thread_funneled()
        case .serialized: dp_mpi_thread_serialized()
        case .multiple: dp_mpi_thread_multiple()
        }
    }
}
