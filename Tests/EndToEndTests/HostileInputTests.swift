import Foundation
import Testing

extension EndToEnd {
    /// What comes from outside ends in a message: never in a trap, an endless wait, or all memory taken.
    @Suite("Inputs that were made to do harm, and signals at the wrong time")
    struct HostileInputTests {
        private static let small = Result {
            try Program.train(["--data", SmallData.directory().path] + SmallData.flags + ["--epochs", "1"])
        }

        private func shell(_ script: String, _ arguments: [String], timeLimit: Double = 60) throws
            -> ProcessOutcome
        {
            try Program.tool(
                ["bash", "-c", script, Program.executable.path] + arguments, timeLimit: timeLimit)
        }

        @Test("A FIFO or a device in place of any file is refused by name")
        func noRegularFile() throws {
            let fifo = try Scratch.newPath("fifo").path
            try #require(mkfifo(fifo, 0o600) == 0)
            let good = try Self.small.get().newestCheckpoint().path
            let data = ["--data", try SmallData.directory().path]
            let output = try Scratch.newPath("run").path
            for path in [fifo, "/dev/zero"] {
                for arguments in [
                    ["--data", path, "--output", output], ["--resume", path] + data, ["inspect", path],
                    ["evaluate", path] + data, ["export", path, "--to", output], ["diff", good, path],
                    ["data", "verify", "--data", path], ["classify", good, path], ["classify", path, path],
                ] {
                    let outcome = try Program.run(arguments, timeLimit: 20)
                    expectRefusal(outcome, naming: [path, "expected a regular file"])
                }
            }
            expectRefusal(
                try Program.run(["--data", fifo, "--output", output], ranks: 2, timeLimit: 20), naming: [fifo]
            )
        }

        @Test(
            "A signal before the first step ends the program at once", arguments: [SIGTERM, SIGINT, SIGUSR1])
        func signalBeforeTheFirstStep(number: Int32) throws {
            guard ProcessTable.isAvailable else { return }
            // MPI waits for a second rank, which never comes: training can neither begin nor end.
            let output = try Scratch.newPath("run").path
            var target: Int32?
            var isSent = false
            let runner = ProcessRunner(
                executable: URL(filePath: "/usr/bin/env"),
                arguments: [
                    "mpirun", "--oversubscribe", "-np", "1", Program.executable.path, "--output", output,
                    "--data", "synthetic", ":", "-np", "1", "sleep", "600",
                ], timeLimit: 30
            ) { process in
                let found = ProcessTable.descendants(of: process).first {
                    ProcessTable.name(of: $0) == "dp-train"
                }
                guard let found, !isSent else { return }
                // A program that is about to catch signals has done so by then.
                if target != nil { Thread.sleep(forTimeInterval: 1) }
                if target != nil {
                    kill(found, number)
                    isSent = true
                }
                target = found
            }
            let outcome = try runner.run()
            #expect(isSent && !outcome.timedOut, "\(outcome.summary)")
            #expect(outcome.status != 0, "\(outcome.summary)")
            #expect(
                outcome.errorText.contains("exited on signal \(number)"), "\(outcome.summary)")
        }

        @Test("An ELU of any size is a number like others")
        func largeAlpha() throws {
            let outcome = try Program.run(
                ["--data", SmallData.directory().path, "--output", Scratch.newPath("run").path]
                    + SmallData.flags + ["--elu-alpha", "1e19"])
            #expect(outcome.status < 128 && !outcome.timedOut, "\(outcome.summary)")
            #expect(outcome.outputText.contains("ELU(1e+19)"), "\(outcome.summary)")
        }

        @Test(
            "A checkpoint with a hostile configuration or position is refused by name",
            arguments: [
                (#"hiddenDimensions\\":\[128\]"#, #"hiddenDimensions\\":[ -9]"#, "--hidden-dims"),
                (#"batchSize\\":128"#, #"batchSize\\":-28"#, "--batch-size"),
                (#""step_in_epoch":"0""#, #""step_in_epoch":"9""#, "step"),
            ], [true, false])
        func hostileCheckpoint(change: (String, String, String), hasDigest: Bool) throws {
            let good = try Self.small.get().newestCheckpoint().path
            let bad = try Scratch.newPath("bad.safetensors.zst").path
            // Without the digest of the metadata it is one that an earlier program wrote.
            let script = #"""
                zstd -dc "$1" | LC_ALL=C sed -e "s/$2/$3/" -e "$4" | zstd -q --check -o "$5"
                """#
            let changed = try shell(
                script,
                [good, change.0, change.1, hasDigest ? "" : "s/metadata_sha256/metadata_sha25x/", bad])
            try #require(changed.status == 0, "\(changed.summary)")
            let data = ["--data", try SmallData.directory().path]
            for arguments in [
                ["evaluate", bad] + data, ["classify", bad, "test:0"] + data,
                ["--resume", bad, "--output", try Scratch.newPath("run").path] + data,
                ["diff", good, bad], ["inspect", bad],
            ] {
                let outcome = try Program.run(arguments)
                expectRefusal(outcome, naming: [bad, hasDigest ? "over the metadata" : change.2])
            }
        }

        @Test("Small files that hold very much are refused within little memory")
        func bombs() throws {
            let folder = try Scratch.makeDirectory("bombs").path
            let made = try shell(
                #"""
                cd "$1" && head -c 3G /dev/zero | zstd -q --check -o zeros.zst &&
                { printf '\200\004N'; head -c 60M /dev/zero | tr '\0' '\224'; printf .; } > data_batch_1 &&
                tar czf pickle.tar.gz data_batch_1
                """#, [folder])
            try #require(made.status == 0, "\(made.summary)")
            let limited = #"ulimit -v 2000000; exec "$0" "$@""#
            for arguments in [
                ["inspect", folder + "/zeros.zst"], ["data", "verify", "--data", folder + "/pickle.tar.gz"],
                ["data", "verify", "--data", folder + "/zeros.zst"],
            ] {
                expectRefusal(try shell(limited, arguments), naming: [folder])
            }
        }

        @Test(
            "Standard output that takes nothing is an error",
            .enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "needs /dev/full (Linux)"))
        func fullOutput() throws {
            let checkpoint = try Self.small.get().newestCheckpoint().path
            let data = ["--data", try SmallData.directory().path]
            for arguments in [
                ["inspect", checkpoint], ["inspect", checkpoint, "--json"], ["evaluate", checkpoint] + data,
                ["classify", checkpoint, "test:0"] + data,
                ["diff", checkpoint, checkpoint], ["data", "verify"] + data, ["--help"], ["--version"],
                ["export", checkpoint, "--to", try Scratch.newPath("weights").path],
                ["data", "synthesize", "--output", try Scratch.newPath("set").path, "--training-count", "5"],
                ["--output", try Scratch.newPath("run").path, "--quiet"] + data + SmallData.flags,
            ] {
                let outcome = try shell(#"exec "$0" "$@" > /dev/full"#, arguments)
                expectRefusal(outcome, naming: ["standard output", "No space left on device"])
            }
            // A reader that has gone away has had enough.
            let piped = try shell(#"set -o pipefail; "$0" "$@" | true"#, ["inspect", checkpoint])
            #expect(piped.status == 0, "\(piped.summary)")
        }

        @Test(
            "Standard error that takes nothing does not end a download",
            .enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "needs /dev/full (Linux)"),
            .enabled(if: Python.has("http.server"), "needs python3"))
        func fullErrorOutput() throws {
            let folder = try Scratch.makeDirectory("served").path
            let outcome = try shell(
                #"""
                cd "$1" && echo archive > x.tar.gz
                "$2" -u -m http.server --bind 127.0.0.1 0 > port 2>&1 & server=$!
                trap 'kill $server' EXIT
                for _ in $(seq 200); do grep -q 'port [0-9]' port && break; sleep 0.1; done
                url=http://127.0.0.1:$(sed -n 's/.*port \([0-9]*\).*/\1/p' port)/x.tar.gz
                md5=$(md5sum x.tar.gz | cut -d ' ' -f 1)
                "$0" data fetch --url "$url" --md5 "$md5" --directory got --no-unpack 2> /dev/full
                """#, [folder, Python.interpreter])
            #expect(outcome.status == 0 && !outcome.timedOut, "\(outcome.summary)")
            #expect(outcome.outputText.contains("its MD5 is right"), "\(outcome.summary)")
        }
    }
}
