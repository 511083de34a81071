import Foundation
import Testing

extension EndToEnd {
    /// More threads or memory than the system gives.
    @Suite("Threads and memory that cannot be had")
    struct ResourceTests {
        /// Runs a program found in PATH with limits of its shell.
        private func run(_ words: [String], limit: String) throws -> ProcessOutcome {
            try ProcessRunner(
                executable: URL(filePath: "/usr/bin/env"),
                arguments: ["sh", "-c", "\(limit) && exec \"$@\"", "sh"] + words, timeLimit: 60
            ).run()
        }

        private func words(_ flags: [String], output: URL) throws -> [String] {
            try [Program.executable.path, "train", "--output", output.path] + Runs.flags(epochs: 1) + flags
        }

        #if os(Linux)
        @Test("Threads that were asked for and cannot be started are refused", arguments: [nil, 2])
        func threads(ranks: Int?) throws {
            let output = try Scratch.newPath("run")
            let launch = ranks.map { ["mpirun", "--oversubscribe", "-np", "\($0)"] } ?? []
            // There are no addresses for so many stacks.
            let outcome = try run(
                launch + words(["--threads", "900"], output: output), limit: "ulimit -v 4000000")
            expectRefusal(outcome, naming: ["--threads 900", "expected so many threads", "found only "])
            #expect(!FileManager.default.fileExists(atPath: output.path))
        }
        #endif

        @Test(
            "A run that takes more memory than there can be is refused with the numbers, before anything is written",
            arguments: [
                ["--hidden-dims", "1048576,1048576,1048576"],
                ["--hidden-dims", "100000,100000", "--threads", "2"],
                ["--threads", "4096", "--hidden-dims", "1048576"],
            ], [nil, 2])
        func memory(flags: [String], ranks: Int?) throws {
            let output = try Scratch.newPath("run")
            let outcome = try Program.run(
                ["train", "--output", output.path] + Runs.flags(epochs: 1) + flags, ranks: ranks)
            expectRefusal(
                outcome,
                naming: ["--hidden-dims", "--batch-size", "--threads", "expected to need at most", " GB"])
            #expect(!FileManager.default.fileExists(atPath: output.path))
        }

        #if os(Linux)
        @Test(
            "What a limit of addresses does not leave is an error as well, and what it leaves is enough",
            arguments: [
                (600_000, ["--hidden-dims", "20000"], false), (1_000_000, ["--hidden-dims", "8000"], false),
                (2_000_000, ["--hidden-dims", "32"], true),
            ])
        func addresses(kilobytes: Int, flags: [String], runs: Bool) throws {
            let output = try Scratch.newPath("run")
            let outcome = try run(
                words(flags + ["--threads", "2", "--quiet"], output: output), limit: "ulimit -v \(kilobytes)")
            #expect(!outcome.timedOut && outcome.status < 128, "\(outcome.summary)")
            #expect((outcome.status == 0) == runs, "\(outcome.summary)")
            if !runs {
                #expect(outcome.errorText.contains("dp-train: error: "), "\(outcome.summary)")
                #expect(!outcome.errorText.contains("Fatal error"), "\(outcome.summary)")
            }
        }
        #endif
    }
}
