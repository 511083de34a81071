import Foundation
import Testing

extension EndToEnd {
    @Suite("Runs that cannot write what they should leave behind")
    struct UnsavedTests {
        @Test(
            "Stopped where no checkpoint can be written, a run does not say that it can go on from one",
            arguments: [nil, 2])
        func stopWithoutCheckpoint(ranks: Int?) throws {
            let run = RunDirectory(url: try Scratch.newPath("unsaved"))
            let rows = run.url.appending(path: "metrics.jsonl")
            let checkpoints = run.url.appending(path: "checkpoints")
            var isSent = false
            // mpirun forwards SIGUSR1, and the ranks' exit code after it.
            let outcome = try Program.run(
                Runs.flags(epochs: 1_000_000)
                    + ["--output", run.url.path, "--quiet", "--checkpoint-every", "100000epochs"],
                ranks: ranks
            ) { process in
                guard !isSent, (try? Data(contentsOf: rows))?.isEmpty == false else { return }
                isSent = true
                // A file where the folder was: nobody can write into it, root neither.
                try? FileManager.default.removeItem(at: checkpoints)
                try? Data().write(to: checkpoints)
                kill(process, SIGUSR1)
            }
            #expect(isSent && outcome.status == 74, "\(outcome.summary)")
            #expect(!outcome.errorText.contains("go on with --resume"), "\(outcome.summary)")
            let message = outcome.errorText.split(separator: "\n").filter { $0.contains("dp-train: error:") }
            #expect(message.count == 1, "\(outcome.summary)")
            for part in [
                "stopped as asked after step", "but without a checkpoint of it", checkpoints.path,
                "there is no other in",
            ] {
                #expect(message.first?.contains(part) == true, "\(outcome.summary)")
            }
            #expect(outcome.errorText.contains("warning: no checkpoint of step"), "\(outcome.summary)")
        }

        @Test(
            "Steps of a time without room are recorded once there is",
            .enabled(if: UnsavedTests.hasPrlimit, "needs util-linux's prlimit"))
        func stepsWithoutRoom() throws {
            let run = RunDirectory(url: try Scratch.newPath("room"))
            let rows = run.url.appending(path: "metrics.csv")
            let errors = run.url.deletingLastPathComponent().appending(path: "errors")
            func epochs() -> Int {
                (try? String(contentsOf: rows, encoding: .utf8))?.split(separator: "\n").count ?? 0
            }
            var (full, isRaised, isStopped) = (Int?.none, false, false)
            // 8 KiB a file: enough for the rows of epochs, soon too little for the steps.
            let script = #"ulimit -S -f 8; exec "$0" "$@" 2>"\#(errors.path)""#
            let words =
                try ["-c", script, Program.executable.path] + Runs.flags(epochs: 1_000_000)
                + ["--output", run.url.path, "--quiet", "--checkpoint-every", "100000epochs"]
            let outcome = try ProcessRunner(
                executable: URL(filePath: "/bin/bash"), arguments: words, timeLimit: 120
            ) { process in
                if let full {
                    // More than are written at once.
                    if !isRaised, epochs() > full + 60 {
                        isRaised =
                            (try? Program.tool(["prlimit", "--pid", "\(process)", "--fsize=unlimited:"]))?
                            .status
                            == 0
                    } else if isRaised, !isStopped {
                        isStopped = true
                        kill(process, SIGTERM)
                    }
                } else if (try? String(contentsOf: errors, encoding: .utf8))?.contains("steps.jsonl.zst")
                    == true
                {
                    full = epochs()
                }
            }.run()
            #expect(outcome.status == 75 && isStopped, "\(outcome.summary)")
            let steps = try run.steps().map { $0.firstMatch(of: /"step":(\d+)/).flatMap { Int($0.1) } }
            #expect(steps == Array(1...steps.count))
            let checkpoint = try run.newestCheckpoint().lastPathComponent
            #expect(checkpoint.contains("\(steps.count)."), "\(checkpoint), \(steps.count) steps")
        }

        private static let hasPrlimit = (try? Program.tool(["prlimit", "--version"]))?.status == 0
    }
}
