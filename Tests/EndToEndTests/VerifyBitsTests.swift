import Datasets
import Foundation
import Testing
import Verification

extension EndToEnd {
    @Suite("The command that compares this machine's bits with every machine's")
    struct VerifyBitsTests {
        /// Checks that everything agrees, run by run.
        private func expectAgreement(
            _ outcome: ProcessOutcome, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(
                outcome.status == 0 && !outcome.timedOut, "\(outcome.summary)", sourceLocation: sourceLocation
            )
            let lines = outcome.outputText.split(separator: "\n")
            let kernels = KernelCheck.all.count
            #expect(
                lines.contains { $0.hasSuffix("\(kernels) of \(kernels) kernels agree") },
                "\(outcome.summary)", sourceLocation: sourceLocation)
            for run in ReferenceTable.current.runs {
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

        @Test(
            "The source of the table is that of the program, on one rank and on three", arguments: [nil, 3])
        func table(ranks: Int?) throws {
            let outcome = try Program.succeed(["verify-bits", "--table"], ranks: ranks)
            #expect(outcome.outputText == ReferenceTable.current.source + "\n")
        }

        @Test(
            "All bits agree on emulated CPUs without AVX-512, and on one without AVX2 and fused multiply-adds",
            .enabled(if: Emulator.path != nil, Emulator.absence),
            arguments: ["Haswell", "Skylake-Client", "Nehalem"])
        func emulated(cpu: String) throws {
            let emulator = try #require(Emulator.path)
            expectAgreement(
                try Program.tool([emulator, "-cpu", cpu, Program.executable.path, "verify-bits"]))
        }
    }
}
