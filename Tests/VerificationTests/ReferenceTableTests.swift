import Collectives
import CollectivesTesting
import Foundation
import Tensors
import Testing
import Training
import Verification

/// The table, and how what was computed is compared with it.
@Suite struct ReferenceTableTests {
    private let table = ReferenceTable.current
    /// The package.
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    @Test("All that this machine computes is what the table has", arguments: [1, 4])
    func agrees(threads: Int) throws {
        var options = RunOptions(programVersion: "test")
        options.threads = threads
        var lines: [String] = []
        let verdict = try Verification(SingleProcessCommunicator(), options: options).run { lines.append($0) }
        #expect(verdict.agrees, "\(lines.joined(separator: "\n"))")
        #expect(
            lines.contains { $0.contains("\(KernelCheck.all.count) of \(KernelCheck.all.count) kernels") })
        for run in table.runs {
            #expect(lines.contains { $0.hasPrefix(run.name) && $0.hasSuffix("\(run.sha256) agrees") })
        }
        #expect(lines.count == 2 + table.runs.count)
    }

    @Test("The table holds with every instruction set that this CPU has")
    func instructionSets() async throws {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            for set in InstructionSet.available {
                InstructionSet.used = set
                var lines = ["\(set.rawValue):"]
                let verdict = try Verification(
                    SingleProcessCommunicator(), options: RunOptions(programVersion: "test")
                ).run { lines.append($0) }
                guard !verdict.agrees else { continue }
                let report = (lines + [verdict.conclusion]).joined(separator: "\n") + "\n"
                FileHandle.standardError.write(Data(report.utf8))
            }
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        let agrees = !text.contains("Other bits")
        #expect(agrees, "\(text)")
    }

    @Test("The table's file is what the program makes of the table")
    func source() throws {
        let file = Self.root.appending(path: "Sources/Verification/ReferenceBits.swift")
        #expect(try String(contentsOf: file, encoding: .utf8) == table.source + "\n")
        #expect(Set(table.kernels.keys) == Set(KernelCheck.all.map(\.name)))
        #expect(Set(table.runs.map(\.name)).count == table.runs.count)
    }

    @Test("Every kernel for Floats is checked, on inputs for which it gives numbers")
    func everyKernel() throws {
        let list = try String(
            contentsOf: Self.root.appending(path: "Sources/CKernels/include/kernel_list.h"), encoding: .utf8)
        let names = list.matches(of: /KERNEL\((?:void|double), (\w+),/).map { String($0.1) }
        #expect(names.count >= 38)
        for name in names { #expect(KernelCheck.all.contains { $0.name == name }, "\(name) is not checked") }
        for check in KernelCheck.all {
            #expect(try !check.bits().contains(Float.nan.bitPattern), "\(check.name) gives NaN")
        }
    }

    @Test("A kernel with one other bit anywhere in its results is named, and no other one")
    func kernelBit() throws {
        for check in KernelCheck.all {
            let bits = try check.bits()
            #expect(KernelCheck.digest(of: bits) == table.kernels[check.name], "\(check.name)")
            for (index, bit) in [(0, 0), (bits.count / 2, 31), (bits.count - 1, 7)] {
                var other = bits
                other[index] ^= 1 << UInt32(bit)
                let findings = KernelFindings(
                    names: [check.name], digestsOfRank: [[KernelCheck.digest(of: other)]], table: table)
                #expect(findings.differing == [check.name])
            }
        }
        let digests = KernelCheck.all.map { table.kernels[$0.name] ?? 0 }
        var others = digests
        others[3] ^= 1
        let findings = KernelFindings(
            names: KernelCheck.all.map(\.name), digestsOfRank: [digests, others], table: table)
        #expect(findings.differing == [KernelCheck.all[3].name] && !findings.ranksAgree)
        let placement = try ThreadCommunicator.run(size: 2, nodes: 2) { $0.placement }[0]
        #expect(
            findings.description(on: placement)
                == "\(others.count - 1) of \(others.count) kernels agree; other bits of \(KernelCheck.all[3].name)"
                + " on rank 1 (host node-1)")
    }

    @Test("The first moment and the first quantity that differ in a trace are named")
    func firstDifference() throws {
        let run = try #require(table.runs.first { $0.name == "nesterov" })
        let trace = try run.trace(
            over: SingleProcessCommunicator(), options: RunOptions(programVersion: "test"), note: { _ in })
        #expect(run.difference(from: trace) == nil)
        for (number, moment) in trace.moments.enumerated() {
            for (place, quantity) in moment.quantities.enumerated() {
                var other = trace
                // What follows differs, too.
                for later in number..<trace.moments.count {
                    other.moments[later].bits[later == number ? place : 0] = "0"
                }
                #expect(
                    run.difference(from: other)
                        == RunDifference(moment: moment.name, quantity: quantity))
            }
        }

        var other = trace
        other.sha256 = String(repeating: "0", count: 64)
        #expect(run.difference(from: other)?.quantity == "SHA-256 of the tensors")
        other = trace
        other.moments.removeLast()
        #expect(run.difference(from: other)?.moment == "the end")
        // A run that was ended early is compared as far as it came.
        other.failure = "why"
        #expect(run.difference(from: other) == nil)
        other = trace
        other.moments.remove(at: 2)
        #expect(run.difference(from: other)?.moment == trace.moments[3].name)
    }

    @Test("Between them the runs take every choice of every setting of which the bits are promised")
    func everySetting() throws {
        let runs = try table.runs.map { try $0.configuration(worldSize: 1) }
        let lines = table.runs.map { " \(ReferenceRun.commonFlags) \($0.flags) " }
        for setting in TrainingConfiguration.settings where setting.isOption {
            // These make no promise, or follow the number of ranks.
            if ["products", "lr-scaling"].contains(setting.flag) { continue }
            #expect(lines.contains { $0.contains(" --\(setting.flag) ") }, "no run has --\(setting.flag)")
            // A strategy that was left open has been settled.
            for choice in setting.choices where (setting.flag, choice) != ("strategy", "auto") {
                // What it has already changes nothing. A list may have several.
                let isTaken =
                    try lines.contains { line in
                        let words = line.split(separator: " ")
                        return zip(words, words.dropFirst()).contains { flag, value in
                            flag == "--\(setting.flag)"
                                && value.split(separator: ",").contains { $0 == choice }
                        }
                    }
                    || runs.contains { run in
                        var changed = run
                        try changed.apply([setting.flag: choice])
                        return changed == run
                    }
                #expect(isTaken, "no run has --\(setting.flag) \(choice)")
            }
        }
    }
}
