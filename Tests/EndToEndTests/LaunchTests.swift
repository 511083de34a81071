import Foundation
import Testing

extension EndToEnd {
    /// What the scripts do before they install and build; the rest of them is how these tests came to run.
    @Suite("The launch scripts")
    struct LaunchTests {
        private static let train = Program.packageRoot.appending(path: "Launch/train")

        @Test("Launch/train explains itself, called through a symbolic link from elsewhere")
        func help() throws {
            let link = try Scratch.newPath("a link to train")
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: Self.train)
            let outcome = try ProcessRunner(
                executable: link, arguments: ["--help"], currentDirectory: link.deletingLastPathComponent()
            ).run()
            #expect(outcome.status == 0 && outcome.outputText.contains("-np N"), "\(outcome.summary)")
        }

        @Test("Launch/train refuses a number of ranks that is none", arguments: ["0", "-2", "four", ""])
        func wrongRanks(ranks: String) throws {
            let outcome = try ProcessRunner(executable: Self.train, arguments: ["-np", ranks]).run()
            expectRefusal(outcome, naming: ["-np \(ranks)"])
        }

        @Test("Launch/test ends with what failed, and with the end of a log that does not tell")
        func failures() throws {
            let folder = try Scratch.makeDirectory("logs")
            let said = [
                "✘ Test \"Sums\" recorded an issue with 1 argument n → 3 at SumTests.swift:7:9: Expectation failed: 1 == 2",
                "↳ the third of them",
                "/a/b/SumTests.swift:12: error: SumTests.testSums : XCTAssertEqual failed",
                "error: Exited with unexpected signal code 11",
            ]
            let log = """
                ◇ Test run started.
                ↳ Testing Library Version: 6
                ◇ Test "Sums" started.
                \(said[0])
                \(said[1])
                ✔ Test "Products" passed after 0.1 seconds.
                \(said[2])
                \(said[3])
                """
            try Data(log.utf8).write(to: folder.appending(path: "unit.log"))
            try Data("1\n2\n3\n4\n5\n6\n".utf8).write(to: folder.appending(path: "other.log"))
            let outcome = try ProcessRunner(
                executable: URL(filePath: "/bin/bash"),
                arguments: [
                    "-euo", "pipefail", "-c",
                    "source \"$0/Launch/common.sh\"; failures unit.log none.log other.log",
                    Program.packageRoot.path,
                ], currentDirectory: folder
            ).run()
            let expected =
                ["", "-- unit.log"] + said
                + ["", "-- other.log", "no line says what; the last ones:", "2", "3", "4", "5", "6", ""]
            #expect(outcome.status == 0, "\(outcome.summary)")
            #expect(outcome.outputText.components(separatedBy: "\n") == expected)
        }

        /// Runs words of bash with the functions that the scripts share.
        private static func bash(_ words: String) -> ProcessRunner {
            ProcessRunner(
                executable: URL(filePath: "/bin/bash"),
                arguments: [
                    "-euo", "pipefail", "-c", "source \"$0/Launch/common.sh\"; " + words,
                    Program.packageRoot.path,
                ])
        }

        @Test(
            "What Launch/train starts is asked to stop once, and its exit code is passed on",
            arguments: [SIGTERM, SIGINT])
        func stopping(number: Int32) throws {
            // Ends by itself where nobody asks.
            let child =
                "trap 'exit 75' USR1; echo begun; i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); sleep 0.1; done"
            var runner = Self.bash("run_stoppable bash -c \"$CHILD\"")
            runner.environment = ["CHILD": child]
            var isAsked = false
            runner.whileRunning = { process in
                // The child sets its trap before it sleeps.
                guard !isAsked, ProcessTable.descendants(of: process).count >= 2 else { return }
                isAsked = true
                kill(process, number)
            }
            let outcome = try runner.run()
            #expect(isAsked && outcome.status == 75, "\(outcome.summary)")
            #expect(try Self.bash("run_stoppable bash -c 'exit 3'").run().status == 3)
        }

        @Test("A batch job under Slurm that is stopped is queued again, and goes on to the same bits")
        func slurm() throws {
            let run = RunDirectory(url: try Scratch.newPath("run"))
            let tools = try Scratch.makeDirectory("tools")
            let scontrol = tools.appending(path: "scontrol")
            try Data("#!/bin/sh\necho \"$*\" >>\"$0.log\"\n".utf8).write(to: scontrol)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: scontrol.path)
            var runner = ProcessRunner(
                executable: Program.packageRoot.appending(path: "Launch/slurm.sbatch"),
                arguments: try Runs.flags(epochs: Runs.endless) + ["--quiet"],
                currentDirectory: Program.packageRoot,
                environment: [
                    "SLURM_JOB_ID": "7", "DP_TRAIN_RUN": run.url.path,
                    "PATH": "\(tools.path):\(ProcessInfo.processInfo.environment["PATH"] ?? "")",
                    // There is no Slurm to ask.
                    "OMPI_MCA_plm": "^slurm", "OMPI_MCA_ras": "^slurm",
                ])
            var isAsked = false
            runner.whileRunning = { process in
                guard !isAsked, ((try? run.newestStep()) ?? 0) > 0 else { return }
                isAsked = true
                kill(process, SIGTERM)
            }
            let stopped = try runner.run()
            #expect(stopped.status == 75 && isAsked, "\(stopped.summary)")
            let asked = URL(filePath: scontrol.path + ".log")
            #expect(try String(contentsOf: asked, encoding: .utf8) == "requeue 7\n")
            let (ending, whole) = try Runs.ending(run, flags: Runs.flags)
            runner.arguments += ending
            let ended = try runner.run()
            #expect(ended.status == 0, "\(ended.summary)")
            try run.expectEqual(whole)
        }

        @Test("Launch/setup refuses to install for an unknown purpose")
        func wrongPurpose() throws {
            let setup = Program.packageRoot.appending(path: "Launch/setup")
            let outcome = try ProcessRunner(executable: setup, arguments: ["fun"]).run()
            expectRefusal(outcome, naming: ["fun"])
        }
    }
}
