import Foundation
import Testing

extension EndToEnd {
    @Suite("Checkpoints")
    struct CheckpointTests {
        @Test("The zstd tool finds a checkpoint sound, checksum included")
        func soundFrame() throws {
            let checkpoint = try Self.run.get().newestCheckpoint()
            #expect(try Program.tool(["zstd", "-t", "-q", checkpoint.path]).status == 0)
            let listing = try Program.tool(["zstd", "-l", "-v", checkpoint.path])
            #expect(listing.outputText.contains("XXH64"), "\(listing.summary)")
        }

        @Test("An epoch leaves a checkpoint, named by its step")
        func names() throws {
            // 1,800 images in batches of 128: 14 steps an epoch.
            let names = try Self.run.get().checkpoints().map(\.lastPathComponent)
            #expect(names.contains("step-00000028.safetensors.zst"), "\(names)")
        }

        @Test("Names and shapes of the tensors are PyTorch's")
        func pytorchNames() throws {
            let file = try SafetensorsFile(checkpoint: Self.run.get().newestCheckpoint())
            #expect(file.modelTensorNames.map { "\($0) \(file.shapes[$0] ?? [])" } == Self.expectedTensors)
        }

        @Test(
            "Python's safetensors package reads it, with the same names and shapes",
            .enabled(
                if: Python.has("safetensors.numpy"),
                "needs Python's packages safetensors and numpy; $DP_TRAIN_TEST_PYTHON names the interpreter"))
        func python() throws {
            let script = """
                import subprocess, sys
                from safetensors.numpy import load
                tensors = load(subprocess.run(["zstd", "-dc", sys.argv[1]], check=True, capture_output=True).stdout)
                for name in sorted(name for name in tensors if name.startswith("layers.")):
                    count = name.endswith("num_batches_tracked")
                    assert str(tensors[name].dtype) == ("int64" if count else "float32"), name
                    print(name, list(tensors[name].shape))
                """
            let checkpoint = try Self.run.get().newestCheckpoint()
            let printed = try Python.run(script, [checkpoint.path])
            #expect(
                String(decoding: printed, as: UTF8.self).split(separator: "\n").map(String.init)
                    == Self.expectedTensors)
        }

        @Test(
            "PyTorch loads the weights by name and computes the accuracy that the run reports",
            .enabled(
                if: Python.has("safetensors.torch"),
                "needs Python's packages safetensors and torch; $DP_TRAIN_TEST_PYTHON names the interpreter"))
        func pytorch() throws {
            let script = """
                import subprocess, sys
                import numpy, torch
                from safetensors.torch import load
                from torch import nn
                tensors = load(subprocess.run(["zstd", "-dc", sys.argv[1]], check=True, capture_output=True).stdout)
                tensors = {name[7:]: value for name, value in tensors.items() if name.startswith("layers.")}
                model = nn.Sequential(nn.Linear(3072, 128), nn.ELU(), nn.Linear(128, 10))
                model.load_state_dict(tensors)
                records = numpy.fromfile(sys.argv[2], dtype=numpy.uint8).reshape(-1, 3073)
                images = torch.tensor(records[:, 1:].reshape(-1, 3, 1024) / 255.0)
                mean = torch.tensor([0.491, 0.482, 0.447], dtype=torch.float64)[None, :, None]
                std = torch.tensor([0.247, 0.243, 0.262], dtype=torch.float64)[None, :, None]
                logits = model.double()(((images - mean) / std).reshape(-1, 3072))
                print((logits.argmax(1).numpy() == records[:, 0]).mean())
                """
            let data = try SmallData.directory()
            // Without validation images the last model is the one that is tested.
            let run = try Program.train(["--data", data.path, "--validation-size", "0", "--epochs", "2"])
            let testFile = try SmallData.file("test_batch.bin", in: data)
            let printed = try Python.run(script, [run.newestCheckpoint().path, testFile.path])
            let accuracy = try #require(
                Double(
                    String(decoding: printed, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)))
            // One image of 500 may stand so near a border that rounding moves it.
            #expect(try abs(accuracy - run.summary().testAccuracy) < 0.0021)
        }

        @Test("A resumed run ends where an uninterrupted one ends", arguments: [nil, 3])
        func resume(ranks: Int?) throws {
            let data = try SmallData.directory()
            let flags = [
                "--data", data.path, "--validation-size", "200", "--momentum", "0.9", "--batch-norm", "sync",
                "--epochs", "4", "--lr-schedule", "cosine",
            ]
            let whole = try Program.train(flags, ranks: ranks)
            let middle = try #require(
                whole.checkpoints().first { $0.lastPathComponent == "step-00000028.safetensors.zst" },
                "no checkpoint of the second epoch")
            let resumed = try Program.train(flags + ["--resume", middle.path], ranks: ranks)
            #expect(try resumed.epochs().map(\.epoch) == whole.epochs().map(\.epoch).suffix(2))
            let expected = try SafetensorsFile(checkpoint: whole.newestCheckpoint())
            let found = try SafetensorsFile(checkpoint: resumed.newestCheckpoint())
            #expect(found.shapes == expected.shapes)
            for (name, values) in expected.values {
                let worst = zip(try #require(found.values[name]), values)
                    .map { abs($0 - $1) / max(1, abs($1)) }.max()
                #expect(try #require(worst) <= 1e-4, "\(name): \(worst ?? 0)")
            }
        }

        @Test("evaluate repeats the test result of the run")
        func evaluate() throws {
            let data = try SmallData.directory()
            let run = try Program.train(["--data", data.path, "--validation-size", "0", "--epochs", "2"])
            let outcome = try Program.succeed(["evaluate", run.newestCheckpoint().path, "--data", data.path])
            // 500 test images: the accuracy has at most three decimals.
            let accuracy = try run.summary().testAccuracy
            let percent = String(format: "%.1f", 100 * accuracy)
            #expect(
                outcome.outputText.contains(String(format: "%.3f", accuracy))
                    || outcome.outputText.contains(percent),
                "expected \(accuracy): \(outcome.summary)")
        }

        @Test("Views are told beside the plain accuracy: by the run, by evaluate, and in both kinds of JSON")
        func views() throws {
            struct Evaluation: Decodable {
                let testAccuracy, testLoss, testViewsAccuracy, testViewsLoss: Double
                let views: String
                let viewsCorrect, images: Int
            }
            let data = try SmallData.directory()
            let flags = ["--data", data.path] + SmallData.flags
            let plain = try Program.train(flags)
            let output = try Scratch.newPath("views")
            let console = try Program.succeed(
                ["train"] + flags + ["--test-views", "shift:2,flip", "--output", output.path])
            let (run, summary) = (RunDirectory(url: output), try RunDirectory(url: output).summary())
            #expect(try plain.summary().testViewsAccuracy == nil)
            #expect(try summary.tensorsSha256 == plain.summary().tensorsSha256)
            #expect(try summary.testLoss == plain.summary().testLoss)
            #expect(summary.testViews == "flip,shift:2" && summary.testViewsLoss != summary.testLoss)
            for line in ["test accuracy:", "with 10 views:"] {
                #expect(console.outputText.contains(line), "\(console.summary)")
            }

            let evaluate = [
                "evaluate", try run.newestCheckpoint().path, "--best", "--data", data.path, "--views",
                "flip,shift:2",
            ]
            let text = try Program.succeed(evaluate).outputText
            #expect(text.contains("test accuracy") && text.contains("with 10 views"), "\(text)")
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            let found = try decoder.decode(
                Evaluation.self,
                from: Program.succeed(evaluate + ["--json", "--evaluation", "sharded"]).output)
            #expect(found.testAccuracy == summary.testAccuracy && found.testLoss == summary.testLoss)
            #expect(found.testViewsAccuracy == summary.testViewsAccuracy)
            #expect(found.testViewsLoss == summary.testViewsLoss && found.views == "flip,shift:2")
            #expect(Double(found.viewsCorrect) / Double(found.images) == found.testViewsAccuracy)

            let report = try Scratch.newPath("report.html")
            try Program.succeed(["report", output.path, "--data", data.path, "--to", report.path])
            #expect(try String(contentsOf: report, encoding: .utf8).contains("test accuracy, 10 views"))
        }

        @Test(
            "Views that are none are refused in one line",
            arguments: ["sideways", "flip,flip", "shift:0", "shift:32"])
        func wrongViews(_ views: String) throws {
            let path = try Self.run.get().newestCheckpoint().path
            for arguments in [["evaluate", path], ["classify", path, "test:0"]] {
                let outcome = try Program.run(
                    arguments + ["--data", SmallData.directory().path, "--views", views])
                expectRefusal(outcome, naming: ["--views", views])
                #expect(outcome.status == 64, "\(outcome.summary)")
            }
        }

        @Test("A mean of the weights is in the checkpoint, and evaluate, classify and export take it")
        func averagedWeights() throws {
            let data = try SmallData.directory()
            let output = try Scratch.newPath("averaged")
            let console = try Program.succeed(
                ["train", "--data", data.path, "--average-weights", "ema:0.9", "--output", output.path]
                    + SmallData.flags)
            for line in ["averaging:", "test accuracy:", "not averaged:"] {
                #expect(console.outputText.contains(line), "\(console.summary)")
            }
            let run = RunDirectory(url: output)
            let (summary, checkpoint) = try (run.summary(), run.newestCheckpoint().path)
            func accuracy(_ flags: [String]) throws -> Double {
                struct Evaluation: Decodable { let test_accuracy: Double }
                return try JSONDecoder().decode(
                    Evaluation.self,
                    from: Program.succeed(
                        ["evaluate", checkpoint, "--data", data.path, "--json"] + flags
                    ).output
                ).test_accuracy
            }
            #expect(try accuracy(["--best"]) == summary.testAccuracy)
            #expect(try accuracy([]) == summary.ownTestAccuracy)
            // After the second epoch it was the best one, or that after the first was.
            #expect(try [accuracy(["--averaged"]), accuracy(["--best"])].contains(summary.testAccuracy))
            try Program.succeed(["classify", checkpoint, "test:0", "--data", data.path, "--averaged"])
            for flag in ["--averaged", "--best"] {
                let file = try Scratch.newPath("model.safetensors")
                let outcome = try Program.succeed(["export", checkpoint, flag, "--to", file.path])
                #expect(outcome.outputText.contains("wrote 4 tensors"), "\(outcome.summary)")
            }
            #expect(
                try Program.succeed(["inspect", checkpoint]).outputText.contains("averaged.layers.0.weight"))

            let plain = try Self.run.get().newestCheckpoint().path
            let target = try Scratch.newPath("none.safetensors").path
            for arguments in [
                ["evaluate", plain, "--data", data.path], ["classify", plain, "test:0", "--data", data.path],
                ["export", plain, "--to", target],
            ] {
                expectRefusal(
                    try Program.run(arguments + ["--averaged"]), naming: ["expected a mean of the weights"])
                let both = try Program.run(arguments + ["--averaged", "--best"])
                expectRefusal(both, naming: ["--averaged", "--best"])
                #expect(both.status == 64)
            }
        }

        @Test("inspect tells tensors and configuration without data")
        func inspect() throws {
            let outcome = try Program.succeed(["inspect", Self.run.get().newestCheckpoint().path])
            for word in ["layers.3.block.0.weight", "running_mean", "batch"] {
                #expect(outcome.outputText.contains(word), "\(outcome.summary)")
            }
        }

        /// With every kind of module: 3072 → 16, batch norm, a residual block, 12, again, 10.
        private static let run = Result {
            try Program.train(
                [
                    "--data", SmallData.directory().path, "--hidden-dims", "16,12", "--batch-norm", "sync",
                    "--residual",
                ]
                    + SmallData.flags, ranks: 2)
        }

        private static let expectedTensors: [String] = {
            func linear(_ name: String, _ inputs: Int, _ outputs: Int) -> [String] {
                ["\(name).bias [\(outputs)]", "\(name).weight [\(outputs), \(inputs)]"]
            }
            func norm(_ name: String, _ width: Int) -> [String] {
                ["bias", "running_mean", "running_var", "weight"].map { "\(name).\($0) [\(width)]" }
                    + ["\(name).num_batches_tracked []"]
            }
            func hidden(_ first: Int, _ inputs: Int, _ width: Int) -> [String] {
                let block = "layers.\(first + 3).block"
                return linear("layers.\(first)", inputs, width) + norm("layers.\(first + 1)", width)
                    + linear("\(block).0", width, width) + norm("\(block).1", width)
                    + linear("\(block).3", width, width)
            }
            return (hidden(0, 3072, 16) + hidden(4, 16, 12) + linear("layers.8", 12, 10)).sorted()
        }()
    }
}
