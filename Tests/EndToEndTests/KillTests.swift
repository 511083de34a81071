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
            var generator = SeededGenerator(state: seed)
            let run = RunDirectory(url: try Scratch.newPath("killed"))
            var kills = 0
            for _ in 1...2 {
                let words =
                    try isBegun(run)
                    ? Runs.resume(run)
                    : Runs.flags(epochs: Runs.endless) + ["--output", run.url.path, "--quiet"]
                let ranks = Int.random(in: 1...8, using: &generator)
                let choice = Int.random(in: 0..<ranks, using: &generator)
                // Now and then before the first checkpoint.
                let step = try run.newestStep() + Int.random(in: 0...120, using: &generator)
                var isKilled = false
                let outcome = try Program.run(words + Self.checkpoints, ranks: ranks) { process in
                    guard !isKilled, isBegun(run), (try? run.newestStep()) ?? 0 >= step else { return }
                    let processes = ProcessTable.descendants(of: process).filter {
                        ProcessTable.name(of: $0) == "dp-train"
                    }
                    guard processes.count == ranks else { return }
                    isKilled = true
                    if Foundation.kill(processes[choice], SIGKILL) == 0 { kills += 1 }
                }
                #expect(!outcome.timedOut, "\(outcome.summary)")
                // Those that are left may notice before the launcher ends them, and say nothing else.
                let errors = outcome.errorText.split(separator: "\n").filter {
                    $0.contains("dp-train: error")
                }
                #expect(
                    errors.allSatisfy { $0.contains("has ended while others waited for it") },
                    "\(outcome.summary)")
            }
            #expect(kills == 2)
            let (ending, whole) = try Runs.ending(run, flags: Runs.flags)
            try Program.succeed(
                Runs.resume(run) + Self.checkpoints + ending, ranks: Int.random(in: 1...8, using: &generator))
            try run.expectEqual(whole)
        }

        private func isBegun(_ run: RunDirectory) -> Bool {
            FileManager.default.fileExists(atPath: run.url.appending(path: "config.json").path)
        }

        private static let checkpoints = ["--checkpoint-every", "3steps", "--keep-last", "3"]
    }
}
