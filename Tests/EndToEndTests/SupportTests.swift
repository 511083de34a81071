import Foundation
import Testing

extension EndToEnd {
    @Suite("The tests' own tools")
    struct SupportTests {
        @Test("A program out of time is stopped, and its ranks with it")
        func timeLimit() throws {
            let witness = try Scratch.newPath("ended-by-itself")
            let script = "sleep 5; touch \(witness.path)"
            let outcome = try Program.tool(
                ["mpirun", "-np", "2", "--oversubscribe", "sh", "-c", script], timeLimit: 1)
            #expect(outcome.timedOut && outcome.status != 0 && outcome.seconds < 12, "\(outcome.summary)")
            Thread.sleep(forTimeInterval: 5)
            #expect(!FileManager.default.fileExists(atPath: witness.path), "a rank was still running")
        }

        @Test("Exit code, output, error output and signal are told apart")
        func outcome() throws {
            let normal = try Program.tool(["sh", "-c", "echo out; echo err >&2; exit 7"])
            #expect(normal.status == 7 && normal.outputText == "out\n" && normal.errorText == "err\n")
            #expect(try Program.tool(["sh", "-c", "kill -SEGV $$"]).status == 128 + SIGSEGV)
        }
    }
}
