import ArgumentParser
import Checkpoints
import Foundation
import MPIBackend

/// Parses the command line, runs the command, and turns errors into one line and an exit code.
@main
enum Main {
    static func main() async {
        // A file-size limit and a reader that has gone away become errors of the call that meets them.
        signal(SIGXFSZ, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try DPTrain.parseAsRoot(CommandLineWords.read())
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let code = report(error)
            exit(hasPrintedAll() ? code : max(code, ExitCode.failure.rawValue))
        }
        if !hasPrintedAll() { exit(ExitCode.failure.rawValue) }
    }

    /// Whether standard output has taken all that was printed; says so if not.
    private static func hasPrintedAll() -> Bool {
        guard let reason = StandardOutput.failureReason else { return true }
        printError("standard output: expected that it takes what is printed, found: \(reason)")
        return false
    }

    /// Prints an error that is no rank's in particular and returns the exit code.
    private static func report(_ error: any Error) -> Int32 {
        let code = DPTrain.exitCode(for: error).rawValue
        guard code != 0 else {
            if isSpeaker { print(DPTrain.fullMessage(for: error)) }
            return code
        }
        let message = DPTrain.message(for: error)
        guard !message.isEmpty else { return code }
        // Every rank parses the same command line; one of them speaks.
        if !isSpeaker { waitForSpeaker() }
        printError(message)
        return code
    }

    /// Gives the rank that speaks the time to do so: the launcher ends all others once one has failed. Whoever comes back
    /// from here failed alone.
    static func waitForSpeaker() {
        sleep(2)
    }

    /// Whether this process, by its launcher's word, is the one that speaks for all.
    private static var isSpeaker: Bool {
        Launcher.detect(environment: ProcessInfo.processInfo.environment)?.rank ?? 0 == 0
    }

    /// Prints an error on standard error, in one line.
    static func printError(_ message: String) { printLine("dp-train: error: " + message) }

    /// Prints a warning on standard error, in one line.
    static func printWarning(_ message: String) { printLine("dp-train: warning: " + message) }

    private static func printLine(_ message: String) {
        let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        // A reader that has gone away is no reason to fail in another way.
        try? FileHandle.standardError.write(contentsOf: Data((PrintableText.line(line) + "\n").utf8))
    }
}
