import Foundation
import Testing

extension EndToEnd {
    @Suite("Runs that go on by themselves when ranks fail")
    struct ElasticTests {
        private static func words(_ output: URL, ranks: Int, _ flags: [String], own: [String] = [])
            -> [String]
        {
            ["elastic", "-np", "\(ranks)", "--launcher", "mpirun --oversubscribe", "--output", output.path]
                + own + ["--"] + flags
        }

        private struct Incident: Decodable {
            let exit_code: Int32
            let ranks: Int
            let step: Int?
            let action: String
        }

        private static func incidents(_ output: URL) throws -> [Incident] {
            try String(contentsOf: output.appending(path: "incidents.jsonl"), encoding: .utf8).split(
                separator: "\n"
            ).map { try JSONDecoder().decode(Incident.self, from: Data($0.utf8)) }
        }

        #if os(Linux)
        @Test(
            "Ranks killed and stopped at random: the run ends by itself, with the bits of an undisturbed one",
            .enabled(if: ProcessTable.isAvailable, "finds the ranks in /proc"))
        func incidents() throws {
            var generator = SystemRandomNumberGenerator()
            let run = RunDirectory(url: try Scratch.newPath("elastic"))
            // Long enough for three signals, however fast the machine.
            let flags = try Runs.flags(epochs: 200)
            // A crash that is sent, rather than met, a process may outlive when it has been explained.
            let signals = [SIGKILL, SIGSTOP, SIGKILL]
            var sent: [Int32] = []
            var next = 5
            let words = Self.words(
                run.url, ranks: 3,
                flags + [
                    "--quiet", "--checkpoint-every", "3steps", "--keep-last", "2", "--stall-timeout", "3s",
                ])
            let outcome = try Program.run(words, ranks: nil) { process in
                let step = (try? run.newestStep()) ?? 0
                // Each meets a job that has gone on after the one before.
                guard sent.count < signals.count, step >= next,
                    (try? Self.incidents(run.url).count) ?? 0 == sent.count
                else { return }
                let ranks = ProcessTable.descendants(of: process).filter {
                    ProcessTable.name(of: $0) == "dp-train"
                }
                let signal = signals[sent.count]
                guard ranks.count == 3, let victim = ranks.randomElement(using: &generator),
                    Foundation.kill(victim, signal) == 0
                else { return }
                sent.append(signal)
                // Further than the last one before the next.
                next = step + 10
            }
            #expect(outcome.status == 0 && !outcome.timedOut, "\(outcome.summary)")
            #expect(sent == signals)
            let incidents = try Self.incidents(run.url)
            #expect(
                incidents.count == 3 && incidents.allSatisfy { $0.action == "restart" && $0.ranks == 3 },
                "\(incidents), \(outcome.summary)")
            #expect(incidents.map(\.exit_code).contains(69))
            #expect(try run.summary().incidents == 3)
            try run.expectEqual(Program.train(flags))
        }
        #endif

        #if os(Linux)
        @Test(
            "A supervisor that is killed takes its job with it, which goes on by the same command",
            .enabled(if: ProcessTable.isAvailable, "finds the ranks in /proc"))
        func killed() throws {
            let run = RunDirectory(url: try Scratch.newPath("elastic"))
            let flags = try Runs.flags(epochs: Runs.endless) + ["--quiet", "--keep-last", "2"]
            var ranks: [Int32] = []
            let outcome = try Program.run(Self.words(run.url, ranks: 2, flags), ranks: nil) { process in
                guard ranks.isEmpty, ((try? run.newestStep()) ?? 0) > 0 else { return }
                ranks = ProcessTable.descendants(of: process)
                kill(process, SIGKILL)
            }
            #expect(outcome.status == 128 + SIGKILL && ranks.count >= 3, "\(outcome.summary)")
            let end = ContinuousClock.now + .seconds(60)
            while ranks.contains(where: ProcessTable.isRunning), ContinuousClock.now < end { usleep(100_000) }
            let left = ranks.filter(ProcessTable.isRunning)
            #expect(left.isEmpty)
            for process in left { kill(process, SIGKILL) }
            let (ending, whole) = try Runs.ending(run, flags: Runs.flags)
            try Program.succeed(
                Self.words(run.url, ranks: 3, Runs.flags(epochs: 2).dropLast(2) + ending + ["--quiet"]))
            try run.expectEqual(whole)
        }

        @Test(
            "A host that does not answer is done without, and comes back to the run",
            .enabled(if: ProcessTable.isAvailable, "other hosts are pretended by a script"))
        func hosts() throws {
            // What reaches another host here is a script; which of them answer a file says.
            let folder = try Scratch.makeDirectory("hosts")
            func file(_ name: String, _ text: String) throws -> String {
                let url = folder.appending(path: name)
                try Data(text.utf8).write(to: url)
                return url.path
            }
            let hostfile = try file("hosts", "localhost slots=1\nfar slots=1\n")
            let agent = try file("agent", "test $1 = far -a -e \(folder.path)/up || exit 255\n")
            // The launcher runs all ranks here, and writes down what it was asked for.
            let launcher = try file(
                "launcher",
                """
                echo "$2 $4" >> \(folder.path)/asked
                np=$2; shift 4; exec mpirun --oversubscribe -np $np "$@"
                """)
            let run = RunDirectory(url: try Scratch.newPath("elastic"))
            let flags = try Runs.flags(epochs: 150)
            let words =
                [
                    "elastic", "-np", "2", "--hostfile", hostfile, "--agent", "sh \(agent)", "--launcher",
                    "sh \(launcher)", "--grow-after", "0.5", "--output", run.url.path, "--",
                ] + flags + ["--quiet", "--keep-last", "2"]
            let outcome = try Program.run(words, ranks: nil) { _ in
                guard ((try? run.newestStep()) ?? 0) > 0 else { return }
                _ = FileManager.default.createFile(atPath: folder.path + "/up", contents: Data())
            }
            #expect(outcome.status == 0, "\(outcome.summary)")
            #expect(outcome.errorText.contains("host far does not answer"), "\(outcome.summary)")
            let asked = try String(contentsOf: folder.appending(path: "asked"), encoding: .utf8)
            #expect(asked == "1 localhost:1\n2 localhost:1,far:1\n")
            #expect(try Self.incidents(run.url).map(\.action) == ["restart with hosts that are back"])
            try run.expectEqual(Program.train(flags))
        }
        #endif

        @Test("A launcher whose run does not begin is killed, and the next one begins it")
        func launcherThatWaits() throws {
            let folder = try Scratch.makeDirectory("launcher")
            // The first one waits for ever, as for a host that is lost while its daemon is being started.
            let launcher = folder.appending(path: "launcher")
            try Data(
                "test -e \(folder.path)/once || { touch \(folder.path)/once; exec sleep 1000; }; exec mpirun --oversubscribe \"$@\"\n"
                    .utf8
            ).write(to: launcher)
            let run = RunDirectory(url: try Scratch.newPath("elastic"))
            let flags = try Runs.flags(epochs: 1)
            let outcome = try Program.run(
                Self.words(
                    run.url, ranks: 2, flags + ["--quiet"],
                    own: ["--launcher", "sh \(launcher.path)", "--start-timeout", "3"]))
            #expect(outcome.status == 0, "\(outcome.summary)")
            #expect(
                outcome.errorText.contains("the run has not begun within 3 s (--start-timeout)"),
                "\(outcome.summary)")
            try run.expectEqual(Program.train(flags))
        }

        @Test("Fewer ranks than --min-np are not begun with")
        func tooFew() throws {
            let hostfile = try Scratch.newPath("hosts")
            try Data("localhost slots=1\nfar slots=1\n".utf8).write(to: hostfile)
            let output = try Scratch.newPath("elastic")
            let outcome = try Program.run(
                Self.words(
                    output, ranks: 2, try Runs.flags(epochs: 1),
                    own: ["--min-np", "2", "--hostfile", hostfile.path, "--agent", "false"]))
            #expect(
                outcome.status == 1 && outcome.errorText.contains("fewer than 2 ranks have a place"),
                "\(outcome.summary)")
            #expect(!FileManager.default.fileExists(atPath: output.path))
        }

        #if os(Linux)
        @Test(
            "A rank that is alone, or the launcher, stopped is ended by the supervisor, and the run goes on",
            .enabled(if: ProcessTable.isAvailable, "finds the process in /proc"),
            arguments: ["dp-train", "mpirun"])
        func stoppedAlone(name: String) throws {
            let run = RunDirectory(url: try Scratch.newPath("elastic"))
            let flags = try Runs.flags(epochs: 150)
            var isSent = false
            let words = Self.words(
                run.url, ranks: 1, flags + ["--quiet", "--keep-last", "2", "--stall-timeout=1s"])
            let outcome = try Program.run(words, ranks: nil) { process in
                guard !isSent, ((try? run.newestStep()) ?? 0) > 0,
                    let victim = ProcessTable.descendants(of: process).first(where: {
                        ProcessTable.name(of: $0) == name
                    })
                else { return }
                isSent = kill(victim, SIGSTOP) == 0
            }
            #expect(outcome.status == 0 && isSent, "\(outcome.summary)")
            #expect(outcome.errorText.contains("has been stopped for 6 s"), "\(outcome.summary)")
            #expect(try Self.incidents(run.url).map(\.exit_code) == [69])
            try run.expectEqual(Program.train(flags))
        }
        #endif

        @Test("A setting that cannot be used is not tried again")
        func refusal() throws {
            let output = try Scratch.newPath("elastic")
            let outcome = try Program.run(Self.words(output, ranks: 2, ["--lr", "-1"]))
            #expect(
                outcome.status == 64 && outcome.errorText.contains("is not started again"),
                "\(outcome.summary)")
            #expect(!FileManager.default.fileExists(atPath: output.path))
        }

        @Test("A failure that repeats at one place ends with its exit code, and the file says what happened")
        func repetition() throws {
            let output = try Scratch.newPath("elastic")
            // Its loss is no number after the second step, each time.
            let flags =
                try Runs.flags(epochs: 3) + ["--quiet", "--checkpoint-every", "1steps", "--lr", "1e30"]
            let outcome = try Program.run(Self.words(output, ranks: 2, flags, own: ["--max-restarts", "2"]))
            #expect(outcome.status == 1, "\(outcome.summary)")
            let incidents = try Self.incidents(output)
            #expect(
                incidents.count == 3 && incidents.last?.action.contains("2 times (--max-restarts)") == true)
        }

        @Test("SIGTERM stops the run with a checkpoint, and it goes on by the same command")
        func stop() throws {
            let run = RunDirectory(url: try Scratch.newPath("elastic"))
            let flags = try Runs.flags(epochs: Runs.endless) + ["--quiet", "--keep-last", "2"]
            var isSent = false
            let outcome = try Program.run(Self.words(run.url, ranks: 2, flags), ranks: nil) { process in
                guard !isSent, ((try? run.newestStep()) ?? 0) > 0 else { return }
                isSent = Foundation.kill(process, SIGTERM) == 0
            }
            #expect(outcome.status == 75 && isSent, "\(outcome.summary)")
            let (ending, whole) = try Runs.ending(run, flags: Runs.flags)
            let words = try Self.words(
                run.url, ranks: 2, Runs.flags(epochs: 2).dropLast(2) + ending + ["--quiet"])
            try Program.succeed(words)
            try run.expectEqual(whole)
        }

        @Test(
            "Flags that make no sense are refused",
            arguments: [
                (["-np", "0"], "--np"), (["-np", "2", "--min-np", "3"], "--min-np"),
                (["-np", "2", "--max-restarts", "-1"], "--max-restarts"),
                (["-np", "2", "--grow-after", "0"], "--grow-after"),
                (["-np", "2", "--hostfile", "/no/such/file"], "/no/such/file"),
                (["-np", "2", "--", "--resume", "x"], "--resume"),
            ])
        func refusedFlags(words: [String], part: String) throws {
            let outcome = try Program.run(["elastic"] + words)
            #expect(
                [1, 64].contains(outcome.status) && outcome.errorText.contains(part), "\(outcome.summary)")
        }
    }
}
