import Foundation
import Images
import Testing

extension EndToEnd {
    @Suite("Whitened images")
    struct WhiteningTests {
        /// A small set of its own, beside which nothing is kept yet.
        private func data(seed: Int = 1) throws -> String {
            let directory = try Scratch.newPath("whitened")
            try Program.succeed([
                "data", "synthesize", "--output", directory.path, "--training-count", "300", "--test-count",
                "50", "--seed", "\(seed)",
            ])
            return directory.path
        }

        private func flags(_ data: String, epochs: Int = 2) -> [String] {
            [
                "--data", data, "--validation-size", "44", "--batch-size", "64", "--hidden-dims", "16",
                "--lr",
                "0.02", "--whiten", "zca", "--whiten-epsilon", "0.2", "--epochs", "\(epochs)",
            ]
        }

        @Test(
            "Runs find what one has kept beside the data, and come to the same on any ranks, with it or without"
        )
        func sameBits() throws {
            let data = try data()
            let alone = try Program.train(flags(data))
            let kept = try FileManager.default.contentsOfDirectory(atPath: data + "/whitened")
            #expect(kept.count == 1 && kept.allSatisfy { $0.hasPrefix("zca-") })
            try Program.train(flags(data), ranks: 2).expectEqual(alone)
            try FileManager.default.removeItem(atPath: data + "/whitened")
            try Program.train(flags(data) + ["--transport", "mpi"], ranks: 3).expectEqual(alone)
            #expect(try FileManager.default.contentsOfDirectory(atPath: data + "/whitened") == kept)

            let resumed = try Runs.copy(Program.train(flags(data, epochs: 1)))
            try Program.succeed(["train", "--data", data, "--resume", resumed.url.path, "--epochs", "2"])
            try resumed.expectEqual(alone)
        }

        @Test(
            "evaluate, classify, inspect and export use a model of whitened images, and need the data of its run"
        )
        func commands() throws {
            let (data, other) = (try data(), try data(seed: 2))
            let run = try Program.train(flags(data))
            let checkpoint = try run.newestCheckpoint().path
            let evaluated = try Program.succeed(["evaluate", checkpoint, "--best", "--data", data, "--json"])
            let json = try #require(
                try JSONSerialization.jsonObject(with: evaluated.output) as? [String: Any])
            #expect(json["test_loss"] as? Double == (try run.summary().testLoss))
            expectRefusal(
                try Program.run(["evaluate", checkpoint, "--data", other]), naming: ["fingerprint", other])

            let path = try Scratch.newPath("picture.png").path
            let picture = RasterImage(
                width: 32, height: 32, channels: 3, bytes: (0..<3072).map { UInt8($0 * 7 % 256) })
            try picture.pngData().write(to: URL(filePath: path))
            let answers = try Program.succeed(["classify", checkpoint, path, "test:3", "--data", data])
            #expect(answers.outputText.split(separator: "\n").count == 2 * (1 + 3))
            expectRefusal(
                try Program.run(["classify", checkpoint, path, "--data", other]), naming: ["fingerprint"])

            #expect(try Program.succeed(["inspect", checkpoint]).outputText.contains("whitening"))
            let file = try Scratch.newPath("model.safetensors").path
            try Program.succeed([
                "export", checkpoint, "--to", file, "--fold-whitening", "--data", data,
            ])
            let plain = try Program.train(
                Array(flags(data).filter { !["--whiten", "zca", "--whiten-epsilon", "0.2"].contains($0) }))
            expectRefusal(
                try Program.run([
                    "export", plain.newestCheckpoint().path, "--to", file + "2", "--fold-whitening", "--data",
                    data,
                ]), naming: ["--fold-whitening"])
        }
    }
}
