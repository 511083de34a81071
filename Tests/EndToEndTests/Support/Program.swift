import Foundation
import Testing

/// The program under test and how it is started.
enum Program {
    static let packageRoot: URL = {
        var directory = URL(filePath: #filePath).deletingLastPathComponent()
        while directory.path != "/" {
            if FileManager.default.fileExists(atPath: directory.appending(path: "Package.swift").path) {
                break
            }
            directory.deleteLastPathComponent()
        }
        return directory
    }()

    /// `dp-train`, found beside the test bundle that runs.
    static let executable: URL = {
        for argument in CommandLine.arguments {
            guard let bundle = argument.range(of: ".xctest") else { continue }
            let products = URL(filePath: String(argument[..<bundle.upperBound])).deletingLastPathComponent()
            let candidate = products.appending(path: "dp-train")
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
        }
        return packageRoot.appending(path: ".build/release/dp-train")
    }()

    /// Runs `dp-train` by itself (`ranks` nil) or on so many ranks under mpirun.
    static func run(
        _ arguments: [String], ranks: Int? = nil, in directory: URL? = nil,
        environment: [String: String] = [:],
        timeLimit: Double = ProcessRunner.hangLimit, watchingMemory: Bool = false
    ) throws -> ProcessOutcome {
        var runner = ProcessRunner(
            executable: executable, arguments: arguments, currentDirectory: directory,
            environment: environment,
            timeLimit: timeLimit, watchedName: watchingMemory ? "dp-train" : nil)
        if let ranks {
            runner.executable = URL(filePath: "/usr/bin/env")
            runner.arguments = ["mpirun", "-np", "\(ranks)", "--oversubscribe", executable.path] + arguments
        }
        return try runner.run()
    }

    /// As `run`, but a failure fails the test.
    @discardableResult
    static func succeed(
        _ arguments: [String], ranks: Int? = nil, in directory: URL? = nil,
        environment: [String: String] = [:],
        timeLimit: Double = ProcessRunner.hangLimit, watchingMemory: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> ProcessOutcome {
        let outcome = try run(
            arguments, ranks: ranks, in: directory, environment: environment, timeLimit: timeLimit,
            watchingMemory: watchingMemory)
        try #require(
            outcome.status == 0 && !outcome.timedOut, "\(arguments): \(outcome.summary)",
            sourceLocation: sourceLocation)
        return outcome
    }

    /// Trains into a new run directory and reads it.
    static func train(
        _ arguments: [String], ranks: Int? = nil, timeLimit: Double = ProcessRunner.hangLimit,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> RunDirectory {
        let output = try Scratch.newPath("run")
        try succeed(
            ["--output", output.path, "--quiet"] + arguments, ranks: ranks, timeLimit: timeLimit,
            sourceLocation: sourceLocation)
        return RunDirectory(url: output)
    }

    /// A tool found in PATH, run to its end.
    static func tool(_ words: [String], timeLimit: Double = ProcessRunner.hangLimit) throws -> ProcessOutcome
    {
        try ProcessRunner(executable: URL(filePath: "/usr/bin/env"), arguments: words, timeLimit: timeLimit)
            .run()
    }
}
