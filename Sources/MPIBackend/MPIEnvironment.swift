internal import CMPI
internal import Collectives
public import Foundation
internal import Synchronization

/// MPI's state in this process: it can be started once and finalised once.
public enum MPIEnvironment {
    private enum State: Sendable {
        case untouched
        case started(MPICommunicator, ownsMPI: Bool)
        case finalized
    }

    private static let state = Mutex(State.untouched)

    /// Starts MPI, or finds it started, and returns the communicator of all ranks. Collective: every rank must call it.
    ///
    /// Call it on the main thread, before other threads read the environment: variables that the library reads are set
    /// here where the user has not set them. MPI started by other code of this process is used and not finalised. A
    /// communicator error returns to the caller as ``MPIError``, not as MPI's default, the end of the job; only errors of
    /// the start itself are left to the library, which prints them and ends the process.
    ///
    /// - Parameters:
    ///   - threadSupport: Which threads have to be able to call MPI.
    ///   - preferred: What MPI is asked for, where that is more; ``MPICommunicator/allowsConcurrentCalls`` says what
    ///     came of it.
    ///   - environment: What the process was started with.
    /// - Throws: ``MPIEnvironmentError`` or ``MPIError``.
    public static func start(
        threadSupport: ThreadSupport = .funneled, preferred: ThreadSupport = .multiple,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> MPICommunicator {
        try state.withLock { state in
            switch state {
            case .started(let communicator, _): return communicator
            case .finalized: throw MPIEnvironmentError.finalized(operation: "MPI_Init_thread")
            case .untouched: break
            }
            var isInitialized: Int32 = 0
            try MPICall.check(MPI_Initialized(&isInitialized), "MPI_Initialized")
            if isInitialized == 0 { try initialize(max(threadSupport, preferred), environment) }
            let ownsMPI = isInitialized == 0
            do {
                try requireSupport(threadSupport)
                let communicator = try MPICommunicator.duplicating(
                    dp_mpi_communicator(handle: dp_mpi_comm_world()))
                state = .started(communicator, ownsMPI: ownsMPI)
                return communicator
            } catch {
                if ownsMPI {
                    state = .finalized
                    MPI_Finalize()
                }
                throw error
            }
        }
    }

    /// Releases MPI; does nothing where it was not started or is finalised. Collective: every rank must call it, on the
    /// thread that started MPI. Communicators throw from then on.
    ///
    /// A rank that ends without it with exit code 0 makes mpirun report an improper end.
    ///
    /// - Throws: ``MPIError``.
    public static func finalize() throws {
        try state.withLock { state in
            guard case .started(let communicator, let ownsMPI) = state else { return }
            state = .finalized
            // From here on this rank waits for the others in the library alone, and none of them for it.
            communicator.presence?.leave()
            try communicator.close()
            if ownsMPI { try MPICall.check(MPI_Finalize(), "MPI_Finalize", rank: communicator.rank) }
        }
    }

    private static func initialize(_ support: ThreadSupport, _ environment: [String: String]) throws {
        let settings = OpenMPISettings.additions(
            environment: environment, launcher: Launcher.detect(environment: environment),
            processorsOfNode: ProcessorAffinity.processorsOfNode)
        for (name, value) in settings { setenv(name, value, 0) }
        var provided: Int32 = 0
        try MPICall.check(MPI_Init_thread(nil, nil, support.code, &provided), "MPI_Init_thread")
        try MPICall.check(
            MPI_Comm_set_errhandler(dp_mpi_comm_world(), dp_mpi_errors_return()), "MPI_Comm_set_errhandler")
    }

    private static func requireSupport(_ required: ThreadSupport) throws {
        let provided = MPICall.providedThreadSupport
        guard provided >= required else {
            throw MPIEnvironmentError.insufficientThreadSupport(
                library: MPILibrary.name(fromVersionText: MPICall.libraryVersion),
                required: required, provided: provided)
        }
    }
}
