import Foundation
import Testing

extension EndToEnd {
    /// Numbers are only checked for being there and making sense, never for being large or small enough.
    @Suite("Benchmarks")
    struct BenchmarkTests {
        private static var decoder: JSONDecoder {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return decoder
        }

        /// Settings under which a benchmark takes seconds.
        private static let brief = ["--rounds", "1", "--round-seconds", "0.01"]
        private static let small = ["--hidden-dims", "16", "--batch-sizes", "32"]

        @Test("The limits are measured and complete, on one rank and on two", arguments: [nil, 2])
        func limits(ranks: Int?) throws {
            let outcome = try Program.succeed(
                ["benchmark", "--only", "limits", "--json"] + Self.brief, ranks: ranks)
            let report = try Self.decoder.decode(Report.self, from: outcome.output)
            #expect(report.machine.ranks == ranks ?? 1 && report.steps == nil)
            #expect(report.limits.peaks.allSatisfy { $0.gflops > 0 } && !report.limits.peaks.isEmpty)
            #expect(report.limits.copies.count == 3)
            #expect(report.limits.copies.allSatisfy { $0.bytesPerSecond > 0 })
            let products = try #require(report.limits.products)
            #expect(products.contains { $0.shape.m == 2048 && $0.shape.n == 2048 && $0.shape.k == 2048 })
            let kernels = Set(products.map(\.kernel))
            let integers: Set = ["dp-train, high", "dp-train, medium"]
            #expect(kernels.subtracting(integers) == ["openblas", "dp-train", "dp-train, pixels"])
            #expect([[], integers].contains(kernels.intersection(integers)))
            #expect(products.allSatisfy { $0.gflops > 0 && $0.largestError > 0 && $0.largestError < 1e-4 })
            let sizes = try #require(report.limits.allreduces).map(\.byteCount)
            let expected = [4, 32, 256, 2 << 10, 16 << 10, 64 << 10].map { $0 << 10 }
            #expect(sizes == (ranks == nil ? [] : expected))
            #expect((report.limits.barrier != nil) == (ranks != nil))
        }

        @Test("Every configuration is measured once, on one rank and on two", arguments: [nil, 2])
        func steps(ranks: Int?) throws {
            let flags = [
                "--only", "steps", "--json", "--hidden-dims", "16", "--hidden-dims", "24,16",
                "--batch-sizes", "32,64", "--batch-norm", "both",
            ]
            let outcome = try Program.succeed(["benchmark"] + flags + Self.brief, ranks: ranks)
            let report = try Self.decoder.decode(Report.self, from: outcome.output)
            #expect(report.limits.products == nil)
            let steps = try #require(report.steps)
            #expect(steps.count == 2 * 2 * 2 * 2)
            let names = steps.map { "\($0.hiddenDims) \($0.batchNorm) \($0.batchSize) \($0.strategy)" }
            #expect(Set(names).count == steps.count)
            for step in steps {
                #expect(step.stepSeconds >= step.fastestStepSeconds && step.fastestStepSeconds > 0)
                let images = Double(step.batchSize) / step.stepSeconds
                #expect(abs(step.imagesPerSecond / images - 1) < 1e-9)
                let phases = ["backward", "batch", "forward", "moving", "update", "waiting"]
                #expect(step.phases.keys.sorted() == phases)
                #expect(abs(step.phases.values.reduce(0, +) - 1) < 1e-6)
                #expect(abs(step.shareOfLimit - step.limitSeconds / step.stepSeconds) < 1e-9)
                #expect(step.transport == (ranks == nil ? "none" : "shared"))
                #expect(step.timeRelativeToAllreduce != nil && step.timeRelativeToMpi == nil)
            }
        }

        #if os(Linux)
        @Test("A step allocates nothing, on one rank and on ranks of one node", arguments: [nil, 2, 3])
        func allocations(ranks: Int?) throws {
            let flags = [
                "--only", "steps", "--json", "--hidden-dims", "128,32", "--batch-sizes", "128",
                "--batch-norm", "both",
            ]
            let outcome = try Program.succeed(["benchmark"] + flags + Self.brief, ranks: ranks)
            let report = try Self.decoder.decode(Report.self, from: outcome.output)
            for step in try #require(report.steps) {
                #expect(
                    step.allocationsPerStep == 0, "\(step.strategy), batch norm \(step.batchNorm)")
            }
        }
        #endif

        @Test("With --reference mpi every configuration also runs over MPI alone, and is compared with it")
        func reference() throws {
            let flags = ["--only", "steps", "--reference", "mpi", "--json", "--batch-norm", "none"]
            let outcome = try Program.succeed(["benchmark"] + flags + Self.small + Self.brief, ranks: 2)
            let steps = try #require(Self.decoder.decode(Report.self, from: outcome.output).steps)
            #expect(
                steps.map { "\($0.transport) \($0.strategy)" } == [
                    "shared allreduce", "shared factor-exchange", "mpi allreduce", "mpi factor-exchange",
                ])
            for (own, other) in zip(steps, steps.dropFirst(2)) {
                let ratio = try #require(own.timeRelativeToMpi)
                #expect(abs(ratio / (own.stepSeconds / other.stepSeconds) - 1) < 1e-9)
            }
        }

        @Test("dp-train says what its benchmark can do, and hands words over as they are")
        func help() throws {
            let all = try Program.succeed(["benchmark", "--help"]).outputText
            #expect(
                all.contains("USAGE: dp-train benchmark <subcommand>") && all.contains("scaling"), "\(all)")
            let one = try Program.succeed(["benchmark", "measure", "--help"]).outputText
            #expect(
                one.contains("USAGE: dp-train benchmark measure") && one.contains("--reference"), "\(one)")
            let refused = try Program.run(["benchmark", "--only=", "--", "--json"])
            expectRefusal(refused, naming: ["--only"])
        }

        @Test("Without the program that measures, dp-train says where it is expected", arguments: [nil, 2])
        func missing(ranks: Int?) throws {
            let folder = try Scratch.makeDirectory("alone")
            let alone = folder.appending(path: "dp-train")
            try FileManager.default.copyItem(at: Program.executable, to: alone)
            let words = ranks.map { ["mpirun", "-np", "\($0)", "--oversubscribe"] } ?? []
            let outcome = try Program.tool(words + [alone.path, "benchmark"])
            expectRefusal(outcome, naming: [folder.path + "/dp-train-benchmark"])
        }

        #if os(Linux)
        @Test("What counts allocations by changing symbols is not in the program that trains")
        func rooms() throws {
            let benchmark = Program.executable.deletingLastPathComponent().appending(
                path: "dp-train-benchmark")
            let name = Data("dp_allocations_begin".utf8)
            #expect(try Data(contentsOf: benchmark).range(of: name) != nil)
            #expect(try Data(contentsOf: Program.executable).range(of: name) == nil)
        }
        #endif

        @Test("The table has a line for each configuration")
        func table() throws {
            let flags = ["benchmark", "--only", "steps", "--batch-norm", "sync"]
            let outcome = try Program.succeed(flags + Self.small + Self.brief)
            let lines = outcome.outputText.split(separator: "\n")
            #expect(lines.filter { $0.hasPrefix("16 ") && $0.contains("sync") }.count == 2)
        }

        @Test("Scaling runs each number of ranks and compares with the first", arguments: [false, true])
        func scaling(weak: Bool) throws {
            let flags =
                ["benchmark", "scaling", "--ranks", "1,2,3", "--json"] + (weak ? ["--weak"] : [])
                + ["--hidden-dims", "16", "--batch-sizes", "48", "--batch-norm", "sync"]
            let outcome = try Program.succeed(flags + Self.brief)
            let report = try Self.decoder.decode(Scaling.self, from: outcome.output)
            #expect(report.kind == (weak ? "weak" : "strong") && report.threadsPerRank == 1)
            #expect(report.results.map(\.ranks) == [1, 2, 3, 1, 2, 3])
            for result in report.results {
                #expect(result.batchSize == (weak ? 48 * result.ranks : 48))
                #expect(abs(result.efficiency - result.speedUp / Double(result.ranks)) < 1e-9)
            }
            #expect(report.results[0].speedUp == 1 && report.results[3].speedUp == 1)
        }

        @Test(
            "Scaling over hosts has its ranks on each of them, and puts a model's time beside the measured one"
        )
        func hosts() throws {
            let folder = try Scratch.makeDirectory("launcher")
            try Self.makeLauncher(in: folder, hosts: "$2")
            let outcome = try Program.succeed(
                Self.hostFlags + ["--hosts", "1,2,4", "--launcher-options", "--hostfile some --verbose"],
                environment: ["PATH": folder.path + ":/usr/bin:/bin"])
            let report = try Self.decoder.decode(Scaling.self, from: outcome.output)
            #expect(report.results.map(\.hosts) == [1, 2, 4] && report.results.map(\.ranks) == [1, 2, 4])
            #expect(report.results.map(\.speedUp) == [1, 1, 1])
            let foretold = try report.results.map { try #require($0.predictedStepSeconds) }
            // A host alone takes what it was measured to take; more have something to exchange.
            #expect(abs(foretold[0] - 2e-3) < 1e-12 && foretold[1] > 1e-3 && foretold[2] > 5e-4)

            let words = try String(contentsOf: folder.appending(path: "words"), encoding: .utf8).split(
                separator: "\n")
            // Three worlds, and then on the first host what one of four has of the batch.
            let starts = words.map { $0.split(separator: " ").prefix(4).joined(separator: " ") }
            #expect(
                starts
                    == [1, 2, 4, 1].map { "-np \($0) --map-by ppr:1:node" })
            #expect(words.allSatisfy { $0.contains(" --hostfile some --verbose ") })
            #expect(words.dropLast().allSatisfy { $0.contains("--batch-sizes 64 ") })
            #expect(words.last?.contains("--batch-sizes 16 ") == true)
            #expect(words.last?.contains("--logical-shards 2") == true)
        }

        @Test(
            "Ranks that are not on as many hosts as they should be are an error that says how hosts are named"
        )
        func otherHosts() throws {
            let folder = try Scratch.makeDirectory("launcher")
            try Self.makeLauncher(in: folder, hosts: "1")
            let outcome = try Program.run(
                Self.hostFlags + ["--hosts", "2", "--ranks-per-host", "3"],
                environment: ["PATH": folder.path + ":/usr/bin:/bin"])
            expectRefusal(
                outcome,
                naming: ["expected 6 ranks on 2 hosts", "found 6 ranks on 1 host", "--hostfile"])
        }

        @Test("One host is measured by the real launcher")
        func oneHost() throws {
            let outcome = try Program.succeed(
                Self.hostFlags + ["--hosts", "1", "--ranks-per-host", "2"])
            let report = try Self.decoder.decode(Scaling.self, from: outcome.output)
            #expect(report.results.map(\.hosts) == [1] && report.results.map(\.ranks) == [2])
            #expect(report.results[0].predictedStepSeconds == nil)
        }

        private static let hostFlags =
            [
                "benchmark", "scaling", "--json", "--hidden-dims", "16", "--batch-sizes", "64", "--strategy",
                "factor-exchange", "--link-gigabits", "1", "--link-latency-us", "20", "--fastest",
            ] + brief

        /// An mpirun that starts nothing: it notes its words, and says that as many ranks as it was told to start have measured
        /// a step, on so many hosts.
        private static func makeLauncher(in folder: URL, hosts: String) throws {
            let launcher = folder.appending(path: "mpirun")
            let script = """
                #!/bin/sh
                echo "$*" >>'\(folder.path)/words'
                ranks=$2
                case " $* " in *" --batch-sizes 16 "*) batch=16 time=0.0005 ;; *) batch=64 time=0.002 ;; esac
                cat <<END
                {"machine": {"ranks": $ranks, "nodes": \(hosts), "processors": 2, "threads_per_rank": 1,
                  "communicator": "none", "instruction_set": "none", "blas_kernel": "none"},
                 "limits": {"peaks": [], "copies": []},
                 "steps": [{"hidden_dims": [16], "batch_norm": "none", "batch_size": $batch,
                   "strategy": "factor-exchange", "matmul_precision": "high", "transport": "shared",
                   "step_seconds": 1, "fastest_step_seconds": $time, "images_per_second": 1,
                   "phases": {"batch": 0, "forward": 0.25, "backward": 0.25, "waiting": 0, "moving": 0, "update": 0.5},
                   "limit_seconds": 1, "share_of_limit": 1}]}
                END
                """
            try script.write(to: launcher, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: launcher.path)
        }

        @Test("Scaling without mpirun says so")
        func withoutLauncher() throws {
            let outcome = try Program.run(
                ["benchmark", "scaling"], environment: ["PATH": "/nonexistent"])
            expectRefusal(outcome, naming: ["mpirun"])
        }

        @Test("Scaling ends its ranks when they take too long")
        func timeLimit() throws {
            var runner = ProcessRunner(
                executable: Program.executable,
                arguments: ["benchmark", "scaling", "--ranks", "2", "--time-limit", "3"])
            var seen = Set<Int32>()
            runner.whileRunning = { seen.formUnion(ProcessTable.descendants(of: $0)) }
            let outcome = try runner.run()
            expectRefusal(outcome, naming: ["2 ranks", "3.0 s", "--time-limit"])
            // mpirun tells its ranks to end and does not wait for the last breath of each.
            let deadline = ContinuousClock.now + .seconds(ProcessRunner.hangLimit)
            func left() -> [Int32] {
                seen.filter {
                    ProcessTable.name(of: $0)?.hasPrefix("dp-train") == true && ProcessTable.isRunning($0)
                }
            }
            while !left().isEmpty && ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.05) }
            #expect(left().isEmpty)
        }

        static let wrongValues: [BadFlags] = [
            BadFlags(flags: ["--rounds", "0"], names: ["--rounds", "0"]),
            BadFlags(flags: ["--round-seconds", "-1"], names: ["--round-seconds"]),
            BadFlags(flags: ["--round-seconds", "nan"], names: ["--round-seconds", "nan"]),
            BadFlags(flags: ["--batch-sizes", "2"], names: ["3 ranks", "2 logical shards"], ranks: [3]),
            BadFlags(flags: ["--batch-sizes", "0"], names: ["--batch-size", "0"]),
            BadFlags(flags: ["--hidden-dims", "0"], names: ["--hidden-dims", "0"]),
            BadFlags(flags: ["--batch-norm", "maybe"], names: ["--batch-norm", "maybe"]),
            BadFlags(flags: ["--strategy", "exact"], names: ["--strategy", "exact"]),
            BadFlags(
                flags: ["--arithmetic", "reproducible"],
                names: ["--arithmetic", "--strategy factor-exchange"]),
            BadFlags(flags: ["scaling", "--arithmetic", "both"], names: ["--strategy both"], ranks: [nil]),
            BadFlags(flags: ["--reference", "gloo"], names: ["--reference", "gloo"]),
            BadFlags(flags: ["--only", "nothing"], names: ["--only", "nothing"]),
            BadFlags(flags: ["--threads", "0"], names: ["--threads", "0"]),
            BadFlags(flags: ["scaling", "--ranks", "0"], names: ["--ranks", "0"], ranks: [nil]),
            BadFlags(flags: ["scaling", "--ranks", "one"], names: ["--ranks", "one"], ranks: [nil]),
            BadFlags(
                flags: ["scaling", "--ranks", "1,2,3", "--batch-sizes", "2"], names: ["3 ranks"],
                ranks: [nil]),
            BadFlags(flags: ["scaling", "--time-limit", "0"], names: ["--time-limit", "0"], ranks: [nil]),
            BadFlags(flags: ["scaling", "--hosts", "0"], names: ["--hosts", "0"], ranks: [nil]),
            BadFlags(
                flags: ["scaling", "--hosts", "2", "--ranks", "2"], names: ["--hosts", "--ranks-per-host"],
                ranks: [nil]),
            BadFlags(
                flags: ["scaling", "--hosts", "1", "--ranks-per-host", "0"],
                names: ["--ranks-per-host", "0"],
                ranks: [nil]),
            BadFlags(
                flags: ["scaling", "--hosts", "1,4", "--batch-sizes", "2"],
                names: ["4 ranks on 4 hosts"], ranks: [nil]),
            BadFlags(
                flags: ["scaling", "--link-gigabits", "0"], names: ["--link-gigabits", "0"], ranks: [nil]),
            BadFlags(
                flags: ["scaling", "--link-latency-us", "-1"], names: ["--link-latency-us", "-1"],
                ranks: [nil]),
            BadFlags(
                flags: ["scaling", "--shared-processors", "0"], names: ["--shared-processors", "0"],
                ranks: [nil]),
            BadFlags(flags: ["--logical-shards", "0"], names: ["--logical-shards", "0"]),
            BadFlags(flags: ["scaling"], names: ["must be started alone"], ranks: [2]),
        ]

        @Test("A value without meaning is refused by name", arguments: wrongValues)
        func wrongValue(bad: BadFlags) throws {
            for ranks in bad.ranks {
                let outcome = try Program.run(["benchmark"] + bad.flags, ranks: ranks)
                expectRefusal(outcome, naming: bad.names)
            }
        }
    }
}

// As the JSON has them.
private struct Report: Decodable {
    struct Machine: Decodable { let ranks: Int }
    struct Peak: Decodable { let gflops: Double }
    struct Copy: Decodable { let bytesPerSecond: Double }
    struct Shape: Decodable { let m, n, k: Int }
    struct Product: Decodable {
        let shape: Shape
        let kernel: String
        let gflops, shareOfPeak, largestError: Double
    }
    struct Barrier: Decodable { let sharedSeconds, mpiSeconds: Double }
    struct Allreduce: Decodable {
        let byteCount: Int
        let sharedSeconds, sharedFreshSeconds, mpiSeconds, mpiFreshSeconds: Double
    }
    struct Limits: Decodable {
        let peaks: [Peak]
        let copies: [Copy]
        let products: [Product]?
        let barrier: Barrier?
        let allreduces: [Allreduce]?
    }
    struct Step: Decodable {
        let hiddenDims: [Int]
        let batchNorm, strategy, transport: String
        let batchSize: Int
        let stepSeconds, fastestStepSeconds, imagesPerSecond: Double
        let phases: [String: Double]
        let allocationsPerStep: Double?
        let limitSeconds, shareOfLimit: Double
        let timeRelativeToAllreduce, timeRelativeToMpi: Double?
    }
    let machine: Machine
    let limits: Limits
    let steps: [Step]?
}

private struct Scaling: Decodable {
    struct Result: Decodable {
        let ranks, hosts, batchSize: Int
        let stepSeconds, imagesPerSecond, speedUp, efficiency: Double
        let predictedStepSeconds: Double?
    }
    let kind: String
    let threadsPerRank: Int
    let results: [Result]
}
