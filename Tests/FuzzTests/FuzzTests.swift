import FileTestSupport
import Foundation
import Testing

/// Every parser under inputs made to break it, some seconds in all.
///
/// `DP_TRAIN_FUZZ_SECONDS=3600` goes on for an hour, `DP_TRAIN_FUZZ_SEED=7` makes other inputs. Inputs that were not taken
/// as they should are kept in `.build/fuzz-findings`, and the message says how to repeat them.
@Suite(.serialized) struct FuzzTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let seconds = environment["DP_TRAIN_FUZZ_SECONDS"].flatMap { Double($0) } ?? 6
    private static let seed = environment["DP_TRAIN_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1
    private static let targets = Result { try Fuzzer.targets() }

    @Test func `No input ends a parser otherwise than with a result or a refusal`() throws {
        let targets = try Self.targets.get()
        #expect(targets.count >= 15, "\(targets)")
        print("fuzzing \(targets.count) parsers for \(Self.seconds) s in all, seed \(Self.seed)")
        for target in targets {
            let report = try Fuzzer.run(
                target, seed: Self.seed, seconds: Self.seconds / Double(targets.count), mostFindings: 5)
            print(report.lines.joined(separator: "\n"))
            for finding in report.findings {
                let kept = try finding.keep(in: Fuzzer.findings)
                Issue.record("\(finding.description); the input is \(kept)")
            }
        }
    }

    @Test(arguments: [
        ("trap", "signal"), ("hang", "processor time"), ("bomb", "signal"), ("error", "CocoaError"),
        ("wrong-result", "a wrong result"),
    ])
    func `A planted fault is found, with its input`(fault: String, words: String) throws {
        // A machine that is short of everything may need seconds to fill the memory that a bomb may have.
        let processorSeconds = fault == "hang" ? 1 : 60
        let report = try Fuzzer.run(
            "planted-" + fault, seed: Self.seed, seconds: 600, mostFindings: 1,
            processorSeconds: processorSeconds)
        #expect(report.findings.count == 1, "\(report)")
        let finding = try #require(report.findings.first)
        #expect(finding.description.contains(words), "\(finding.description)")
        #expect(finding.input.contains(0xEE), "\(finding.input)")

        // The same input comes again from its number, and from the file.
        let again = try Fuzzer.run(
            "planted-" + fault, seed: Self.seed, first: finding.index, seconds: 600, mostFindings: 1,
            processorSeconds: processorSeconds)
        #expect(again.findings.first?.input == finding.input)
    }

    @Test func `A planted wait without end is found`() throws {
        let report = try Fuzzer.run(
            "planted-wait", seed: Self.seed, seconds: 600, mostFindings: 1, waitingSeconds: 2)
        #expect(report.findings.first?.description.contains("waited") == true, "\(report)")
    }
}
