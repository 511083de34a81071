import Foundation
import Testing

/// Flags that the program has to refuse, and what the message must name.
struct BadFlags: CustomTestStringConvertible, Sendable {
    let flags: [String]
    let names: [String]
    /// Ranks to try it on; nil is one process without mpirun.
    var ranks: [Int?] = [nil, 4]

    var testDescription: String { flags.joined(separator: " ") }
}

extension EndToEnd {
    @Suite("Bad values of flags")
    struct BadFlagTests {
        /// A value that is no number, 0 where that has no meaning, a negative one, one out of range.
        static let wrongValues: [BadFlags] = [
            ("--epochs", ["0", "-1", "many", "1.5"]),
            ("--batch-size", ["0", "-128", "all"]),
            ("--lr", ["0", "-0.1", "fast", "nan", "inf"]),
            ("--momentum", ["-0.5", "1.5", "some", "nan"]),
            ("--weight-decay", ["-0.1", "little"]),
            ("--warmup-epochs", ["-1", "few"]),
            ("--logical-shards", ["0", "-8", "eight"]),
            ("--validation-size", ["-1", "half", "2000", "1000000"]),
            ("--checkpoint-every", ["0", "-1", "often"]),
            ("--average-weights", ["mean", "ema:1", "swa:0"]),
            ("--elu-alpha", ["-1", "big", "nan"]),
            ("--seed", ["-1", "lucky"]),
            ("--hidden-dims", ["0", "-128", "128,,64", "wide"]),
            ("--activation", ["sigmoid"]),
            ("--batch-norm", ["maybe"]),
            ("--lr-schedule", ["guess"]),
            ("--evaluation", ["nobody"]), ("--test-views", ["sideways", "flip,flip", "shift:0", "shift:32"]),
            ("--transport", ["hope"]), ("--matmul-precision", ["exact"]),
            ("--strategy", ["luck"]), ("--products", ["abacus"]), ("--keep-last", ["0"]),
            ("--compression-level", ["20"]), ("--lr-scaling", ["twice"]),
            ("--threads", ["0", "-1", "all", "5000"]),
        ].flatMap { flag, values in
            values.enumerated().map { index, value in
                // On 4 ranks one wrong value of each flag tells all: the same code checks the others.
                BadFlags(flags: [flag, value], names: [flag, value], ranks: index == 0 ? [nil, 4] : [nil])
            }
        }

        @Test("A value without meaning is refused by name", arguments: wrongValues)
        func wrongValue(bad: BadFlags) throws {
            try expectRefusal(of: bad)
        }

        @Test("A batch size that the logical shards do not divide is refused, with both numbers")
        func batchSizeAndShards() throws {
            try expectRefusal(
                of: BadFlags(flags: ["--batch-size", "100", "--logical-shards", "8"], names: ["100", "8"]))
            try expectRefusal(
                of: BadFlags(flags: ["--batch-size", "120", "--logical-shards", "16"], names: ["120", "16"]))
        }

        @Test("More ranks than logical shards are refused, with both numbers")
        func moreRanksThanShards() throws {
            try expectRefusal(
                of: BadFlags(
                    flags: ["--logical-shards", "2"], names: ["4 ranks", "2 logical shards"], ranks: [4]))
        }

        @Test("A batch larger than the training images is refused")
        func batchTooLarge() throws {
            try expectRefusal(of: BadFlags(flags: ["--batch-size", "4096"], names: ["4096"]))
        }

        @Test(
            "A flag that has another name now is refused with that",
            arguments: [
                BadFlags(
                    flags: ["--arithmetic", "fast"], names: ["--arithmetic", "--strategy allreduce"]),
                BadFlags(flags: ["--arithmetic=reproducible"], names: ["--strategy factor-exchange"]),
                BadFlags(flags: ["--reduction", "mpi"], names: ["--reduction", "--transport mpi"]),
            ])
        func formerNames(bad: BadFlags) throws {
            try expectRefusal(of: bad)
        }

        @Test(
            "OpenBLAS is refused where bits are promised, and for products of bytes",
            arguments: [
                BadFlags(
                    flags: ["--products", "openblas"], names: ["--products", "--strategy factor-exchange"]),
                BadFlags(
                    flags: ["--products=openblas", "--strategy=allreduce", "--matmul-precision", "high"],
                    names: ["--products", "--matmul-precision high"], ranks: [nil]),
            ])
        func openBLAS(bad: BadFlags) throws {
            try expectRefusal(of: bad)
        }

        @Test(
            "A flag that belongs to a value of another one is refused without that",
            arguments: [
                BadFlags(
                    flags: ["--activation", "relu", "--elu-alpha", "2"],
                    names: ["--elu-alpha", "--activation elu", "--activation relu"]),
                BadFlags(
                    flags: ["--lr-step-factor", "0.5"], names: ["--lr-step-factor", "--lr-schedule step"],
                    ranks: [nil]),
            ])
        func doesNotApply(bad: BadFlags) throws {
            try expectRefusal(of: bad)
        }

        @Test("An unknown flag is refused by name")
        func unknownFlag() throws {
            try expectRefusal(of: BadFlags(flags: ["--bach-size", "128"], names: ["--bach-size"]))
        }

        @Test(
            "A word that is not UTF-8 is refused, and names no other file",
            arguments: ["--output", "--data", "--resume"])
        func notUTF8(flag: String) throws {
            let folder = try Scratch.makeDirectory("bytes")
            let script = #"cd "$1" && exec "$0" --epochs 1 $2 $'run-\xff'"#
            let outcome = try Program.tool(
                ["bash", "-c", script, Program.executable.path, folder.path, flag])
            EndToEndTests.expectRefusal(outcome, naming: ["word 4", "UTF-8", #"run-\xff"#])
            #expect(outcome.status == 64, "\(outcome.summary)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }

        @Test("--hidden-dims= with nothing behind it means no hidden layer, whatever follows")
        func emptyValue() throws {
            let run = try Program.train(
                ["--hidden-dims=", "--data", SmallData.directory().path] + SmallData.flags)
            #expect(try run.summary().parameterCount == 3072 * 10 + 10)
            for words in [["--epochs=", "--quiet"], ["--output=", "--quiet"]] {
                let outcome = try Program.run(words, in: Scratch.makeDirectory("empty"))
                EndToEndTests.expectRefusal(outcome, naming: [String(words[0].dropLast())])
            }
        }

        private func expectRefusal(of bad: BadFlags) throws {
            for ranks in bad.ranks {
                let output = try Scratch.newPath("run")
                let data = try SmallData.directory()
                var flags = ["--data", data.path, "--output", output.path, "--epochs", "1"]
                if bad.flags.first != "--validation-size" { flags += ["--validation-size", "200"] }
                let outcome = try Program.run(flags + bad.flags, ranks: ranks)
                EndToEndTests.expectRefusal(outcome, naming: bad.names)
                #expect(outcome.status == 64, "\(outcome.summary)")
                #expect(
                    !FileManager.default.fileExists(atPath: output.path),
                    "it made the run directory before it checked")
            }
        }
    }
}
