import Foundation
import Testing

extension EndToEnd {
    @Suite("Shared memory within a node, and doing without")
    struct SharedMemoryTests {
        @Test(
            "Tensors and every logged loss are those of one rank on 1, 2, 3, 5 and 8, whatever carries the numbers",
            arguments: ["shared", "mpi"],
            [
                [], ["--batch-norm", "local", "--hidden-dims", "70,33"],
                ["--batch-norm", "none", "--residual", "--nesterov", "--hidden-dims", "129"],
                ["--hidden-dims", "", "--batch-norm", "none", "--momentum", "0"],
            ])
        func sameBits(transport: String, flags: [String]) throws {
            let flags = try Runs.flags(epochs: 2) + flags
            let alone = try Program.train(flags)
            for ranks in [1, 2, 3, 5, 8] {
                let run = try Program.train(flags + ["--transport", transport], ranks: ranks)
                #expect(try run.summary().worldSize == ranks)
                try run.expectEqual(alone)
            }
        }

        @Test(
            "The header names what carries the numbers, and the kernels",
            arguments: ["auto", "shared", "mpi"])
        func header(transport: String) throws {
            let output = try Scratch.newPath("run")
            let words =
                try ["train", "--output", output.path, "--transport", transport] + Runs.flags(epochs: 1)
            let text = try Program.succeed(words, ranks: 2).outputText
            let expected = transport == "mpi" ? "mpi" : "shared"
            #expect(text.contains("strategy: factor-exchange, transport \(expected)\n"), "\(text)")
            let kernels = /kernels: +[A-Z].*, [0-9]+ threads? per rank/
            #expect(text.contains(kernels), "\(text)")
        }

        @Test(
            "Where memory cannot be shared, auto says so in one line and comes to the same through MPI",
            .enabled(
                if: SmallSharedMemory.isAvailable, "mounting a small /dev/shm takes Linux and root's rights"),
            // Too little for the first thing that is shared, and for a later one.
            arguments: ["64k", "8300k"], [2, 3])
        func fallback(size: String, ranks: Int) throws {
            let flags = try Runs.flags(epochs: 1)
            let output = try Scratch.newPath("run")
            let outcome = try SmallSharedMemory(size: size).run(
                launch(ranks) + [Program.executable.path, "train", "--output", output.path] + flags)
            #expect(outcome.status == 0 && !outcome.timedOut, "\(outcome.summary)")
            let notes = (outcome.outputText + outcome.errorText).split(separator: "\n").filter {
                $0.contains("memory")
            }
            #expect(notes.count == 1, "\(outcome.summary)")
            let note = try #require(notes.first)
            for part in ["warning: ", "bytes of shared memory: No space left on device", "--transport mpi"] {
                #expect(note.contains(part), "\(note)")
            }
            #expect(
                outcome.outputText.contains("strategy: factor-exchange, transport mpi\n"),
                "\(outcome.summary)"
            )
            try RunDirectory(url: output).expectEqual(Program.train(flags))
        }

        @Test(
            "Where memory cannot be shared, --transport shared ends every rank with an error, told once",
            .enabled(
                if: SmallSharedMemory.isAvailable, "mounting a small /dev/shm takes Linux and root's rights"),
            arguments: ["64k", "8300k"], [2, 3])
        func refusal(size: String, ranks: Int) throws {
            let codes = try Scratch.newPath("codes")
            let output = try Scratch.newPath("run")
            // The shell ends well, so that mpirun does not end the other ranks.
            let words =
                try launch(ranks) + [
                    "sh", "-c", "\"$@\"; echo $? >> \(codes.path)", "sh", Program.executable.path, "train",
                    "--output",
                    output.path, "--transport", "shared",
                ] + Runs.flags(epochs: 1)
            let outcome = try SmallSharedMemory(size: size).run(words)
            #expect(!outcome.timedOut, "it hangs: \(outcome.summary)")
            let ends = try String(contentsOf: codes, encoding: .utf8).split(separator: "\n").compactMap {
                Int($0)
            }
            #expect(
                ends.count == ranks && ends.allSatisfy { $0 > 0 && $0 < 128 }, "\(ends), \(outcome.summary)")
            let messages = outcome.errorText.split(separator: "\n").filter {
                $0.contains("bytes of shared memory: No space left on device")
            }
            #expect(messages.count == 1, "\(outcome.summary)")
            #expect(messages.first?.contains("sharing memory within") == true, "\(outcome.summary)")
            for trace in ["Fatal error", "Backtrace", "exited on signal", "MPI_ABORT"] {
                #expect(!outcome.errorText.contains(trace), "\(outcome.summary)")
            }
        }

        @Test(
            "One rank alone needs no shared memory",
            .enabled(
                if: SmallSharedMemory.isAvailable, "mounting a small /dev/shm takes Linux and root's rights"),
            arguments: ["auto", "shared"])
        func alone(transport: String) throws {
            let output = try Scratch.newPath("run")
            let flags = try Runs.flags(epochs: 1)
            let outcome = try SmallSharedMemory(size: "64k").run(
                [Program.executable.path, "train", "--output", output.path, "--transport", transport] + flags)
            #expect(outcome.status == 0, "\(outcome.summary)")
            #expect(!(outcome.outputText + outcome.errorText).contains("memory"), "\(outcome.summary)")
            try RunDirectory(url: output).expectEqual(Program.train(flags))
        }

        private func launch(_ ranks: Int) -> [String] { ["mpirun", "-np", "\(ranks)", "--oversubscribe"] }
    }
}
