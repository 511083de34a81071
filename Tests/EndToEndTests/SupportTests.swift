import Foundation
import Testing

extension EndToEnd {
    @Suite("The tests' own tools")
    struct SupportTests {
        @Test("A program out of time is stopped, and its ranks with it")
        func timeLimit() throws {
            // Longer and longer, until the launcher has got round to starting both.
            for limit in [1.0, 5, 25, 125] {
                let identifiers = try Scratch.makeDirectory("identifiers")
                let script = "touch \(identifiers.path)/$$; exec sleep 1000000"
                let outcome = try Program.tool(
                    ["mpirun", "-np", "2", "--oversubscribe", "sh", "-c", script], timeLimit: limit)
                #expect(outcome.timedOut && outcome.status != 0, "\(outcome.summary)")
                let ranks = try FileManager.default.contentsOfDirectory(atPath: identifiers.path)
                    .compactMap { Int32($0) }
                guard ranks.count == 2 || limit == 125 else { continue }
                #expect(ranks.count == 2, "\(outcome.summary)")
                let deadline = ContinuousClock.now + .seconds(ProcessRunner.hangLimit)
                func isLeft() -> Bool { ranks.contains(where: ProcessTable.isRunning) }
                while isLeft() && ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.05) }
                #expect(!isLeft(), "a rank was still running")
                return
            }
        }

        @Test("Exit code, output, error output and signal are told apart")
        func outcome() throws {
            let normal = try Program.tool(["sh", "-c", "echo out; echo err >&2; exit 7"])
            #expect(normal.status == 7 && normal.outputText == "out\n" && normal.errorText == "err\n")
            #expect(try Program.tool(["sh", "-c", "kill -SEGV $$"]).status == 128 + SIGSEGV)
        }
    }
}
