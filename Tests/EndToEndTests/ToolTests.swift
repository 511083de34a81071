import Foundation
import Testing

extension EndToEnd {
    @Suite("describe, diff and export")
    struct ToolTests {
        @Test("describe shows the layers that the flags of train make, with their parameters")
        func describe() throws {
            let flags = ["--hidden-dims", "40", "--batch-norm", "sync", "--activation", "relu"]
            let text = try Program.succeed(["describe", "--inputs", "20", "--classes", "3"] + flags)
                .outputText
            let lines = text.split(separator: "\n")
            #expect(lines.count == 7, "\(text)")
            #expect(
                lines[1].contains(/layers\.0 +linear +20 +40 +weight \[40, 20\], bias \[40\] +840 +800/),
                "\(text)")
            #expect(lines[2].contains(/batch norm +40 +40 +weight \[40\], bias \[40\] +80 +0/), "\(text)")
            #expect(lines[5] == "1043 trainable parameters, 80 running statistics", "\(text)")
            #expect(lines[6] == "920 multiplications for an image forward, 1960 in training", "\(text)")
            // Of a whole run: what its header says.
            #expect(try Program.succeed(["describe"]).outputText.contains("394634 trainable parameters"))
            expectRefusal(
                try Program.run(["describe", "--inputs", "0"]), naming: ["--inputs: expected a number from 1"]
            )
            expectRefusal(try Program.run(["describe", "--lr", "-1"]), naming: ["--lr"])
        }

        @Test("diff finds no difference between runs on other ranks, and says so in its exit code")
        func equal() throws {
            let flags = try Runs.flags(epochs: 1)
            let (a, b) = try (Program.train(flags), Program.train(flags, ranks: 3))
            let words = try ["diff", a.newestCheckpoint().path, b.newestCheckpoint().path]
            let outcome = try Program.run(words)
            #expect(outcome.status == 0, "\(outcome.summary)")
            #expect(outcome.outputText.contains("are equal, bit by bit"))
            let json = try Program.succeed(words + ["--json"]).output
            #expect(try JSONDecoder().decode(Compared.self, from: json).equal)
        }

        @Test("diff names settings with both values, and tensors with their distance")
        func different() throws {
            let flags = try Runs.flags(epochs: 1)
            let (a, b) = try (Program.train(flags), Program.train(flags + ["--lr", "0.03"]))
            let words = try ["diff", a.newestCheckpoint().path, b.newestCheckpoint().path]
            let outcome = try Program.run(words)
            #expect(outcome.status == 1, "\(outcome.summary)")
            #expect(outcome.outputText.contains("--lr 0.02 → 0.03"), "\(outcome.summary)")
            #expect(
                outcome.outputText.contains("layers.0.weight: ")
                    && outcome.outputText.contains("units in the last place"), "\(outcome.summary)")
            let json = try Program.run(words + ["--json"])
            #expect(json.status == 1)
            #expect(try !JSONDecoder().decode(Compared.self, from: json.output).equal)
        }

        @Test("diff fails in another way where a file is no checkpoint")
        func notACheckpoint() throws {
            let run = try Program.train(Runs.flags(epochs: 1))
            let config = run.url.appending(path: "config.json").path
            let outcome = try Program.run(["diff", run.newestCheckpoint().path, config])
            #expect(outcome.status == 2, "\(outcome.summary)")
            #expect(outcome.errorText.contains("\(config) is not a checkpoint"), "\(outcome.summary)")
        }

        @Test("export writes the weights alone, and over another file only with --force")
        func export() throws {
            let run = try Program.train(Runs.flags(epochs: 2))
            let checkpoint = try run.newestCheckpoint().path
            let model = try Scratch.newPath("model.safetensors")
            try Program.succeed(["export", checkpoint, "--to", model.path])
            let bytes = try Data(contentsOf: model)
            let size = bytes.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
            let header = try #require(
                JSONSerialization.jsonObject(with: bytes.subdata(in: 8..<8 + size)) as? [String: Any])
            #expect(
                header.keys.sorted() == [
                    "__metadata__", "layers.0.bias", "layers.0.weight", "layers.1.bias",
                    "layers.1.num_batches_tracked", "layers.1.running_mean", "layers.1.running_var",
                    "layers.1.weight", "layers.3.bias", "layers.3.weight",
                ])
            let again = ["export", checkpoint, "--to", model.path, "--best"]
            expectRefusal(try Program.run(again), naming: ["--to \(model.path)", "--force"])
            #expect(try Data(contentsOf: model) == bytes)
            try Program.succeed(again + ["--force"])
        }

        @Test("export --force writes what a link leads to, and replaces nothing that is no file")
        func exportOverLinks() throws {
            let run = try Program.train(Runs.flags(epochs: 1))
            let checkpoint = try run.newestCheckpoint().path
            let folder = try Scratch.makeDirectory("links")
            func path(_ name: String) -> String { folder.appending(path: name).path }
            try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: "target")
            try Data("old".utf8).write(to: folder.appending(path: "target"))
            try Program.succeed(["export", checkpoint, "--to", path("link"), "--force"])
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path("link")) == "target")
            #expect(try Data(contentsOf: folder.appending(path: "target")).count > 100_000)

            try #require(mkfifo(path("pipe"), 0o600) == 0)
            try FileManager.default.createSymbolicLink(atPath: path("to-pipe"), withDestinationPath: "pipe")
            try FileManager.default.createDirectory(
                at: folder.appending(path: "folder"), withIntermediateDirectories: true)
            for (name, kind) in [("pipe", "a pipe"), ("to-pipe", "a pipe"), ("folder", "a folder")] {
                let outcome = try Program.run(["export", checkpoint, "--to", path(name), "--force"])
                expectRefusal(outcome, naming: [path(name), "found \(kind)"])
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            #expect(names == ["folder", "link", "pipe", "target", "to-pipe"])
            let attributes = try FileManager.default.attributesOfItem(atPath: path("pipe"))
            #expect(attributes[.type] as? FileAttributeType != .typeRegular)
        }

        private struct Compared: Decodable {
            let equal: Bool
        }
    }
}
