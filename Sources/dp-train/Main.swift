import ArgumentParser
import Checkpoints
import Foundation
import MPIBackend

// Where the program starts: its words are read, the command is picked and run, and an error becomes a line and an exit
// code.

/// The root command; alone it means `dp-train train`.
struct DPTrain: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "dp-train",
        abstract: "Trains multi-layer perceptrons on small images, data-parallel over MPI.",
        discussion: """
            Alone it runs on this machine's processors; 'mpirun -np 4 dp-train' runs on four ranks.

            Exit codes: 0 success; 1 failure while running; 64 a setting that cannot be used; 74 trained, to the end or until \
            stopped, but the last checkpoint, the summary or records could not be written; 75 stopped by SIGTERM, SIGINT or \
            SIGUSR1 after writing a checkpoint. Before the first step, and once the last checkpoint has been written, these \
            signals end the program as they end any other.
            """,
        version: version,
        subcommands: [
            TrainCommand.self, EvaluateCommand.self, InspectCommand.self, DiffCommand.self,
            ExportCommand.self,
            DataCommand.self, BenchmarkCommand.self,
        ],
        defaultSubcommand: TrainCommand.self)
}

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

/// The words of the command line, as the parser is to see them.
enum CommandLineWords {
    /// Reads them.
    ///
    /// - Throws: `ValidationError` where a word, or a path that the environment gives, is not UTF-8: as text it would become
    ///   another one, and name another file.
    static func read() throws -> [String] {
        let count = Int(CommandLine.argc)
        let words = try (1..<max(1, count)).map { index in
            try text(CommandLine.unsafeArgv[index], "word \(index) of the command line")
        }
        _ = try text(getenv("DP_TRAIN_DATA"), "DP_TRAIN_DATA")
        let folder = getcwd(nil, 0)
        defer { free(folder) }
        _ = try text(folder, "the current folder")
        return valuesSplit(words)
    }

    private static func text(_ bytes: UnsafePointer<CChar>?, _ name: String) throws -> String {
        guard let bytes else { return "" }
        guard let text = String(validatingCString: bytes) else {
            throw ValidationError("\(name): expected text in UTF-8, found \"\(escaped(bytes))\"")
        }
        return text
    }

    /// The bytes with those that are not ASCII as `\xff`.
    private static func escaped(_ bytes: UnsafePointer<CChar>) -> String {
        UnsafeBufferPointer(start: bytes, count: strlen(bytes)).map { byte in
            (0x20...0x7e).contains(byte)
                ? String(UnicodeScalar(UInt8(bitPattern: byte)))
                : "\\x" + String(UInt8(bitPattern: byte), radix: 16)
        }.joined()
    }

    /// `--name=` becomes `--name` and an empty word. The parser takes the word that follows for its value instead.
    private static func valuesSplit(_ words: [String]) -> [String] {
        let end = words.firstIndex(of: "--") ?? words.endIndex
        return words.enumerated().flatMap { index, word in
            guard index < end, word.hasPrefix("--"), word.firstIndex(of: "=") == word.indices.last else {
                return [word]
            }
            return [String(word.dropLast()), ""]
        }
    }
}
