import Foundation
import Testing

extension EndToEnd {
    @Suite("Several programs at one run directory")
    struct SharedRunTests {
        @Test(
            "Runs that are started at once without --output have a directory each, with their own rows alone")
        func defaultOutput() throws {
            let folder = try Scratch.makeDirectory("at-once")
            let count = 4
            let outcome = try Self.atOnce(
                count, try Runs.flags(epochs: 3) + ["--quiet", "--seed", "$i"], in: folder)
            #expect(Self.codes(outcome) == Array(repeating: 0, count: count), "\(outcome.summary)")
            let runs = folder.appending(path: "runs")
            let names = try FileManager.default.contentsOfDirectory(atPath: runs.path)
            #expect(names.count == count, "\(names)")
            var seeds: Set<String> = []
            for name in names {
                let run = RunDirectory(url: runs.appending(path: name))
                #expect(try run.epochs().map(\.epoch) == [1, 2, 3])
                #expect(try run.csv().dropFirst().map(\.first) == ["1", "2", "3"])
                #expect(try run.steps().count == 3 * Runs.stepsPerEpoch)
                let files = try FileManager.default.contentsOfDirectory(atPath: run.url.path)
                #expect(
                    files.count { $0.hasPrefix("events.out") } == 1 && !files.contains("run.lock"), "\(files)"
                )
                let configuration = try String(
                    contentsOf: run.url.appending(path: "config.json"), encoding: .utf8)
                seeds.insert(configuration.firstMatch(of: /"seed" : (\d+)/).map { String($0.1) } ?? "none")
            }
            #expect(seeds == ["1", "2", "3", "4"])
        }

        @Test("Of runs that are started at once with one --output, one runs and the others are refused")
        func sameOutput() throws {
            let folder = try Scratch.makeDirectory("at-once")
            // A folder that is there and empty, too.
            for output in ["new", "empty"] {
                if output == "empty" {
                    try FileManager.default.createDirectory(
                        at: folder.appending(path: output), withIntermediateDirectories: true)
                }
                let outcome = try Self.atOnce(
                    3, try Runs.flags(epochs: 2) + ["--quiet", "--output", output], in: folder)
                #expect(Self.codes(outcome).sorted() == [0, 1, 1], "\(outcome.summary)")
                #expect(
                    outcome.errorText.components(separatedBy: "error: --output \(output): expected").count
                        == 3,
                    "\(outcome.summary)")
                let run = RunDirectory(url: folder.appending(path: output))
                #expect(try run.epochs().map(\.epoch) == [1, 2])
                #expect(try run.steps().count == 2 * Runs.stepsPerEpoch)
            }
        }

        @Test("A run in training is not resumed: who works on it is named, and it goes on undisturbed")
        func liveRun() throws {
            let folder = try Scratch.makeDirectory("live")
            let run = RunDirectory(url: folder.appending(path: "runs/a"))
            try Program.succeed(Runs.flags(epochs: 1) + ["--output", run.url.path, "--quiet"])
            let lock = run.url.appending(path: "run.lock")
            var refusals: [ProcessOutcome] = []
            var holder = ""
            // It cannot end by itself.
            let outcome = try Program.run(
                Runs.resume(run) + ["--epochs", "1000000", "--checkpoint-every", "100000epochs"], ranks: nil
            ) { process in
                guard refusals.isEmpty, let line = try? String(contentsOf: lock, encoding: .utf8),
                    !line.isEmpty
                else { return }
                holder = line
                for words in [
                    ["--resume", run.url.path], ["--resume", "latest"], ["--output", run.url.path],
                ] {
                    // A process that cannot even be started is caught by the count below.
                    guard let data = try? Runs.flags(epochs: 2),
                        let refusal = try? Program.run(data + words, ranks: 2, in: folder)
                    else { continue }
                    refusals.append(refusal)
                }
                kill(process, SIGTERM)
            }
            #expect(outcome.status == 75, "\(outcome.summary)")
            #expect(holder.hasPrefix("process "))
            #expect(refusals.count == 3)
            for refusal in refusals {
                expectRefusal(
                    refusal, naming: [run.url.lastPathComponent, holder.trimmingCharacters(in: .newlines)])
            }
            // Every step once, and nothing renamed.
            let steps = try run.steps().map { $0.firstMatch(of: /"step":(\d+)/).flatMap { Int($0.1) } }
            #expect(steps == Array(1...steps.count))
            let names = try FileManager.default.contentsOfDirectory(
                atPath: run.url.appending(path: "checkpoints").path)
            #expect(names.allSatisfy { $0.hasSuffix(".zst") } && names.count == 2, "\(names)")
            #expect(!FileManager.default.fileExists(atPath: lock.path))
        }

        @Test("The lock that a killed run leaves keeps nobody from going on")
        func deadRun() throws {
            let run = RunDirectory(url: try Scratch.newPath("dead"))
            let lock = run.url.appending(path: "run.lock")
            let rows = run.url.appending(path: "metrics.jsonl")
            var isKilled = false
            _ = try Program.run(
                Runs.flags(epochs: 1_000_000) + ["--output", run.url.path, "--quiet"], ranks: nil
            ) { process in
                guard !isKilled, (try? Data(contentsOf: rows))?.isEmpty == false else { return }
                isKilled = true
                kill(process, SIGKILL)
            }
            #expect(isKilled && FileManager.default.fileExists(atPath: lock.path))
            let begun = try run.epochs().count + 1
            let outcome = try Program.run(Runs.resume(run) + ["--epochs", "\(begun + 1)"])
            #expect(outcome.status == 0, "\(outcome.summary)")
            #expect(!FileManager.default.fileExists(atPath: lock.path))
        }

        @Test(
            "Where the file system knows no locks a run goes on with a warning",
            .enabled(if: SharedRunTests.hasStrace, "needs strace, and leave to trace"))
        func noLocks() throws {
            let run = RunDirectory(url: try Scratch.newPath("unlocked"))
            let inject = ["strace", "-f", "-o", "/dev/null", "-e", "inject=flock:error=ENOLCK"]
            for words in try [
                Runs.flags(epochs: 1) + ["--output", run.url.path, "--quiet"],
                Runs.resume(run) + ["--epochs", "2"],
            ] {
                let outcome = try Program.tool(inject + [Program.executable.path] + words)
                #expect(outcome.status == 0, "\(outcome.summary)")
                let warnings = outcome.errorText.split(separator: "\n")
                #expect(warnings.count == 1, "\(outcome.summary)")
                #expect(
                    warnings.first?.hasPrefix("dp-train: warning: \(run.url.path) cannot be locked") == true,
                    "\(outcome.summary)")
            }
            #expect(try run.epochs().map(\.epoch) == [1, 2])
        }

        private static let hasStrace =
            (try? Program.tool(["strace", "-f", "-o", "/dev/null", "-e", "inject=flock:error=ENOLCK", "true"]))?
            .status == 0

        /// Starts so many programs together, with `$i` for the number of each, and waits for all. Prints their exit codes.
        private static func atOnce(
            _ count: Int, _ words: [String], in folder: URL
        ) throws -> ProcessOutcome {
            let arguments = words.map { $0 == "$i" ? "$i" : "'\($0)'" }.joined(separator: " ")
            let script = """
                for i in $(seq \(count)); do ('\(Program.executable.path)' \(arguments); echo "code $?") & done; wait
                """
            return try ProcessRunner(
                executable: URL(filePath: "/usr/bin/env"), arguments: ["bash", "-c", script],
                currentDirectory: folder, timeLimit: 120
            ).run()
        }

        private static func codes(_ outcome: ProcessOutcome) -> [Int] {
            outcome.outputText.matches(of: /code (\d+)/).compactMap { Int($0.1) }
        }
    }
}
