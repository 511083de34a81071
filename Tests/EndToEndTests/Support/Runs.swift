import Foundation
import Testing

/// Runs on a small set of 2,400 training images in batches of 64, 37 steps an epoch, and what is compared of them.
enum Runs {
    static let stepsPerEpoch = 37

    private static let data = Result {
        let directory = try Scratch.newPath("bits")
        try Program.succeed([
            "data", "synthesize", "--output", directory.path, "--training-count", "2600", "--test-count",
            "250",
            "--seed", "1",
        ])
        return directory
    }

    /// Flags for a run on the set.
    static func flags(epochs: Int) throws -> [String] {
        [
            "--data", try data.get().path, "--validation-size", "200", "--batch-size", "64", "--hidden-dims",
            "32",
            "--lr", "0.02", "--momentum", "0.9", "--batch-norm", "sync", "--epochs", "\(epochs)",
        ]
    }

    /// The most epochs there can be, 39 million steps: a run that cannot end by itself, on whatever machine, before it is
    /// interrupted.
    static let endless = 1 << 20

    /// The flags that make an interrupted run, endless until then, end in the epoch after the one that it has come
    /// to, and the same run without an interruption.
    static func ending(_ run: RunDirectory, flags: (_ epochs: Int) throws -> [String]) throws -> (
        flags: [String], whole: RunDirectory
    ) {
        let epochs = try run.newestStep() / stepsPerEpoch + 2
        return try (["--epochs", "\(epochs)"], Program.train(flags(epochs)))
    }

    /// Flags to go on, with everything else from the run.
    static func resume(_ run: RunDirectory) throws -> [String] {
        ["--data", try data.get().path, "--resume", run.url.path, "--quiet"]
    }

    /// A copy of a run, to be damaged or continued.
    static func copy(_ run: RunDirectory) throws -> RunDirectory {
        let copy = try Scratch.newPath("copy")
        try FileManager.default.copyItem(at: run.url, to: copy)
        return RunDirectory(url: copy)
    }
}

extension RunDirectory {
    /// The records of `steps.jsonl.zst` as they stand there, without the time that each step took.
    func steps() throws -> [String] {
        let unpacked = try Program.tool(["zstd", "-dc", url.appending(path: "steps.jsonl.zst").path])
        try #require(unpacked.status == 0, "\(unpacked.errorText)")
        return unpacked.outputText.split(separator: "\n").map { line in
            String(line.range(of: ",\"seconds\"").map { line[..<$0.lowerBound] } ?? line)
        }
    }

    /// The rows of `metrics.csv` without their measured columns, seconds and images per second.
    func losses() throws -> [[String]] { try csv().map { Array($0.dropLast(2)) } }

    /// Checks that a run came to the same as `other`: tensors, every logged step and every epoch, none twice or missing.
    func expectEqual(_ other: RunDirectory, sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(
            try summary().tensorsSha256 == other.summary().tensorsSha256, "the tensors",
            sourceLocation: sourceLocation)
        let (found, expected) = try (steps(), other.steps())
        #expect(!expected.isEmpty && found == expected, "the steps", sourceLocation: sourceLocation)
        #expect(try losses() == other.losses(), "the epochs", sourceLocation: sourceLocation)
        #expect(
            try summary().testLoss == other.summary().testLoss, "the test loss",
            sourceLocation: sourceLocation)
    }
}

extension Program {
    /// Runs `dp-train` as `run` does and calls `body` with its process id, mpirun's where there are ranks,
    /// again and again.
    ///
    /// - Parameter graceSeconds: How long mpirun, told to end, waits before it kills its ranks: always as long as that,
    ///   also for those that have ended.
    static func run(
        _ arguments: [String], ranks: Int?, graceSeconds: Int = 1,
        whileRunning body: @escaping (Int32) -> Void
    ) throws -> ProcessOutcome {
        var runner = ProcessRunner(executable: executable, arguments: arguments, whileRunning: body)
        runner.environment = ["OMPI_MCA_odls_base_sigkill_timeout": "\(graceSeconds)"]
        if let ranks {
            runner.executable = URL(filePath: "/usr/bin/env")
            runner.arguments = ["mpirun", "-np", "\(ranks)", "--oversubscribe", executable.path] + arguments
        }
        return try runner.run()
    }
}
