import Foundation
import Testing
import Training

extension EndToEnd {
    @Suite("What a run prints and leaves behind")
    struct RunDirectoryTests {
        @Test("metrics.csv and metrics.jsonl hold the same row per epoch")
        func metrics() throws {
            let run = try Self.run.get()
            let rows = try run.epochs()
            #expect(rows.map(\.epoch) == [1, 2])
            #expect(rows.map(\.step) == [14, 28])
            #expect(rows.allSatisfy { $0.learningRate == 0.1 && $0.seconds > 0 && $0.imagesPerSecond > 0 })
            #expect(rows.allSatisfy { $0.validationLoss != nil && $0.validationAccuracy != nil })

            let csv = try run.csv()
            #expect(
                csv.first == [
                    "epoch", "step", "learning_rate", "train_loss", "train_accuracy", "validation_loss",
                    "validation_accuracy", "seconds", "images_per_second",
                ])
            #expect(csv.count == 3 && csv.allSatisfy { $0.count == 9 })
            for (line, row) in zip(csv.dropFirst(), rows) {
                #expect(Int(line[0]) == row.epoch && Int(line[1]) == row.step)
                #expect(Double(line[3]) == row.trainLoss && Double(line[6]) == row.validationAccuracy)
            }
        }

        @Test("summary.json tells the result of the best epoch and what ran")
        func summary() throws {
            let run = try Self.run.get()
            let summary = try run.summary()
            let accuracies = try run.epochs().compactMap(\.validationAccuracy)
            #expect(summary.bestValidationAccuracy == accuracies.max())
            #expect(summary.bestEpoch == (accuracies.firstIndex(of: accuracies.max() ?? -1) ?? -1) + 1)
            #expect(summary.parameterCount == 3072 * 128 + 128 + 128 * 10 + 10)
            #expect(summary.tensorsSha256.wholeMatch(of: /[0-9a-f]{64}/) != nil)
            #expect(summary.worldSize == 2 && summary.logicalShards == 8 && summary.epochs == 2)
            #expect((0...1).contains(summary.testAccuracy) && summary.testLoss > 0)
        }

        @Test("config.json holds the flags of the run")
        func configuration() throws {
            let data = try Data(contentsOf: Self.run.get().url.appending(path: "config.json"))
            #expect(try JSONSerialization.jsonObject(with: data) is [String: Any])
            let text = String(decoding: data, as: UTF8.self)
            #expect(
                text.contains("seed") && text.contains("200") && text.contains(/batch_?size/.ignoresCase()))
        }

        @Test("Rank 0 alone prints: header, a row per epoch, the test accuracy, the SHA-256")
        func console() throws {
            let data = try SmallData.directory()
            let output = try Scratch.newPath("run")
            let outcome = try Program.succeed(
                ["train", "--data", data.path, "--output", output.path] + SmallData.flags, ranks: 4)
            let summary = try RunDirectory(url: output).summary()
            let accuracy = summary.testAccuracy
            let lines = outcome.outputText.split(separator: "\n")
            let results = lines.filter { $0.contains(/test accuracy/.ignoresCase()) }
            #expect(results.count == 1, "\(outcome.summary)")
            #expect(
                results.contains {
                    $0.contains(String(format: "%.3f", accuracy))
                        || $0.contains(String(format: "%.1f", 100 * accuracy))
                }, "expected \(accuracy): \(outcome.summary)")
            #expect(lines.filter { $0.contains(summary.tensorsSha256) }.count == 1, "\(outcome.summary)")
            #expect(outcome.outputText.contains("394,634") || outcome.outputText.contains("394634"))
            #expect(!outcome.outputText.contains("\u{1B}["), "control sequences although this is no terminal")
        }

        @Test("Without --output a run goes to ./runs/<time stamp>")
        func defaultOutput() throws {
            let directory = try Scratch.makeDirectory("current")
            let data = try SmallData.directory()
            try Program.succeed(["--data", data.path, "--quiet"] + SmallData.flags, in: directory)
            let runs = try FileManager.default.contentsOfDirectory(
                atPath: directory.appending(path: "runs").path)
            #expect(runs.count == 1)
            let run = RunDirectory(
                url: directory.appending(path: "runs").appending(path: try #require(runs.first)))
            #expect(try run.summary().epochs == 2)
        }

        @Test(
            "The names of new folders, those above the run's too, are synchronised",
            .enabled(if: RunDirectoryTests.hasStrace, "needs strace, and leave to trace"))
        func foldersSynchronised() throws {
            let folder = try Scratch.makeDirectory("synchronised")
            let trace = folder.appending(path: "trace")
            let data = try SmallData.directory()
            let outcome = try ProcessRunner(
                executable: URL(filePath: "/usr/bin/env"),
                arguments: [
                    "strace", "-f", "-y", "-e", "trace=fsync", "-o", trace.path, Program.executable.path,
                    "--quiet",
                    "--data", data.path, "--output", "new/above/run",
                ] + SmallData.flags,
                currentDirectory: folder
            ).run()
            #expect(outcome.status == 0, "\(outcome.summary)")
            let calls = try String(contentsOf: trace, encoding: .utf8)
            let root = folder.resolvingSymlinksInPath().path
            for name in ["", "/new", "/new/above", "/new/above/run"] {
                #expect(calls.contains("\(root)\(name)>"), "\(root)\(name)")
            }
        }

        private static let hasStrace =
            (try? Program.tool(["strace", "-f", "-e", "trace=fsync", "true"]))?.status == 0

        @Test("--validation-size 0 trains on all images and tests the last model")
        func noValidation() throws {
            let data = try SmallData.directory()
            let run = try Program.train(["--data", data.path, "--validation-size", "0", "--epochs", "2"])
            // 2,000 images in batches of 128: 15 steps an epoch.
            #expect(try run.epochs().map(\.step) == [15, 30])
            #expect(try run.epochs().allSatisfy { $0.validationAccuracy == nil })
        }

        @Test("--version prints a version, --help the flags with their defaults")
        func versionAndHelp() throws {
            #expect(try Program.succeed(["--version"]).outputText.contains(/\d+\.\d+\.\d+/))
            let help = try Program.succeed(["train", "--help"]).outputText
            let words = help.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            let settings =
                TrainingConfiguration.settings.filter(\.isOption).map { ($0.flag, $0.help) }
                + RunOptions.settings.map { ($0.flag, $0.help) }
            #expect(settings.count > 25)
            for (flag, text) in settings {
                let line = text.split(separator: " ").joined(separator: " ")
                #expect(words.contains(line), "no \(line) in the help")
                #expect(
                    help.contains("  --\(flag) ") || help.contains("  --\(flag)/"), "no --\(flag) in the help"
                )
            }
            for flag in ["--data", "--output", "--resume", "--quiet"] {
                #expect(help.contains("  \(flag) "), "no \(flag) in the help")
            }
            // Former names are known, and told to nobody.
            #expect(!help.contains("--arithmetic") && !help.contains("--reduction"))
        }

        private static let run = Result {
            try Program.train(["--data", SmallData.directory().path] + SmallData.flags, ranks: 2)
        }
    }
}
