import FileTestSupport
import Foundation
import Testing

extension EndToEnd {
    /// The bounded form of `Launch/kill-test`.
    @Suite("Runs that are killed")
    struct KillTests {
        @Test(
            "A random rank killed at a random moment, twice, and resumed on other ranks: the same bits and logs",
            .enabled(if: ProcessTable.isAvailable, "finds the ranks in /proc"), arguments: [1, 2, 3])
        func kill(seed: UInt64) throws {
            let whole = try Self.whole.get()
            var generator = SeededGenerator(state: seed)
            let run = RunDirectory(url: try Scratch.newPath("killed"))
            var kills = 0
            for attempt in 1...3 {
                let isBegun = FileManager.default.fileExists(
                    atPath: run.url.appending(path: "config.json").path)
                let words =
                    try
                    (isBegun ? Runs.resume(run) : Self.flags.get() + ["--output", run.url.path, "--quiet"])
                    + Self.checkpoints
                let ranks = Int.random(in: 1...8, using: &generator)
                let delay = Double.random(in: 0.2...1.5, using: &generator)
                let choice = Int.random(in: 0..<ranks, using: &generator)
                let start = ContinuousClock.now
                var isKilled = attempt == 3
                let outcome = try Program.run(words, ranks: ranks) { process in
                    guard !isKilled, ContinuousClock.now - start > .seconds(delay) else { return }
                    let processes = ProcessTable.descendants(of: process).filter {
                        ProcessTable.name(of: $0) == "dp-train"
                    }
                    guard processes.count == ranks else { return }
                    isKilled = true
                    if Foundation.kill(processes[choice], SIGKILL) == 0 { kills += 1 }
                }
                #expect(!outcome.timedOut, "\(outcome.summary)")
                #expect(!outcome.errorText.contains("dp-train: error"), "\(outcome.summary)")
                if attempt == 3 { #expect(outcome.status == 0, "\(outcome.summary)") }
            }
            #expect(kills > 0)
            try run.expectEqual(whole)
        }

        private static let checkpoints = ["--checkpoint-every", "3steps", "--keep-last", "3"]
        private static let flags = Result { try Runs.flags(epochs: 60) }
        private static let whole = Result { try Program.train(flags.get()) }
    }
}
