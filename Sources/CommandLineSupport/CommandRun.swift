package import ArgumentParser
internal import Checkpoints
internal import Foundation
internal import MPIBackend

/// Runs a program's commands, and turns errors into one line and an exit code.
package enum CommandRun {
    /// Parses the command line, runs the command, and ends the process where it fails.
    package static func run(_ root: any ParsableCommand.Type) async {
        // A file-size limit and a reader that has gone away become errors of the call that meets them.
        signal(SIGXFSZ, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try root.parseAsRoot(CommandLineWords.read())
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let code = report(error, of: root)
            exit(hasPrintedAll() ? code : max(code, ExitCode.failure.rawValue))
        }
        if !hasPrintedAll() { exit(ExitCode.failure.rawValue) }
    }

    /// Whether standard output has taken all that was printed; says so if not.
    private static func hasPrintedAll() -> Bool {
        guard let reason = StandardOutput.failureReason else { return true }
        Messages.printError("standard output: expected that it takes what is printed, found: \(reason)")
        return false
    }

    /// Prints an error that is no rank's in particular and returns the exit code.
    private static func report(_ error: any Error, of root: any ParsableCommand.Type) -> Int32 {
        let code = root.exitCode(for: error).rawValue
        guard code != 0 else {
            if Messages.isSpeaker { print(root.fullMessage(for: error)) }
            return code
        }
        let message = root.message(for: error)
        guard !message.isEmpty else { return code }
        // Every rank parses the same command line; one of them speaks.
        if !Messages.isSpeaker { Messages.waitForSpeaker() }
        Messages.printError(message)
        return code
    }
}

/// What people are told on standard error.
package enum Messages {
    /// Gives the rank that speaks the time to do so: the launcher ends all others once one has failed. Whoever comes back
    /// from here failed alone.
    package static func waitForSpeaker() {
        sleep(2)
    }

    /// Whether this process, by its launcher's word, is the one that speaks for all.
    static var isSpeaker: Bool {
        Launcher.detect(environment: ProcessInfo.processInfo.environment)?.rank ?? 0 == 0
    }

    /// Prints an error on standard error, in one line.
    package static func printError(_ message: String) { printLine("dp-train: error: " + message) }

    /// Prints a warning on standard error, in one line.
    package static func printWarning(_ message: String) { printLine("dp-train: warning: " + message) }

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
