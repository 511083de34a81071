import Foundation
import Testing

extension EndToEnd {
    @Suite("Output directories, checkpoints and launchers that cannot be used")
    struct BadPathTests {
        @Test("An output path below a file is refused by name", arguments: [nil, 4])
        func outputBelowFile(ranks: Int?) throws {
            let file = try Scratch.newPath("a-file")
            try Data("not a directory".utf8).write(to: file)
            let output = file.appending(path: "run")
            try expectRefusal(["--output", output.path], naming: [output.path], ranks: ranks)
        }

        @Test("An output path where nothing can be made is refused by name", arguments: [nil, 4])
        func outputNotWritable(ranks: Int?) throws {
            // Permissions do not stop root, so root gets a file system that takes no files.
            var parent = URL(filePath: "/proc")
            if getuid() != 0 {
                parent = try Scratch.makeDirectory("read-only")
                try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: parent.path)
            }
            let output = parent.appending(path: "run-of-dp-train")
            try expectRefusal(["--output", output.path], naming: [output.path], ranks: ranks)
        }

        @Test(
            "An output directory that already holds a run is refused, and left as it was",
            arguments: [nil, 4])
        func outputHoldsRun(ranks: Int?) throws {
            let run = try Self.finishedRun.get()
            let metrics = try Data(contentsOf: run.url.appending(path: "metrics.csv"))
            try expectRefusal(["--output", run.url.path], naming: [run.url.path], ranks: ranks)
            #expect(try Data(contentsOf: run.url.appending(path: "metrics.csv")) == metrics)
        }

        @Test("A missing checkpoint is refused by name", arguments: [nil, 4])
        func missingCheckpoint(ranks: Int?) throws {
            try expectResumeRefusal(from: Scratch.newPath("step-00000009.safetensors.zst"), ranks: ranks)
        }

        @Test("A directory without a checkpoint is refused by name", arguments: [nil, 4])
        func emptyDirectoryAsCheckpoint(ranks: Int?) throws {
            try expectResumeRefusal(from: Scratch.makeDirectory("no-checkpoint"), ranks: ranks)
        }

        @Test("A file of another kind is refused as a checkpoint, by name", arguments: [nil, 4])
        func foreignCheckpoint(ranks: Int?) throws {
            let text = try Scratch.newPath("notes.txt")
            try Data("Remember the milk.\n".utf8).write(to: text)
            try expectResumeRefusal(from: text, ranks: ranks)

            // A sound zstd frame with something else inside.
            let frame = try Scratch.newPath("notes.zst")
            let packed = try Program.tool(["zstd", "-q", text.path, "-o", frame.path])
            try #require(packed.status == 0, "\(packed.summary)")
            try expectResumeRefusal(from: frame, ranks: ranks)
        }

        @Test("A checkpoint cut short is refused by name", arguments: [nil, 4])
        func cutCheckpoint(ranks: Int?) throws {
            let whole = try Self.finishedRun.get().newestCheckpoint()
            let cut = try Scratch.newPath("cut.safetensors.zst")
            try Data(contentsOf: whole).dropLast(1000).write(to: cut)
            try expectResumeRefusal(from: cut, ranks: ranks)
        }

        @Test(
            "A checkpoint that may not be read is refused by name",
            .enabled(if: getuid() != 0, "root reads all"))
        func unreadableCheckpoint() throws {
            let copy = try Scratch.newPath("locked.safetensors.zst")
            try FileManager.default.copyItem(at: Self.finishedRun.get().newestCheckpoint(), to: copy)
            try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: copy.path)
            for ranks in [nil, 4] { try expectResumeRefusal(from: copy, ranks: ranks) }
        }

        @Test(
            "evaluate and inspect refuse a file of another kind by name", arguments: ["evaluate", "inspect"])
        func foreignFileToRead(command: String) throws {
            let text = try Scratch.newPath("notes.txt")
            try Data("Remember the milk.\n".utf8).write(to: text)
            let data = try SmallData.directory()
            let flags = command == "evaluate" ? ["--data", data.path] : []
            let outcome = try Program.run([command, text.path] + flags)
            EndToEndTests.expectRefusal(outcome, naming: [text.path])
        }

        @Test("Processes that another MPI's launcher started are refused, with one message")
        func foreignLauncher() throws {
            let data = try SmallData.directory()
            let output = try Scratch.newPath("run")
            let flags = ["--data", data.path, "--output", output.path] + SmallData.flags
            let first = try Program.run(flags, environment: ["PMI_SIZE": "4", "PMI_RANK": "0"])
            EndToEndTests.expectRefusal(first, naming: ["mpiexec of MPICH", "4 processes"])
            let second = try Program.run(flags, environment: ["PMI_SIZE": "4", "PMI_RANK": "1"])
            #expect(second.status != 0 && second.errorText.isEmpty, "\(second.summary)")
        }

        private static let finishedRun = Result {
            try Program.train(["--data", SmallData.directory().path] + SmallData.flags)
        }

        private func expectResumeRefusal(from checkpoint: URL, ranks: Int?) throws {
            let output = try Scratch.newPath("run")
            try expectRefusal(
                ["--resume", checkpoint.path, "--output", output.path], naming: [checkpoint.path],
                ranks: ranks)
        }

        private func expectRefusal(_ flags: [String], naming names: [String], ranks: Int?) throws {
            let data = try SmallData.directory()
            let outcome = try Program.run(["--data", data.path] + SmallData.flags + flags, ranks: ranks)
            EndToEndTests.expectRefusal(outcome, naming: names)
        }
    }
}
