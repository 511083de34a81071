import Foundation
import Testing

extension EndToEnd {
    @Suite("Runs that are stopped and go on")
    struct ResumeTests {
        struct Stop: CustomTestStringConvertible {
            let signal: Int32
            let ranks: Int?
            let status: Int32?
            let resumedOn: Int?

            var testDescription: String {
                "signal \(signal) on \(ranks ?? 1), resumed on \(resumedOn ?? 1)"
            }
        }

        @Test(
            "Stopped by a signal and resumed on other ranks, a run comes to what it would have come to",
            arguments: [
                Stop(signal: SIGTERM, ranks: nil, status: 75, resumedOn: 3),
                Stop(signal: SIGINT, ranks: nil, status: 75, resumedOn: 2),
                Stop(signal: SIGUSR1, ranks: 3, status: 75, resumedOn: nil),
                // mpirun has an exit code of its own where it was told to end.
                Stop(signal: SIGTERM, ranks: 2, status: nil, resumedOn: 5),
            ])
        func stop(_ stop: Stop) throws {
            var (output, outcome) = try interrupt(stop, graceSeconds: 2)
            // Where mpirun was told to end and two seconds were not enough to write a checkpoint, more are.
            for seconds in [20, 200] where try stop.status == nil && output.newestStep() == 0 {
                (output, outcome) = try interrupt(stop, graceSeconds: seconds)
            }
            if let status = stop.status { #expect(outcome.status == status, "\(outcome.summary)") }
            #expect(outcome.status != 0, "\(outcome.summary)")
            #expect(
                outcome.errorText.contains("go on with --resume \(output.url.path)"), "\(outcome.summary)")
            // The checkpoint is there, and it is the only one.
            let steps = try output.steps().count
            #expect(try output.checkpoints().count == 1)
            #expect(steps > Runs.stepsPerEpoch)
            #expect(try output.newestCheckpoint().lastPathComponent.contains("\(steps)."))

            let (ending, whole) = try Runs.ending(output) { try Runs.flags(epochs: $0) + Self.noCheckpoints }
            try Program.succeed(Runs.resume(output) + ending, ranks: stop.resumedOn)
            try output.expectEqual(whole)
        }

        private static let noCheckpoints = ["--checkpoint-every", "\(Runs.endless)epochs"]

        /// Begins a run that does not end by itself, and sends it the signal in the second epoch or later.
        private func interrupt(
            _ stop: Stop, graceSeconds: Int
        ) throws -> (output: RunDirectory, outcome: ProcessOutcome) {
            let output = RunDirectory(url: try Scratch.newPath("stopped"))
            let firstRow = output.url.appending(path: "metrics.jsonl")
            var isSent = false
            let outcome = try Program.run(
                Runs.flags(epochs: Runs.endless) + ["--output", output.url.path] + Self.noCheckpoints,
                ranks: stop.ranks, graceSeconds: graceSeconds
            ) { process in
                guard !isSent, (try? Data(contentsOf: firstRow))?.isEmpty == false else { return }
                isSent = true
                kill(process, stop.signal)
            }
            #expect(isSent && !outcome.timedOut, "\(outcome.summary)")
            return (output, outcome)
        }

        @Test("From a checkpoint in the middle of an epoch a run goes on into a directory of its own")
        func checkpoint() throws {
            let (short, whole) = try (Self.short.get(), Self.whole.get())
            let middle = try #require(
                short.checkpoints().first { $0.lastPathComponent.contains("00000050.") })
            let output = RunDirectory(url: try Scratch.newPath("branch"))
            try Program.succeed(
                Runs.resume(RunDirectory(url: middle)) + ["--epochs", "4", "--output", output.url.path],
                ranks: 3)
            #expect(try output.summary().tensorsSha256 == whole.summary().tensorsSha256)
            #expect(try output.steps() == whole.steps().suffix(whole.steps().count - 50))
            // What it went on from is as it was.
            #expect(try short.checkpoints().count == Self.shortCheckpoints)
        }

        @Test("Going on from an older checkpoint in its run drops what came after it")
        func older() throws {
            let run = try Runs.copy(Self.short.get())
            let middle = try #require(run.checkpoints().first { $0.lastPathComponent.contains("00000050.") })
            try Program.succeed(Runs.resume(RunDirectory(url: middle)) + ["--epochs", "4"], ranks: 2)
            try run.expectEqual(Self.whole.get())
        }

        @Test("More epochs, given once, hold for the run")
        func moreEpochs() throws {
            let run = try Runs.copy(Self.short.get())
            try Program.succeed(Runs.resume(run) + ["--epochs", "4"], ranks: 2)
            try run.expectEqual(Self.whole.get())
            // As if it had been killed before the first checkpoint that knows of them.
            for checkpoint in try run.checkpoints() where checkpoint.lastPathComponent > "step-00000074.z" {
                try FileManager.default.removeItem(at: checkpoint)
            }
            try Program.succeed(Runs.resume(run))
            try run.expectEqual(Self.whole.get())
        }

        @Test("A run that was ended before its first checkpoint begins again, with its own settings")
        func noCheckpoint() throws {
            let whole = try Self.whole.get()
            let run = RunDirectory(url: try Scratch.makeDirectory("begun"))
            try FileManager.default.copyItem(
                at: whole.url.appending(path: "config.json"), to: run.url.appending(path: "config.json"))
            try Program.succeed(Runs.resume(run), ranks: 2)
            try run.expectEqual(whole)
        }

        @Test("A finished run is tested again and leaves the same summary")
        func finished() throws {
            let run = try Runs.copy(Self.short.get())
            let summary = run.url.appending(path: "summary.json")
            let before = try Data(contentsOf: summary)
            let words = try Runs.resume(run).filter { $0 != "--quiet" }
            let outcome = try Program.succeed(words, ranks: 2)
            #expect(outcome.outputText.contains("finished"), "\(outcome.summary)")
            #expect(outcome.outputText.contains("test accuracy"), "\(outcome.summary)")
            #expect(try Data(contentsOf: summary) == before)
        }

        @Test("latest is the run with the newest checkpoint beside --output, or in ./runs")
        func latest() throws {
            let parent = try Scratch.makeDirectory("parent")
            let runs = parent.appending(path: "runs")
            try FileManager.default.createDirectory(at: runs, withIntermediateDirectories: true)
            let (old, new) = (runs.appending(path: "z"), runs.appending(path: "a"))
            for run in [old, new] { try FileManager.default.copyItem(at: Self.short.get().url, to: run) }
            let newest = try RunDirectory(url: new).newestCheckpoint()
            try FileManager.default.setAttributes([.modificationDate: Date() + 5], ofItemAtPath: newest.path)
            let words = try Runs.resume(RunDirectory(url: URL(filePath: "latest"))).map {
                $0.hasSuffix("/latest") ? "latest" : $0
            }
            try Program.succeed(words + ["--epochs", "4"], in: parent)
            try RunDirectory(url: new).expectEqual(Self.whole.get())
            let output = runs.appending(path: "new")
            try Program.succeed(words + ["--epochs", "5", "--output", output.path])
            #expect(try RunDirectory(url: output).summary().epochs == 5)

            let none = try Program.run(words, in: Scratch.makeDirectory("nothing"))
            expectRefusal(none, naming: ["--resume latest", "runs"])
        }

        @Test("What there is not is named", arguments: ["nowhere", "."])
        func nothing(path: String) throws {
            expectRefusal(
                try Program.run(["--resume", path], ranks: 2, in: Scratch.makeDirectory("empty")),
                naming: ["--resume \(path)"])
        }

        @Test(
            "Settings that would change the result are refused with both values",
            arguments: [
                (["--activation", "relu"], "--activation elu → relu"),
                (["--hidden-dims", "256,128"], "--hidden-dims 32 → 256,128"),
                (["--residual"], "--no-residual → --residual"),
                (["--batch-norm", "local", "--lr", "0.5"], "--batch-norm sync → local, --lr 0.02 → 0.5"),
                (["--lr-schedule", "cosine"], "--lr-schedule constant → cosine"),
                (["--logical-shards", "16"], "--logical-shards 8 → 16"),
            ])
        func refused(flags: [String], message: String) throws {
            let outcome = try Program.run(Runs.resume(Self.short.get()) + flags)
            expectRefusal(outcome, naming: ["--resume", message])
        }

        @Test("Fewer epochs than the checkpoint has, and more ranks than shards, are refused")
        func refusedNumbers() throws {
            let outcome = try Program.run(Runs.resume(Self.short.get()) + ["--epochs", "1"], ranks: 2)
            expectRefusal(outcome, naming: ["--epochs", "at least 2", "found 1"])
            let narrow = try Program.train(Runs.flags(epochs: 1) + ["--logical-shards", "2"])
            expectRefusal(
                try Program.run(Runs.resume(narrow), ranks: 3),
                naming: ["3 ranks for 2 logical shards"])
        }

        @Test("A run with --products openblas goes on on another number of ranks, with a warning")
        func library() throws {
            let run = try Program.train(
                Runs.flags(epochs: 1) + ["--strategy", "allreduce", "--products", "openblas"])
            let words = try Runs.resume(run) + ["--epochs", "2"]
            let outcome = try Program.succeed(words, ranks: 2)
            #expect(outcome.errorText.contains("warning: --products openblas"), "\(outcome.summary)")
            #expect(try run.epochs().map(\.epoch) == [1, 2])
        }

        @Test("A run goes on with another strategy, with a warning, and keeps it")
        func otherStrategy() throws {
            let run = try Runs.copy(Self.short.get())
            let words = try Runs.resume(run) + ["--epochs", "3", "--strategy", "allreduce"]
            let outcome = try Program.succeed(words, ranks: 2)
            #expect(outcome.errorText.contains("warning: the checkpoint was computed with --strategy"))
            #expect(
                !(try Program.succeed(Runs.resume(run) + ["--epochs", "4"])).errorText.contains("warning"))
            #expect(try run.epochs().map(\.epoch) == [1, 2, 3, 4])
        }

        @Test(
            "A run with --strategy allreduce goes on to the same bits on any number of ranks",
            arguments: [nil, 3])
        func allreduce(ranks: Int?) throws {
            let flags = try Runs.flags(epochs: 3) + ["--strategy", "allreduce"]
            let whole = try Program.train(flags + ["--checkpoint-every", "20steps"], ranks: ranks)
            let run = try Runs.copy(whole)
            let middle = try #require(run.checkpoints().first { $0.lastPathComponent.contains("00000060.") })
            try Program.succeed(Runs.resume(RunDirectory(url: middle)), ranks: 2)
            try run.expectEqual(whole)
        }

        private static let shortCheckpoints = 8

        /// Four epochs on one rank.
        private static let whole = Result { try Program.train(Runs.flags(epochs: 4)) }

        /// The first two epochs of the same, on three ranks, with a checkpoint every ten steps.
        private static let short = Result {
            try Program.train(Runs.flags(epochs: 2) + ["--checkpoint-every", "10steps"], ranks: 3)
        }
    }
}
