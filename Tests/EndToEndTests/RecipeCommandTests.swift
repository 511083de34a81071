import Foundation
import Testing

extension EndToEnd {
    /// `--recipe`, and `dp-train recipes`.
    @Suite("Recipes")
    struct RecipeCommandTests {
        /// What makes a recipe small enough, and the images.
        private static func overlay(epochs: Int) throws -> [String] {
            let flags = try Runs.flags(epochs: epochs)
            let data = try #require(flags.firstIndex(of: "--data"))
            return [
                "--data", flags[data + 1], "--hidden-dims", "16", "--batch-size", "64", "--validation-size",
                "200", "--epochs", "\(epochs)", "--whiten", "none",
            ]
        }

        /// The flags that the list shows for a recipe, but for one of them and its value.
        private static func writtenOut(_ name: String, without flag: String) throws -> [String] {
            let lines = try Program.succeed(["recipes", name]).outputText.split(separator: "\n")
            #expect(lines.count == 3 && lines[0].hasPrefix("\(name): "))
            let words = try #require(lines.last).split(separator: " ").map(String.init)
            #expect(words.prefix(2) == ["dp-train", "train"])
            let place = try #require(words.firstIndex(of: flag))
            return Array(words[2..<place] + words[(place + 2)...])
        }

        @Test("By its name and by its flags written out, on other ranks, a run comes to the same")
        func sameRun() throws {
            let overlay = try Self.overlay(epochs: 2)
            let named = try Program.train(["--recipe", "minutes-2"] + overlay)
            let written = try Program.train(
                Self.writtenOut("minutes-2", without: "--whiten-epsilon") + overlay + [
                    "--warmup-epochs", "0.1",
                ], ranks: 2)
            try written.expectEqual(named)
        }

        @Test(
            "A run that was begun by a recipe goes on without it; its name is recorded, and the header tells it"
        )
        func resume() throws {
            let whole = try Program.train(["--recipe", "minutes-2"] + Self.overlay(epochs: 2))
            let config = try String(contentsOf: whole.url.appending(path: "config.json"), encoding: .utf8)
            #expect(config.contains("\"recipe\" : \"minutes-2\""))
            let broken = try Runs.copy(whole)
            for checkpoint in try broken.checkpoints().dropFirst() {
                try FileManager.default.removeItem(at: checkpoint)
            }
            let words = try Runs.resume(broken).filter { $0 != "--quiet" }
            let refused = try Program.run(words + ["--recipe", "minutes-20"])
            expectRefusal(refused, naming: ["--resume", "--lr"])
            let outcome = try Program.succeed(words)
            #expect(
                outcome.outputText.contains("recipe:")
                    && outcome.outputText.contains("minutes-2, which sets"),
                "\(outcome.summary)")
            #expect(outcome.outputText.contains("overridden: --hidden-dims 1024,1024,1024 → 16"))
            #expect(try broken.summary().tensorsSha256 == whole.summary().tensorsSha256)
        }

        @Test(
            "The list shows each with its command, and an unknown name is refused with those that there are")
        func list() throws {
            let text = try Program.succeed(["recipes"]).outputText
            for name in ["course", "minutes-2", "hours-2", "permutation-invariant"] {
                #expect(text.contains("\(name): "))
            }
            expectRefusal(
                try Program.run(["--recipe", "minutes-3"]), naming: ["--recipe", "minutes-3", "hours-2"])
            expectRefusal(try Program.run(["recipes", "minutes-3"]), naming: ["minutes-3", "hours-2"])
            let layers = try Program.succeed(["describe", "--recipe", "minutes-2"]).outputText
            #expect(layers.contains("[1024, 3072]"))
        }
    }
}
