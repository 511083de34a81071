import Foundation
import Testing

extension EndToEnd {
    /// Under a launcher that lets a job go on without one of its ranks.
    @Suite("Ranks that are lost while the others wait for them")
    struct LostRankTests {
        #if os(Linux)
        @Test(
            "The others end with one error that names it, soon, and none of them stays",
            .enabled(if: ProcessTable.isAvailable, "finds the ranks in /proc"),
            arguments: [("shared", 0), ("shared", 1), ("mpi", 0), ("mpi", 2)])
        func kill(transport: String, rank: Int) throws {
            let codes = try Scratch.newPath("codes")
            let output = try Scratch.newPath("run")
            let words =
                try [
                    "mpirun", "--enable-recovery", "-np", "3", "--oversubscribe", "sh", "-c",
                    "\"$@\"; echo $? >> \(codes.path)", "sh", Program.executable.path, "train", "--output",
                    output.path, "--quiet", "--transport", transport,
                ] + Runs.flags(epochs: 1_000_000)
            var killed: ContinuousClock.Instant?
            let runner = ProcessRunner(
                executable: URL(filePath: "/usr/bin/env"), arguments: words, timeLimit: 60,
                whileRunning: { process in
                    // Checkpoints are written: the ranks are at work.
                    let folder = output.appending(path: "checkpoints").path
                    guard killed == nil,
                        let files = try? FileManager.default.contentsOfDirectory(atPath: folder),
                        files.count > 1
                    else { return }
                    guard let victim = Self.process(ofRank: rank, below: process),
                        Foundation.kill(victim, SIGKILL) == 0
                    else { return }
                    killed = .now
                })
            let outcome = try runner.run()
            #expect(!outcome.timedOut, "it hangs: \(outcome.summary)")
            let instant = try #require(killed)
            #expect(ContinuousClock.now - instant < .seconds(30))
            let ends = try String(contentsOf: codes, encoding: .utf8).split(separator: "\n").compactMap {
                Int($0)
            }
            // The launcher may end the shell of one that has not ended yet.
            #expect(
                ends.contains(1) && ends.contains(137) && !ends.contains(0) && ends.count <= 3,
                "\(ends), \(outcome.summary)")
            let messages = outcome.errorText.split(separator: "\n").filter {
                $0.contains("dp-train: error: ")
            }
            #expect(messages.count == 1, "\(outcome.summary)")
            #expect(
                messages.first?.contains("rank \(rank) on ") == true
                    && messages.first?.contains("has ended while others waited for it") == true,
                "\(outcome.summary)")
        }

        @Test(
            "A rank that is stopped ends the run, named with where it stands, and the run goes on later with the same bits",
            .enabled(if: ProcessTable.isAvailable, "finds the ranks in /proc"),
            arguments: [("shared", 0), ("mpi", 1)])
        func stop(transport: String, rank: Int) throws {
            let run = RunDirectory(url: try Scratch.newPath("run"))
            let flags = ["--transport", transport, "--stall-timeout", "3s"]
            var stopped: (process: Int32, at: ContinuousClock.Instant)?
            let words = try Runs.flags(epochs: Runs.endless) + ["--output", run.url.path, "--quiet"]
            let outcome = try Program.run(words + flags, ranks: 3) { process in
                guard stopped == nil, ((try? run.newestStep()) ?? 0) > 0 else { return }
                if let victim = Self.process(ofRank: rank, below: process),
                    Foundation.kill(victim, SIGSTOP) == 0
                {
                    stopped = (victim, .now)
                }
            }
            #expect(!outcome.timedOut, "it hangs: \(outcome.summary)")
            let stop = try #require(stopped)
            #expect(ContinuousClock.now - stop.at < .seconds(60), "\(outcome.summary)")
            #expect(outcome.status == 69, "\(outcome.summary)")
            let messages = outcome.errorText.split(separator: "\n").filter {
                $0.contains("dp-train: error: ")
            }
            #expect(messages.count == 1, "\(outcome.summary)")
            for part in [
                "within 3 s (--stall-timeout)", "rank \(rank) on ", "(process \(stop.process)), ",
                " after step ",
                "whose process does not run",
            ] {
                #expect(messages.first?.contains(part) == true, "\(part): \(outcome.summary)")
            }
            #expect(!ProcessTable.isRunning(stop.process))
            let (ending, whole) = try Runs.ending(run, flags: Runs.flags)
            try Program.succeed(Runs.resume(run) + ending, ranks: 2)
            try run.expectEqual(whole)
        }

        @Test(
            "Ranks that stop for less than the limit, again and again, are waited for",
            .enabled(if: ProcessTable.isAvailable, "finds the ranks in /proc"))
        func pause() throws {
            var pauses = 0
            let words = try Runs.flags(epochs: 8) + ["--output", Scratch.newPath("run").path, "--quiet"]
            let outcome = try Program.run(words + ["--stall-timeout", "8s"], ranks: 2) { process in
                guard pauses < 4, let victim = Self.process(ofRank: 1, below: process),
                    Foundation.kill(victim, SIGSTOP) == 0
                else { return }
                pauses += 1
                sleep(3)
                Foundation.kill(victim, SIGCONT)
                usleep(20_000)
            }
            #expect(outcome.status == 0 && pauses > 1, "\(pauses) pauses, \(outcome.summary)")
        }

        @Test("A rank that is stopped before it has met the others ends the run")
        func stopAtStart() throws {
            let stop = "if [ \"$OMPI_COMM_WORLD_RANK\" = 0 ]; then kill -STOP $$; fi; exec \"$@\""
            let words = ["mpirun", "-np", "2", "--oversubscribe", "sh", "-c", stop, "sh"]
            let flags = try ["train", "--output", Scratch.newPath("run").path, "--stall-timeout", "5s"]
            let outcome = try Program.tool(
                words + [Program.executable.path] + flags + Runs.flags(epochs: 1), timeLimit: 300)
            #expect(!outcome.timedOut && outcome.status == 69, "\(outcome.summary)")
            let messages = outcome.errorText.split(separator: "\n").filter {
                $0.contains("dp-train: error: ")
            }
            #expect(
                messages.count == 1
                    && messages[0].contains("expected all ranks to start within 10 s, found that rank 1 on"),
                "\(outcome.summary)")
        }

        @Test("Checkpoints that take longer to pack than a rank may stand still are waited for")
        func slowCheckpoints() throws {
            let words =
                try Runs.flags(epochs: 1) + [
                    "--output", Scratch.newPath("run").path, "--quiet", "--hidden-dims", "256",
                    "--compression-level", "19",
                ]
            let outcome = try Program.run(words + ["--stall-timeout", "1s"], ranks: 2)
            #expect(outcome.status == 0, "\(outcome.summary)")
        }

        private static func process(ofRank rank: Int, below ancestor: Int32) -> Int32? {
            ProcessTable.descendants(of: ancestor).first {
                ProcessTable.name(of: $0) == "dp-train" && Self.rank(of: $0) == rank
            }
        }

        /// The rank that the launcher has told a process to be.
        private static func rank(of process: Int32) -> Int? {
            let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ") ?? Data()
            let prefix = "OMPI_COMM_WORLD_RANK="
            return environment.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
                .first { $0.hasPrefix(prefix) }.flatMap { Int($0.dropFirst(prefix.count)) }
        }
        #endif
    }
}
