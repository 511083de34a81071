public import Collectives
public import Foundation

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
