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
            "Ranks on CPUs with other instruction sets come to the bits of one, over MPI; in shared memory they are refused",
            .enabled(if: Emulator.path != nil, Emulator.absence))
        func otherCPUs() throws {
            let emulator = try #require(Emulator.path)
            let folder = try folder(trainingCount: 520, seed: 1)
            let flags = Self.flags + ["--hidden-dims", "8", "--batch-size", "80"]
            let output = RunDirectory(url: try Scratch.newPath("mixed"))
            func words(_ transport: String) -> [String] {
                [Program.executable.path] + flags
                    + [
                        "--output", output.url.path, "--transport", transport, "--instruction-set",
                        "baseline",
                    ]
            }
            let emulated =
                [emulator, "-cpu", "Haswell", Program.executable.path] + words("mpi").dropFirst().dropLast(2)
            let mixed = try together([(folder, words("mpi")), (folder, emulated)], timeLimit: 120)
            try #require(mixed.status == 0, "\(mixed.summary)")
            let alone = try Program.train(flags + ["--data", folder.appending(path: "data").path])
            #expect(try output.summary().tensorsSha256 == alone.summary().tensorsSha256)

            let never = try Scratch.newPath("never")
            let shared = [(folder, words("shared")), (folder, words("shared").dropLast() + ["avx2"])].map {
                ($0, $1.map { $0 == output.url.path ? never.path : $0 })
            }
            expectRefusal(
                try together(shared, timeLimit: 120),
                naming: ["expected one instruction set on all ranks of a node", "AVX2 on rank 1 (host "])
            #expect(!FileManager.default.fileExists(atPath: never.path))
        }

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
            "A run that is stopped half-way on one CPU goes on with the same bits on another, without a warning",
            .enabled(if: Emulator.path != nil, Emulator.absence),
            arguments: ["Haswell", "Skylake-Client", "Nehalem"])
        func resumedElsewhere(cpu: String) throws {
            let emulator = try #require(Emulator.path)
            let data = try folder(trainingCount: 520, seed: 1).appending(path: "data")
            let flags = [
                "--epochs", "2", "--validation-size", "200", "--hidden-dims", "8", "--batch-size", "80",
                "--lr-schedule", "cosine", "--momentum", "0.9", "--checkpoint-every", "3steps",
            ]
            let native = try Program.train(flags + ["--data", data.path])
            let emulated = RunDirectory(url: try Scratch.newPath("emulated"))
            let onEmulator = [emulator, "-cpu", cpu, Program.executable.path, "--quiet", "--data", data.path]
            let whole = try Program.tool(
                onEmulator + flags + ["--output", emulated.url.path], timeLimit: 300)
            try #require(whole.status == 0, "\(whole.summary)")
            let expected = try native.summary().tensorsSha256
            #expect(try emulated.summary().tensorsSha256 == expected)
            // Each from the other one's checkpoint in the middle of the first epoch.
            for (from, words) in [
                (native, onEmulator), (emulated, [Program.executable.path, "--quiet", "--data", data.path]),
            ] {
                let checkpoint = from.url.appending(path: "checkpoints/step-00000003.safetensors.zst")
                let resumed = RunDirectory(url: try Scratch.newPath("resumed"))
                let outcome = try Program.tool(
                    words + ["--resume", checkpoint.path, "--output", resumed.url.path], timeLimit: 300)
                try #require(outcome.status == 0, "\(outcome.summary)")
                #expect(!outcome.summary.contains("dp-train: warning"), "\(outcome.summary)")
                #expect(try resumed.summary().tensorsSha256 == expected)
            }
        }

        @Test("A checkpoint names its arithmetic, the same for every instruction set")
        func arithmetic() throws {
            let data = try folder(trainingCount: 520, seed: 1).appending(path: "data")
            for flags in [[], ["--instruction-set", "baseline"]] {
                let run = try Program.train(
                    Self.flags + flags + ["--hidden-dims", "8", "--batch-size", "80", "--data", data.path])
                let text = try Program.succeed(["inspect", run.newestCheckpoint().path]).outputText
                #expect(
                    text.contains(/arithmetic: +portable \(fused multiply-add, pixels times 3 bytes\)/),
                    "\(text)")
            }
        }
    }
}
