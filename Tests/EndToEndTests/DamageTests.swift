import Foundation
import Testing

extension EndToEnd {
    /// That every truncation and every changed byte is detected is tested with the checkpoints' own tests.
    @Suite("Damaged checkpoints and full disks")
    struct DamageTests {
        @Test(
            "A checkpoint file that was cut short or changed is refused and left alone",
            arguments: [0, 0.01, 0.5, 0.99], [false, true])
        func damagedFile(place: Double, isChanged: Bool) throws {
            let run = try Runs.copy(Self.run.get())
            let file = try run.newestCheckpoint()
            var bytes = try Data(contentsOf: file)
            let index = Int(place * Double(bytes.count))
            if isChanged { bytes[index] ^= 0x10 } else { bytes = bytes.prefix(index) }
            try bytes.write(to: file)
            let outcome = try Program.run(Runs.resume(RunDirectory(url: file)))
            #expect(outcome.status == 1 && !outcome.timedOut, "\(outcome.summary)")
            #expect(
                outcome.errorText.contains("dp-train: error: \(file.path) is "), "\(outcome.summary)")
            #expect(try Data(contentsOf: file) == bytes)
        }

        @Test("A damaged newest checkpoint is named and set aside, and the one before is used")
        func damagedNewest() throws {
            let run = try Runs.copy(Self.run.get())
            let newest = try run.newestCheckpoint()
            try Self.damage(newest)
            let outcome = try Program.succeed(Runs.resume(run), ranks: 3)
            let name = newest.lastPathComponent
            #expect(
                outcome.errorText.contains("\(name) is damaged")
                    && outcome.errorText.contains("set aside as \(name).damaged"), "\(outcome.summary)")
            #expect(FileManager.default.fileExists(atPath: newest.path + ".damaged"))
            try run.expectEqual(Self.run.get())
        }

        @Test("Where all are damaged there is an error, again and again")
        func allDamaged() throws {
            let run = try Runs.copy(Self.run.get())
            let count = try run.checkpoints().count
            for file in try run.checkpoints() { try Self.damage(file) }
            for _ in 1...2 {
                let outcome = try Program.run(Runs.resume(run), ranks: 2)
                #expect(outcome.status == 1 && !outcome.timedOut, "\(outcome.summary)")
                let error = outcome.errorText.split(separator: "\n").first { $0.contains("dp-train: error") }
                #expect(error?.contains("good checkpoint") == true, "\(outcome.summary)")
                #expect(error?.components(separatedBy: ".damaged").count == count + 1, "\(outcome.summary)")
            }
            #expect(try run.steps() == Self.run.get().steps())
        }

        @Test(
            "Files that may not grow so large: training tells its result, and the earlier checkpoint is good")
        func fileSizeLimit() throws {
            let run = try Program.train(Runs.flags(epochs: 1))
            // KiB; a checkpoint takes more than 700.
            let words = ["bash", "-c", #"ulimit -f 300; exec "$0" "$@""#, Program.executable.path]
            let outcome = try Program.tool(words + Runs.resume(run) + ["--epochs", "3"])
            #expect(outcome.status == 74, "\(outcome.summary)")
            #expect(outcome.errorText.contains("warning: no checkpoint of step 74"), "\(outcome.summary)")
            #expect(
                outcome.errorText.contains(
                    "error: the run came to its end, but its last checkpoint could not"),
                "\(outcome.summary)")
            #expect(
                outcome.errorText.contains("the newest is step-00000037.safetensors.zst"),
                "\(outcome.summary)")
            #expect(outcome.outputText.contains("test accuracy"), "\(outcome.summary)")
            try Self.expectUsable(run)
        }

        @Test(
            "A disk that is full: training tells its result, and the earlier checkpoint is good",
            .enabled(if: Tmpfs.isAvailable, "needs root on Linux, and leave to mount a tmpfs"))
        func fullDisk() throws {
            let disk = try Tmpfs(size: "1536k")
            defer { disk.unmount() }
            let run = RunDirectory(url: disk.url.appending(path: "run"))
            try Program.succeed(Runs.flags(epochs: 1) + ["--output", run.url.path, "--quiet"])
            let filler = disk.url.appending(path: "filler")
            try disk.fill(filler, leaving: 16 << 10)
            let outcome = try Program.run(Runs.resume(run) + ["--epochs", "60"])
            #expect(outcome.status == 74, "\(outcome.summary)")
            #expect(outcome.errorText.contains("No space left on device"), "\(outcome.summary)")
            #expect(outcome.outputText.contains("test accuracy"), "\(outcome.summary)")
            try FileManager.default.removeItem(at: filler)
            // What was on the full disk can go on elsewhere.
            try Self.expectUsable(Runs.copy(run))
        }

        /// Three epochs on one rank, with several checkpoints.
        private static let run = Result {
            try Program.train(Runs.flags(epochs: 3) + ["--checkpoint-every", "20steps"])
        }

        private static func damage(_ file: URL) throws {
            let bytes = try Data(contentsOf: file)
            try bytes.prefix(bytes.count * 2 / 3).write(to: file)
        }

        /// The checkpoint after the first epoch is the only one; the run goes on from it to where it would have come.
        private static func expectUsable(_ run: RunDirectory) throws {
            let names = try FileManager.default.contentsOfDirectory(
                atPath: run.url.appending(path: "checkpoints").path)
            #expect(names == ["step-00000037.safetensors.zst"])
            try Program.succeed(["inspect", run.newestCheckpoint().path])
            let resumed = try Runs.copy(run)
            try Program.succeed(Runs.resume(resumed) + ["--epochs", "3"])
            try resumed.expectEqual(Self.run.get())
        }
    }
}
