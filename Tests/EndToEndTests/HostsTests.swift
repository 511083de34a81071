import Foundation
import Testing

extension EndToEnd {
    @Suite("Several hosts")
    struct HostsTests {
        private static let script = Program.packageRoot.appending(path: "Launch/testing/hosts")

        /// What the script lacks, in its own words; nil where it lacks nothing.
        private static let missing: String? = {
            guard let outcome = try? ProcessRunner(executable: script, arguments: ["--available"]).run()
            else {
                return "\(script.path) could not be started"
            }
            return outcome.status == 77 ? outcome.outputText : nil
        }()

        private static func hosts(_ words: [String], timeLimit: Double = 300) -> ProcessRunner {
            ProcessRunner(executable: script, arguments: words, timeLimit: timeLimit)
        }

        @Test(
            "A run on several of them comes to the bits and logs of one process",
            .enabled(if: missing == nil, Comment(rawValue: missing ?? "")),
            arguments: ["factor-exchange"], [(2, 1), (2, 2)])
        func sameBits(strategy: String, hosts: (count: Int, ranks: Int)) throws {
            let run = RunDirectory(url: try Scratch.newPath("run"))
            let flags = try Runs.flags(epochs: 2) + ["--strategy", strategy]
            let outcome = try Self.hosts(
                [
                    "--hosts", "\(hosts.count)", "--ranks", "\(hosts.ranks)", "mpirun",
                    Program.executable.path, "train", "--output", run.url.path,
                ] + flags
            ).run()
            #expect(outcome.status == 0 && !outcome.timedOut, "\(outcome.summary)")
            #expect(outcome.outputText.contains("h0") && outcome.outputText.contains("h1"))
            #expect(try run.summary().worldSize == hosts.count * hosts.ranks)
            try run.expectEqual(Program.train(flags))
        }

        @Test(
            "Steps are measured on one of them and on both, with ranks on each",
            .enabled(if: missing == nil, Comment(rawValue: missing ?? "")))
        func scaling() throws {
            let outcome = try Self.hosts(
                [
                    "--hosts", "2", "--ranks", "2", Program.executable.path, "benchmark", "scaling",
                    "--hosts", "1,2", "--ranks-per-host", "2", "--hidden-dims", "16", "--batch-sizes", "32",
                    "--rounds", "1", "--round-seconds", "0.01", "--strategy", "allreduce",
                ]
            ).run()
            #expect(outcome.status == 0 && !outcome.timedOut, "\(outcome.summary)")
            let rows = outcome.outputText.split(separator: "\n").filter { $0.hasPrefix("16 ") }
                .map { $0.split(separator: " ") }
            #expect(
                rows.map { $0[3...5].joined(separator: " ") } == ["1 2 32", "2 4 32"], "\(outcome.summary)")
            // The last columns: the model's time, and the measured one relative to it.
            #expect(rows.allSatisfy { $0.count == 12 && Double($0[10]) ?? 0 > 0 && Double($0[11]) ?? 0 > 0 })
        }

        @Test(
            "Faults on one host and between several end the run with a reason, or are waited out; nothing is left, and the run goes on",
            .enabled(if: missing == nil, Comment(rawValue: missing ?? "")))
        func faults() throws {
            let faults = Self.script.deletingLastPathComponent().appending(path: "faults")
            let outcome = try ProcessRunner(
                executable: faults, arguments: ["--quick", "--program", Program.executable.path]
            ).run()
            #expect(outcome.status == 0 && !outcome.timedOut, "\(outcome.summary)")
            #expect(outcome.outputText.split(separator: "\n").count { $0.hasSuffix("as it has to") } == 5)
        }

        @Test(
            "They are reached from outside, and end with the script, also when it is killed",
            .enabled(if: missing == nil && ProcessTable.isAvailable, Comment(rawValue: missing ?? "no /proc"))
        )
        func end() throws {
            let state = try Scratch.newPath("state")
            var below: [Int32] = []
            var runner = Self.hosts(["--state", state.path, "sleep", "1000"])
            runner.whileRunning = { process in
                let sleepers = ProcessTable.descendants(of: process).filter {
                    ProcessTable.name(of: $0) == "sleep"
                }
                // Those that keep two hosts and the switch, and the command.
                guard below.isEmpty, sleepers.count == 4 else { return }
                let name = try? Self.hosts(["--state", state.path, "--at", "h1", "hostname"]).run()
                #expect(name?.outputText == "h1\n", "\(name?.summary ?? "")")
                below = ProcessTable.descendants(of: process)
                kill(process, SIGKILL)
            }
            let outcome = try runner.run()
            #expect(outcome.status == 128 + SIGKILL && !below.isEmpty, "\(outcome.summary)")
            let deadline = ContinuousClock.now + .seconds(30)
            while below.contains(where: ProcessTable.isRunning), ContinuousClock.now < deadline {
                usleep(10_000)
            }
            #expect(!below.contains(where: ProcessTable.isRunning))
        }

        @Test(
            "The exit code of what runs on them is passed on",
            .enabled(if: missing == nil, Comment(rawValue: missing ?? "")))
        func exitCode() throws {
            let outcome = try Self.hosts(["--hosts", "1", "sh", "-c", "exit 9"]).run()
            #expect(outcome.status == 9, "\(outcome.summary)")
        }

        @Test("What is no number of hosts, no flag, and no host is refused")
        func wrongWords() throws {
            for words in [["--hosts", "5", "true"], ["--fast", "true"], ["--delay", "long", "true"]] {
                expectRefusal(try Self.hosts(words).run(), naming: [words[0]])
            }
            expectRefusal(try Self.hosts(["--down", "h1"]).run(), naming: ["--state"])
        }
    }
}
