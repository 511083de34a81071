import FileTestSupport
import Foundation
import Testing

extension EndToEnd {
    /// `dp-train study`.
    @Suite("Studies")
    struct StudyTests {
        private static func words() throws -> [String] {
            [
                "study", "baseline", "--data", try SmallData.directory().path, "--hidden-dims", "8",
                "--validation-size", "200", "--seeds", "42",
            ]
        }

        private static func table(_ output: URL) throws -> [String] {
            try String(contentsOf: output.appending(path: "results.csv"), encoding: .utf8)
                .split(separator: "\n").map {
                    String($0.replacing(/,[0-9.]+,(?=[0-9a-f]{64})/, with: ",,"))
                }
        }

        @Test("One rank and two come to the same table, and a second call trains nothing")
        func ranks() throws {
            let (one, two) = try (Scratch.newPath("study"), Scratch.newPath("study"))
            let words = try Self.words() + ["--epochs", "1"]
            try Program.succeed(words + ["--output", one.path])
            try Program.succeed(words + ["--output", two.path], ranks: 2)
            let table = try Self.table(one)
            #expect(table.count == 7)
            #expect(try Self.table(two) == table)
            let again = try Program.succeed(words + ["--output", one.path], ranks: 2)
            let lines = again.outputText.split(separator: "\n").filter { $0.contains("seed 42: test") }
            #expect(lines.count == 6 && lines.allSatisfy { $0.hasSuffix("found") }, "\(again.summary)")
            #expect(try Self.table(one) == table)
        }

        @Test("Runs on the first one, two and four of four ranks come to the same bits")
        func firstRanks() throws {
            let output = try Scratch.newPath("study")
            let outcome = try Program.succeed(
                [
                    "study", "data-parallel", "--data", SmallData.directory().path, "--validation-size",
                    "200",
                    "--seeds", "42", "--hidden-dims", "8", "--epochs", "2", "--output", output.path,
                ], ranks: 4)
            #expect(
                outcome.outputText.contains(
                    "ranks-1, ranks-2, ranks-4: the same SHA-256 of all tensors for each seed."),
                "\(outcome.summary)")
        }

        @Test(
            "Asked to stop it ends with exit code 75 and says how to go on",
            .enabled(if: ProcessTable.isAvailable, "finds the ranks in /proc"))
        func stop() throws {
            let output = try Scratch.newPath("study")
            let words = try Self.words() + ["--epochs", "\(Runs.endless)", "--output", output.path]
            let run = RunDirectory(url: output.appending(path: "runs/1x100-elu-seed42"))
            var isAsked = false
            let outcome = try Program.run(
                words + ["--checkpoint-every", "5steps"], ranks: 2
            ) { process in
                guard !isAsked, (try? run.newestStep()) ?? 0 > 0 else { return }
                isAsked = true
                // mpirun forwards it, and the ranks' exit code after it.
                kill(process, SIGUSR1)
            }
            #expect(outcome.status == 75, "\(outcome.summary)")
            #expect(outcome.errorText.contains("the same command goes on"), "\(outcome.summary)")
            #expect(try run.newestStep() > 0)
        }

        @Test("The list tells names, questions and numbers of runs")
        func list() throws {
            let outcome = try Program.succeed(["study"])
            #expect(outcome.outputText.contains("baseline: 6 runs with each seed. "))
            #expect(try Program.succeed(["study", "--list"], ranks: 2).outputText == outcome.outputText)
        }

        @Test("What cannot be studied is refused by name", arguments: [nil, 2])
        func refusals(ranks: Int?) throws {
            expectRefusal(try Program.run(["study", "alchemy"], ranks: ranks), naming: ["study", "alchemy"])
            for seeds in ["", "42,42", "-1", "many", "1,,2"] {
                expectRefusal(
                    try Program.run(["study", "baseline", "--seeds", seeds], ranks: ranks),
                    naming: ["--seeds"])
                if ranks != nil { break }
            }
            expectRefusal(
                try Program.run(Self.words() + ["--seed", "1"], ranks: ranks), naming: ["--seed", "--seeds"])
            expectRefusal(
                try Program.run(Self.words() + ["--lr", "0"], ranks: ranks), naming: ["--lr", "1x100-elu"])
        }
    }
}
