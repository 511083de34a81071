internal import CSystemCalls
public import Collectives
public import Foundation

/// The program that started this process as one of several, as far as the environment tells.
///
/// A process inherits these variables: a program that is itself a rank of an MPI job and starts this one as a child makes
/// it look like a rank, too. Such a program has to remove the variables (``variables``) from the child's environment.
public struct Launcher: Sendable, Equatable {
    /// For people: `mpirun of Open MPI`.
    public let name: String
    /// The number of processes that it started; nil where it does not say.
    public let worldSize: Int?
    /// The number that it gave this process; nil where it does not say.
    public let rank: Int?

    /// A launcher of this name.
    public init(name: String, worldSize: Int?, rank: Int?) {
        self.name = name
        self.worldSize = worldSize
        self.rank = rank
    }

    private struct Signature {
        let name: String
        let size: String?
        let rank: String
    }

    /// The innermost launcher comes first: under a resource manager, mpirun's own variables count.
    private static let signatures = [
        Signature(name: "mpirun of Open MPI", size: "OMPI_COMM_WORLD_SIZE", rank: "OMPI_COMM_WORLD_RANK"),
        Signature(name: "mpirun of MVAPICH", size: "MV2_COMM_WORLD_SIZE", rank: "MV2_COMM_WORLD_RANK"),
        Signature(name: "mpiexec of MPICH or Intel MPI", size: "PMI_SIZE", rank: "PMI_RANK"),
        Signature(name: "srun of Slurm", size: slurmSize, rank: "SLURM_PROCID"),
        Signature(name: "a PMIx launcher", size: nil, rank: "PMIX_RANK"),
    ]

    private static let slurmSize = "SLURM_STEP_NUM_TASKS"

    /// The environment variables by which launchers are recognised.
    public static var variables: [String] { signatures.flatMap { [$0.size, $0.rank].compactMap(\.self) } }

    /// The launcher that set the given environment; nil for a process started on its own.
    ///
    /// Slurm sets `SLURM_PROCID` in batch scripts, too, and numbers the tasks of an interactive shell's step: a step of
    /// one task counts as a process on its own.
    public static func detect(environment: [String: String]) -> Launcher? {
        for signature in signatures {
            let size = signature.size.flatMap { environment[$0] }
            let rank = environment[signature.rank]
            let number = size.flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
            if signature.size == slurmSize {
                guard let number, number > 1 else { continue }
            } else {
                guard size != nil || rank != nil else { continue }
            }
            return Launcher(
                name: signature.name, worldSize: number,
                rank: rank.flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil })
        }
        return nil
    }
}

/// Several processes were started by the launcher of one MPI, but the program was built with another, in which each of
/// them is alone: N full runs would write over each other's results.
public struct LauncherMismatch: AgreedFailure, Equatable, CustomStringConvertible, LocalizedError {
    /// Who started this process.
    public let launcher: Launcher
    /// The MPI library of this program, with its version.
    public let library: String

    /// An error that says that the launcher and the library do not know each other.
    public init(launcher: Launcher, library: String) {
        self.launcher = launcher
        self.library = library
    }

    /// Throws where a launcher started several processes and the library sees only this one.
    ///
    /// - Throws: ``LauncherMismatch``.
    package static func check(launcher: Launcher?, worldSize: Int, library: String) throws {
        guard worldSize == 1, let launcher, let expected = launcher.worldSize, expected > 1 else { return }
        throw LauncherMismatch(launcher: launcher, library: library)
    }

    /// True on the process to which the launcher gave the number 0, and on all if it gave none.
    public var shouldReport: Bool { (launcher.rank ?? 0) == 0 }

    /// One line that says what was expected, what was found and what to do.
    public var description: String {
        let count = launcher.worldSize.map { "\($0) processes" } ?? "several processes"
        return "started by \(launcher.name) as \(count), but \(library) sees a world of 1: "
            + "use the mpirun of \(library)"
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}

extension Launcher {
    /// How long a launcher may take to end a job that has been given up, in seconds.
    private static let patience: UInt32 = 15

    /// Sees to it that the launcher ends soon, after this process, too: one that waits for a host whose link is gone does not
    /// do so by itself. Elsewhere than on Linux, and of launchers other than mpirun, it has no effect. Not collective.
    package static func endIfLeft() { _ = dp_end_launcher_after(patience) }
}
