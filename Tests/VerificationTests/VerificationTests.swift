import Collectives
import CollectivesTesting
import DataParallel
import Foundation
import MLPEngine
import Tensors
import Testing
import Training
import Verification

/// Runs of which somebody changes a bit, on one rank and on several nodes.
@Suite struct VerificationTests {
    /// Options of a run in which somebody flips a bit of the last number of a tensor after a step.
    private static func flipping(
        _ tensor: String, after step: Int, transport: RunOptions.Transport = .auto
    ) -> RunOptions {
        var options = RunOptions(programVersion: "test")
        options.transport = transport
        options.watch = { event in
            guard case .step(step, _, let model) = event else { return }
            let network = model.mlp.network
            var places: [String: Vector<Float>] = [:]
            for (prefix, values) in zip(
                ["", ""] + model.optimizer.stateNames.map { "optimizer.\($0)." },
                [model.parameters, model.runningStatistics] + model.optimizerState)
            {
                let layout =
                    values.count == model.parameters.count
                    ? network.parameterLayout : network.statisticsLayout
                for entry in layout.entries { places[prefix + entry.name] = values[entry.range] }
            }
            guard let place = places[tensor] else { return }
            let last = place.count - 1
            place[last] = Float(bitPattern: place[last].bitPattern ^ 1)
        }
        return options
    }

    @Test(
        "One bit of a weight, of the optimizer's state, or of a statistic is reported with its step and tensor"
    )
    func flippedBit() throws {
        let run = try #require(ReferenceTable.current.runs.first { $0.name == "nesterov" })
        for (tensor, step) in [
            ("layers.0.weight", 1), ("layers.0.bias", 4), ("layers.3.weight", 6),
            ("layers.1.running_var", 2), ("optimizer.velocity.layers.1.weight", 5),
        ] {
            let trace = try run.trace(
                over: SingleProcessCommunicator(), options: Self.flipping(tensor, after: step),
                note: { _ in })
            #expect(
                run.difference(from: trace)
                    == RunDifference(moment: "step \(step)", quantity: tensor))
        }
        let trace = try run.trace(
            over: SingleProcessCommunicator(), options: Self.flipping("none of that name", after: 1),
            note: { _ in })
        #expect(run.difference(from: trace) == nil)
    }

    /// The lines and verdicts of all ranks, of which those of one node have a bit flipped.
    private func verify(
        nodeOfRank: [Int], flippedOn culprits: [Int], only: [String] = []
    ) throws -> [(lines: [String], verdict: Verdict)] {
        try ThreadCommunicator.run(nodeOfRank: nodeOfRank) { communicator in
            // A node has one model: its first rank flips the bit for all.
            let options =
                communicator.rank == culprits.first
                ? Self.flipping("layers.0.weight", after: 2) : RunOptions(programVersion: "test")
            var lines: [String] = []
            let verdict = try Verification(communicator, options: options).run(only: only) {
                lines.append($0)
            }
            return (lines, verdict)
        }
    }

    @Test("The table holds on ranks of several nodes", arguments: [[0, 0, 1], [0, 1, 0, 2]])
    func severalNodes(nodeOfRank: [Int]) throws {
        for found in try verify(nodeOfRank: nodeOfRank, flippedOn: []) {
            #expect(found.verdict.agrees, "\(found.lines.joined(separator: "\n"))")
        }
    }

    @Test("A node that differs from the others is named with the step and the tensor, on all ranks alike")
    func otherNode() throws {
        let all = try verify(nodeOfRank: [0, 1, 2], flippedOn: [1], only: ["momentum", "adamw"])
        for found in all {
            #expect(found.lines == all[0].lines)
            #expect(found.verdict == all[0].verdict && !found.verdict.agrees && found.verdict.ranksDiffer)
            #expect(found.verdict.differingRuns == ["momentum", "adamw"])
            #expect(found.lines.count == 3)
            for line in found.lines.dropFirst() {
                #expect(line.contains("differs, first at step 2: layers.0.weight"), "\(line)")
                #expect(line.contains("on rank 1 (host node-1);"), "\(line)")
                #expect(line.contains("then stopped: comparing the models after step 3"), "\(line)")
            }
            #expect(found.verdict.conclusion.contains("2 of 2 runs"))
        }
    }

    @Test("Another table is not agreed with, and what differs is said in the conclusion")
    func otherTable() throws {
        var table = ReferenceTable.current
        table.kernels["exp"]? ^= 1
        table.runs = Array(table.runs.prefix(2))
        table.runs[1].moments[3] += "0"
        let verification = try Verification(
            SingleProcessCommunicator(), options: RunOptions(programVersion: "test"), table: table)
        var lines: [String] = []
        let verdict = try verification.run { lines.append($0) }
        #expect(verdict.differingKernels == ["exp"] && verdict.differingRuns == [table.runs[1].name])
        #expect(
            verdict.conclusion.hasSuffix(
                "in 1 of \(KernelCheck.all.count) kernels and 1 of 2 runs."), "\(verdict.conclusion)")
        #expect(lines[1].hasSuffix("other bits of exp") && lines[2].hasSuffix("agrees"))
        #expect(
            lines[3].contains("first at \(table.runs[1].moments[3].prefix { $0 != ":" }): "), "\(lines[3])")
        #expect(try verification.makeTable().kernels == ReferenceTable.current.kernels)
        #expect(try verification.makeTable().runs == Array(ReferenceTable.current.runs.prefix(2)))
    }

    @Test("More ranks than a run has shards are refused with both numbers")
    func tooManyRanks() throws {
        let messages = try ThreadCommunicator.run(size: ReferenceRun.mostRanks + 1) { communicator in
            do {
                _ = try Verification(communicator, options: RunOptions(programVersion: "test"))
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(messages.allSatisfy { $0.contains("at most 32 ranks") && $0.contains("found 33") })
    }
}
