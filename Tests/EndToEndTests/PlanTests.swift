import Foundation
import Testing

extension EndToEnd {
    /// What a plan says, and what a run then takes.
    @Suite("dp-train plan")
    struct PlanTests {
        private struct Plan: Decodable {
            struct Memory: Decodable { let ofRanks: [Int] }
            struct Checkpoints: Decodable { let bytes, written, kept: Int }
            struct Exchange: Decodable, Equatable { let name: String, bytesPerStep: Int, isChosen: Bool }
            struct Estimate: Decodable { let seconds: Double }
            struct Growth: Decodable {
                struct Strategy: Decodable { let secondsPerStep: Double }
                struct Row: Decodable {
                    let hosts, batchSize: Int
                    let strategies: [Strategy]
                }
                let isWeak: Bool
                let rows: [Row]
            }

            let parameters, steps, stepsPerEpoch, logicalShards: Int
            let memory: Memory
            let checkpoints: Checkpoints
            let exchanges: [Exchange]
            let estimate: Estimate?
            let growth: Growth?

            init(_ flags: [String]) throws {
                let outcome = try Program.succeed(["plan", "--json"] + flags)
                let decoder = JSONDecoder()
                decoder.keyDecodingStrategy = .convertFromSnakeCase
                self = try decoder.decode(Plan.self, from: outcome.output)
            }
        }

        @Test(
            "Steps, parameters, shards and checkpoints are a run's",
            arguments: [
                [], ["--batch-norm", "local", "--nesterov", "--average-weights", "ema:0.9"],
            ])
        func run(flags: [String]) throws {
            let flags = try Runs.flags(epochs: 3) + ["--keep-last", "1"] + flags
            let plan = try Plan(flags + ["--no-estimate"])
            let run = try Program.train(flags)
            let summary = try run.summary()
            #expect(plan.parameters == summary.parameterCount && plan.logicalShards == summary.logicalShards)
            let steps = try run.steps().count
            #expect(plan.steps == steps && plan.stepsPerEpoch * 3 == steps && plan.estimate == nil)
            let folder = run.url.appending(path: "checkpoints")
            let files = try FileManager.default.contentsOfDirectory(
                at: folder, includingPropertiesForKeys: [.fileSizeKey])
            let sizes = try files.map { try $0.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0 }
            #expect(plan.checkpoints.written == 3 && plan.checkpoints.kept == 2 && files.count <= 2)
            #expect(
                sizes.allSatisfy { $0 <= plan.checkpoints.bytes && $0 > plan.checkpoints.bytes / 2 },
                "\(sizes), \(plan)")
        }

        @Test("For people the same in lines, with what hosts exchange and the time and its grounds")
        func text() throws {
            let flags = try Runs.flags(epochs: 2)
            let text = try Program.succeed(["plan", "--ranks", "4", "--hosts", "2"] + flags).outputText
            for part in [
                "steps: ", "37 in each of 2 epochs, 74 in all", "memory: ", "4 ranks on 2 hosts",
                "factor-exchange: ",
                "allreduce: ", " bytes a step to a host, chosen", "checkpoints: ", "time: ", "grounds: ",
                "--link-gigabits",
            ] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
            #expect(try Plan(flags + ["--ranks", "4"]).exchanges.isEmpty)
            #expect(try Plan(flags + ["--ranks", "2", "--hosts", "2"]).estimate?.seconds ?? 0 > 0)
        }

        @Test("With --growth steps on 1, 2, 4 and more hosts, by both strategies, in JSON and in a table")
        func growth() throws {
            let flags = try Runs.flags(epochs: 1) + ["--ranks", "6", "--hosts", "3", "--growth"]
            let growth = try #require(try Plan(flags + ["--weak"]).growth)
            #expect(growth.isWeak && growth.rows.map(\.hosts) == [1, 2, 3])
            #expect(growth.rows.allSatisfy { $0.batchSize == growth.rows[0].batchSize * $0.hosts })
            #expect(growth.rows.allSatisfy { $0.strategies.allSatisfy { $0.secondsPerStep > 0 } })
            let text = try Program.succeed(["plan"] + flags).outputText
            for part in [
                "on more hosts", "factor-exchange", "allreduce", "images/s", "auto", "the same batch",
            ] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
        }

        @Test("More hosts than ranks, ranks than shards, and numbers that are none are refused")
        func refusals() throws {
            for (flags, name) in [
                (["--ranks", "2", "--hosts", "3"], "--hosts"), (["--ranks", "0"], "--ranks"),
                (["--ranks", "9", "--logical-shards", "8"], "--logical-shards"),
                (["--link-gigabits", "0"], "--link-gigabits"),
                (["--link-latency-us", "nan"], "--link-latency-us"),
                (["--link-processor-ns", "-1"], "--link-processor-ns"), (["--weak"], "--weak"),
                (["--growth", "--no-estimate"], "--growth"),
                (["--growth", "--ranks", "3", "--hosts", "2"], "--growth"),
            ] {
                let outcome = try Program.run(["plan"] + Runs.flags(epochs: 1) + flags)
                expectRefusal(outcome, naming: [name])
                #expect(outcome.status == 64)
            }
        }

        @Test(
            "Memory is that of a run to a twentieth, and what other libraries take more or less",
            .enabled(if: ProcessTable.isAvailable, "measured in /proc, which this system has not"),
            arguments: [nil, 2])
        func memory(ranks: Int?) throws {
            // Most of it is images: what a checkpoint's copies take depends on how fast the disk is.
            let flags = [
                "--data", "synthetic", "--hidden-dims", "64", "--epochs", "1", "--threads", "1",
            ]
            let plan = try Plan(flags + ["--ranks", "\(ranks ?? 1)", "--no-estimate"])
            let output = try Scratch.newPath("run")
            try Program.succeed(["--output", output.path, "--quiet"] + flags, ranks: ranks)
            let peaks = try #require(try RunDirectory(url: output).summary().peakMemoryBytes)
            #expect(peaks.count == ranks ?? 1)
            for (planned, used) in zip(plan.memory.ofRanks, peaks) {
                #expect(
                    abs(planned - used) <= used / 20 + 8_000_000,
                    "planned \(plan.memory.ofRanks), used \(peaks)")
            }
        }
    }
}
