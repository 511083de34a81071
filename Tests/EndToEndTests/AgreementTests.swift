import Foundation
import Testing

extension EndToEnd {
    @Suite("What ranks have to agree on, and runs that diverge")
    struct AgreementTests {
        /// Runs one rank for each list of words, all in one job, each in a folder of its own.
        private func together(
            _ ranks: [(folder: URL, words: [String])], timeLimit: Double = 60
        ) throws -> ProcessOutcome {
            let parts = ranks.map { ["-np", "1", "-wdir", $0.folder.path] + $0.words }
            return try Program.tool(
                ["-u", "DP_TRAIN_DATA", "mpirun", "--oversubscribe"] + parts.joined(separator: [":"]),
                timeLimit: timeLimit)
        }

        private static let flags = ["--epochs", "1", "--validation-size", "200", "--quiet"]

        /// A folder with a data set in `data`.
        private func folder(trainingCount: Int, seed: Int) throws -> URL {
            let folder = try Scratch.makeDirectory("with-data")
            try Program.succeed([
                "data", "synthesize", "--output", folder.appending(path: "data").path, "--training-count",
                "\(trainingCount)", "--test-count", "250", "--seed", "\(seed)",
            ])
            return folder
        }

        @Test("Ranks that find different data sets stop before they train, with one message that names them")
        func dataSets() throws {
            let with = try folder(trainingCount: 2600, seed: 1)
            let (without, other) = (
                try Scratch.makeDirectory("without"), try folder(trainingCount: 2600, seed: 2)
            )
            let output = try Scratch.newPath("never")
            let words = [Program.executable.path] + Self.flags + ["--output", output.path]
            for (second, found) in [(without, "synthetic set"), (other, other.path)] {
                let outcome = try together([(with, words), (second, words)])
                expectRefusal(
                    outcome,
                    naming: [
                        "--data: expected the same data set on all ranks", with.path, found,
                        "on rank 0 (host ",
                        "on rank 1 (host ",
                    ])
                #expect(!FileManager.default.fileExists(atPath: output.path))
            }

            // A test of a checkpoint needs them as well.
            let run = try Program.train(Self.flags + ["--data", with.appending(path: "data").path])
            let test = try [
                Program.executable.path, "evaluate", run.newestCheckpoint().path, "--evaluation", "sharded",
            ]
            expectRefusal(
                try together([(with, test), (without, test)]),
                naming: ["--data: expected the same data set on all ranks"])
        }

        @Test(
            "A rank on a CPU that rounds otherwise is found before the first step",
            .enabled(if: emulator != nil, "needs qemu-x86_64 (qemu-user) on an x86-64 CPU with FMA"))
        func otherArithmetic() throws {
            let emulator = try #require(Self.emulator)
            let folder = try folder(trainingCount: 2600, seed: 1)
            let output = try Scratch.newPath("never")
            let words =
                [Program.executable.path] + Self.flags + ["--output", output.path, "--transport", "mpi"]
            let outcome = try together(
                [(folder, words), (folder, [emulator, "-cpu", "Nehalem"] + words)], timeLimit: 120)
            expectRefusal(
                outcome,
                naming: [
                    "expected the same bits on all ranks", "rank 1 (host ", "kernels baseline",
                    "matrix products",
                ])
            #expect(!FileManager.default.fileExists(atPath: output.path))
        }

        private static let emulator: String? = {
            #if arch(x86_64) && os(Linux)
            let path = "/usr/bin/qemu-x86_64"
            let flags = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
            let hasFMA = flags.contains(/\bfma\b/) && flags.contains(/\bavx2\b/) && flags.contains(/\bbmi2\b/)
            return hasFMA && FileManager.default.isExecutableFile(atPath: path) ? path : nil
            #else
            return nil
            #endif
        }()

        @Test("A run that diverges in its last update fails, without a summary; so does going on from it")
        func divergence() throws {
            let data = try folder(trainingCount: 2600, seed: 1).appending(path: "data")
            let output = try Scratch.newPath("diverged")
            let flags = [
                "--data", data.path, "--validation-size", "200", "--batch-size", "2400", "--lr", "1e30",
            ]
            let outcome = try Program.run(flags + ["--epochs", "1", "--output", output.path, "--quiet"])
            expectRefusal(outcome, naming: ["training diverged", "at step 1 in epoch 1"])
            #expect(
                !FileManager.default.fileExists(atPath: output.appending(path: "summary.json").path))
            let resumed = try Program.run(
                ["--data", data.path, "--resume", output.path, "--quiet"], ranks: 2)
            expectRefusal(resumed, naming: ["training diverged", "at step 1 in epoch 1"])
        }

        @Test(
            "On a CPU without a unit for bytes integers asked for give the same bits; the default is recorded as Float",
            .enabled(if: emulator != nil, "needs qemu-x86_64 (qemu-user) on an x86-64 CPU with FMA"))
        func withoutUnit() throws {
            let emulator = try #require(Self.emulator)
            let data = try folder(trainingCount: 520, seed: 1).appending(path: "data")
            let flags = Self.flags + ["--hidden-dims", "8", "--batch-size", "80", "--data", data.path]
            for (asked, precision) in [("high", "high"), (nil, "highest")] {
                let words = flags + (asked.map { ["--matmul-precision", $0] } ?? [])
                let output = RunDirectory(url: try Scratch.newPath("emulated"))
                let outcome = try Program.tool(
                    [emulator, "-cpu", "Haswell", Program.executable.path] + words
                        + ["--output", output.url.path], timeLimit: 120)
                try #require(outcome.status == 0, "\(outcome.summary)")
                let native = try Program.train(flags + ["--matmul-precision", precision])
                #expect(try output.summary().tensorsSha256 == native.summary().tensorsSha256)
                let text = try String(contentsOf: output.url.appending(path: "config.json"), encoding: .utf8)
                #expect(
                    text.firstMatch(of: /"matmulPrecision"\s*:\s*"(\w+)"/)?.1 == Substring(precision),
                    "\(text)")
            }
        }
    }
}
