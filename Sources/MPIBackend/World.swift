public import Collectives
public import Foundation

/// All processes of this run: several ranks under a launcher of MPI, or this process on its own.
public struct World: Sendable {
    /// The communicator of all ranks.
    public let communicator: any Communicator
    /// Who started this process; nil if it is on its own.
    public let launcher: Launcher?

    /// Joins the ranks that a launcher started, or forms a world of one process without touching MPI, which takes
    /// a fifth of a second to start. Collective: every rank must call it, on the main thread.
    ///
    /// - Parameters:
    ///   - threadSupport: Which threads have to be able to call communicators.
    ///   - preferred: What MPI is asked for, where that is more.
    ///   - environment: What the process was started with.
    /// - Throws: ``LauncherMismatch`` where processes started together cannot see each other, ``MPIEnvironmentError`` or
    ///   ``MPIError``.
    public static func start(
        threadSupport: ThreadSupport = .funneled, preferred: ThreadSupport = .multiple,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> World {
        guard let launcher = Launcher.detect(environment: environment) else {
            return World(communicator: SingleProcessCommunicator(), launcher: nil)
        }
        let communicator = try MPIEnvironment.start(
            threadSupport: threadSupport, preferred: preferred, environment: environment)
        do {
            try LauncherMismatch.check(
                launcher: launcher, worldSize: communicator.size, library: communicator.implementation)
        } catch {
            try MPIEnvironment.finalize()
            throw error
        }
        return World(communicator: communicator, launcher: launcher)
    }

    /// Ends MPI where it was started. Collective: every rank must call it, on the thread that started it.
    ///
    /// - Throws: ``MPIError``.
    public func finish() throws {
        if communicator is MPICommunicator { try MPIEnvironment.finalize() }
    }
}
