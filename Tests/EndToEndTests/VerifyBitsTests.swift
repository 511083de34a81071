import Datasets
import Foundation
import Testing
import Verification

extension EndToEnd {
    @Suite("The command that compares this machine's bits with every machine's")
    struct VerifyBitsTests {
        /// Checks that everything agrees, run by run.
        private func expectAgreement(
            _ outcome: ProcessOutcome, of runs: [ReferenceRun] = ReferenceTable.current.runs,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(
                outcome.status == 0 && !outcome.timedOut, "\(outcome.summary)", sourceLocation: sourceLocation
            )
            let lines = outcome.outputText.split(separator: "\n")
            let kernels = KernelCheck.all.count
            #expect(
                lines.contains { $0.hasSuffix("\(kernels) of \(kernels) kernels agree") },
                "\(outcome.summary)", sourceLocation: sourceLocation)
            for run in runs {
                #expect(
                    lines.contains { $0.hasPrefix(run.name + " ") && $0.hasSuffix(" \(run.sha256) agrees") },
                    "\(run.name): \(outcome.summary)", sourceLocation: sourceLocation)
            }
            #expect(
                lines.last?.hasPrefix("All bits agree") == true, "\(outcome.summary)",
                sourceLocation: sourceLocation)
        }

        @Test("All bits agree on any number of ranks, and no file is written", arguments: [nil, 1, 2, 3, 7])
        func ranks(count: Int?) throws {
            let folder = try Scratch.makeDirectory("verified")
            let outcome = try Program.run(["verify-bits"], ranks: count, in: folder)
            expectAgreement(outcome)
            let number = count ?? 1
            #expect(outcome.outputText.contains("\(number) \(number == 1 ? "rank" : "ranks") on "))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }

        @Test("All bits agree for one thread, for four, and over MPI alone")
        func computing() throws {
            for flags in [["--threads", "1"], ["--threads", "4"], ["--transport", "mpi"]] {
                expectAgreement(try Program.run(["verify-bits"] + flags, ranks: 2))
            }
        }

        @Test("The flags of each run, given to train, come to its SHA-256")
        func repeated() throws {
            let data = try Scratch.newPath("images")
            let set = ReferenceRun.dataset
            try Program.succeed([
                "data", "synthesize", "--output", data.path, "--training-count",
                "\(set.count(of: .training))", "--test-count", "\(set.count(of: .test))", "--seed",
                "\(set.seed)",
            ])
            for run in ReferenceTable.current.runs {
                let flags = "\(ReferenceRun.commonFlags) \(run.flags)".split(separator: " ").map {
                    $0 == "\"\"" ? "" : String($0)
                }
                let trained = try Program.train(["--data", data.path] + flags)
                #expect(try trained.summary().tensorsSha256 == run.sha256, "\(run.name)")
            }
        }

        @Test(
            "The numbers that the README promises everybody are what the program comes to, on two ranks and on one"
        )
        func readme() throws {
            let text = try String(
                contentsOf: Program.packageRoot.appending(path: "README.md"), encoding: .utf8)
            let promised = text.matches(of: /SHA-256: +([0-9a-f]{64}) of the last model's tensors/).map(\.1)
            #expect(promised.count == 2 && Set(promised).count == 1)
            let sha256 = String(try #require(promised.first))
            #expect(try Program.train(["--data", "synthetic"], ranks: 2).summary().tensorsSha256 == sha256)
            #expect(try Program.train(["--data", "synthetic"]).summary().tensorsSha256 == sha256)
        }

        @Test("Only what is asked for is compared, and names that are none are refused")
        func only() throws {
            let name = ReferenceTable.current.runs[1].name
            let outcome = try Program.succeed(["verify-bits", "--only", name])
            #expect(outcome.outputText.split(separator: "\n").count == 3, "\(outcome.summary)")
            #expect(outcome.outputText.contains("\n\(name) "))
            let refused = try Program.run(["verify-bits", "--only", "none"])
            expectRefusal(refused, naming: ["--only none", "expected one of kernels, "])
            #expect(refused.status == 64)
        }

        /// A copy of the program with another table, as on a machine that computes otherwise.
        private func programWithOtherTable() throws -> URL {
            var program = try Data(contentsOf: Program.executable)
            /// Changes the last byte of a text that stands in the program once.
            func change(_ text: String) throws {
                let found = try #require(program.firstRange(of: Data(text.utf8)), "\(text)")
                #expect(program[found.upperBound...].firstRange(of: Data(text.utf8)) == nil)
                program[found.upperBound - 1] ^= 1
            }
            let digest = String(try #require(ReferenceTable.current.kernels["exp"]), radix: 16)
            try change(digest)
            let run = try #require(ReferenceTable.current.runs.first { $0.name == "momentum" })
            let step = try #require(run.moments.first { $0.hasPrefix("step 3:") })
            try change(step)
            let copy = try Scratch.newPath("other-table")
            try program.write(to: copy)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: copy.path)
            return copy
        }

        #if os(Linux)
        @Test(
            "Bits that differ are told with kernel, step and tensor, and exit code 1, on one rank and on three",
            arguments: [nil, 3])
        func difference(ranks: Int?) throws {
            let program = try programWithOtherTable()
            let words = (ranks.map { ["mpirun", "-np", "\($0)", "--oversubscribe"] } ?? []) + [program.path]
            let outcome = try Program.tool(words + ["verify-bits"])
            #expect(outcome.status == 1)
            expectRefusal(outcome, naming: ["in 1 of \(KernelCheck.all.count) kernels and 1 of "])
            let lines = outcome.outputText.split(separator: "\n")
            #expect(lines.contains { $0.hasSuffix("kernels agree; other bits of exp") }, "\(outcome.summary)")
            // The last tensor of a line is the last bias.
            #expect(
                lines.contains {
                    $0.hasPrefix("momentum ") && $0.hasSuffix("differs, first at step 3: layers.4.bias")
                }, "\(outcome.summary)")
            let count = ReferenceTable.current.runs.count - 1
            #expect(lines.filter { $0.hasSuffix(" agrees") }.count == count, "\(outcome.summary)")
            #expect(outcome.outputText.contains("What to do:"))
        }
        #endif

        @Test(
            "The source of the table is that of the program, on one rank and on three", arguments: [nil, 3])
        func table(ranks: Int?) throws {
            let outcome = try Program.succeed(["verify-bits", "--table"], ranks: ranks)
            #expect(outcome.outputText == ReferenceTable.current.source + "\n")
        }

        @Test(
            "All bits agree on an emulated CPU without AVX-512, and on one without AVX2 and fused multiply-adds",
            .enabled(if: Emulator.path != nil, Emulator.absence),
            arguments: ["Haswell", "Nehalem"])
        func emulated(cpu: String) throws {
            let emulator = try #require(Emulator.path)
            // An emulator takes minutes to whiten images; WhitenedDatasetTests does it with every instruction set there is.
            let runs = ReferenceTable.current.runs.filter { !$0.flags.contains("--whiten") }
            #expect(runs.count < ReferenceTable.current.runs.count)
            let only = (["kernels"] + runs.map(\.name)).flatMap { ["--only", $0] }
            expectAgreement(
                try Program.tool([emulator, "-cpu", cpu, Program.executable.path, "verify-bits"] + only),
                of: runs)
        }
    }
}
