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

/// Why MPI cannot be used in this process.
public enum MPIEnvironmentError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// The library allows fewer threads to call it than required.
    case insufficientThreadSupport(library: String, required: ThreadSupport, provided: ThreadSupport)
    /// MPI has been finalised; the standard does not allow to start it again.
    case finalized(operation: String)

    /// One line that names what was expected and found.
    public var description: String {
        switch self {
        case .insufficientThreadSupport(let library, let required, let provided):
            "\(library): required thread support \"\(required)\", found \"\(provided)\""
        case .finalized(let operation):
            "\(operation): MPI has been finalised in this process"
        }
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}

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

/// Settings of Open MPI that this package wants and that can only be made by environment variables before `MPI_Init`.
///
/// Other libraries ignore these variables.
package enum OpenMPISettings {
    /// The variables to add, with their values, none of which the user has set.
    ///
    /// - Parameters:
    ///   - environment: What the process was started with.
    ///   - launcher: Who started it.
    ///   - processorsOfNode: How many processors the ranks of this node share.
    package static func additions(
        environment: [String: String], launcher: Launcher?, processorsOfNode: Int
    ) -> [String: String] {
        var settings: [String: String] = [:]
        let localSize = environment["OMPI_COMM_WORLD_LOCAL_SIZE"].flatMap { Int($0) }
        let worldSize = environment["OMPI_COMM_WORLD_SIZE"].flatMap { Int($0) }
        if launcher == nil {
            // Without this a process on its own forks a daemon that would let it spawn others.
            settings["OMPI_MCA_ess_singleton_isolated"] = "1"
        }
        if launcher == nil || (localSize != nil && localSize == worldSize) {
            // ob1 carries shared memory; looking for fast networks, which one node does not use, takes longer than all the
            // rest of the start.
            settings["OMPI_MCA_pml"] = "ob1"
        }
        if let localSize, localSize > processorsOfNode {
            // A rank that spins keeps the one that it waits for from running. mpirun knows that only when it counts the
            // processors itself, not when a host file gives their number.
            settings["OMPI_MCA_mpi_yield_when_idle"] = "1"
        }
        return settings.filter { environment[$0.key] == nil }
    }
}

/// What an MPI library says about itself.
package enum MPILibrary {
    /// Name and version, such as `Open MPI 4.1.4`, from the text of `MPI_Get_library_version`.
    ///
    /// The texts begin with `Open MPI v4.1.4, package: …`, `MPICH Version:      4.0.2; …`,
    /// `MVAPICH2 Version      :	2.3.7; …` or `Intel(R) MPI Library 2021.12 for Linux* OS`.
    package static func name(fromVersionText text: String) -> String {
        let head = text.split(whereSeparator: { ",;\n\r".contains($0) }).first.map(String.init) ?? text
        var words = head.split(whereSeparator: { " \t:".contains($0) }).map(String.init)
        words.removeAll { $0 == "Version" }
        if let os = words.firstIndex(of: "for") { words.removeSubrange(os...) }
        words = words.map { word in
            word.first == "v" && word.dropFirst().first?.isNumber == true ? String(word.dropFirst()) : word
        }
        return words.isEmpty ? "MPI" : words.joined(separator: " ")
    }
}
