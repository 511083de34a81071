import Foundation
import MPIBackend
import Metrics

/// Finds out whether somebody watches standard output on a terminal.
enum TerminalOutput {
    /// The style for a run's progress.
    ///
    /// Open MPI's launcher gives its ranks a terminal of their own and forwards what they print, so under a launcher
    /// the question is what the launcher prints to. Where that cannot be seen, lines without control characters do.
    static func style(isQuiet: Bool) -> ConsoleStyle {
        if isQuiet { return .quiet }
        let isLaunched = Launcher.detect(environment: ProcessInfo.processInfo.environment) != nil
        return isLaunched && !launcherPrintsToTerminal ? .plain : .automatic(descriptor: STDOUT_FILENO)
    }

    private static var launcherPrintsToTerminal: Bool {
        #if os(Linux)
        let link = "/proc/\(getppid())/fd/\(STDOUT_FILENO)"
        guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link) else { return false }
        return target.hasPrefix("/dev/pts/") || target.hasPrefix("/dev/tty")
        #else
        return false
        #endif
    }
}
