import CommandLineSupport
import ArgumentParser
import Datasets
import Foundation

/// `dp-train data verify`: reads a data set from end to end.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Read every record of a data set and report what is wrong or unlike the official CIFAR-10.",
        discussion: "Exits with a non-zero code where there is a problem. Notes are no problems.")

    @Option(
        help: ArgumentHelp(
            "A folder or archive of CIFAR-10, or the word synthetic. Default: $DP_TRAIN_DATA, else ./data, "
                + "else the synthetic set.",
            valueName: "path"))
    var data: String?

    @Option(help: "The seed of the synthetic set.")
    var seed: UInt64 = 42

    func run() async throws {
        let dataset = try DatasetLocator.locate(
            path: data, environment: ProcessInfo.processInfo.environment,
            currentDirectory: FileManager.default.currentDirectoryPath, syntheticSeed: seed)
        let report = DatasetVerifier.verify(dataset)
        print(Self.table(report))
        if !report.problems.isEmpty { throw ExitCode.failure }
    }

    /// Formats a report, a line for each file and for each split.
    static func table(_ report: VerificationReport) -> String {
        var lines = ["\(report.name): \(report.location)"]
        var rows = [["file", "records", "bytes", "records per class"]]
        for part in report.parts {
            rows.append([
                part.name, part.recordCount.grouped, part.byteCount?.grouped ?? "",
                part.classCounts.map(range) ?? "not read",
            ])
        }
        if report.problems.isEmpty, report.parts.contains(where: { $0.byteCount != nil }) {
            for split in DatasetSplit.allCases {
                let counts = report.classCounts(of: split)
                rows.append(["all \(split.rawValue)", counts.reduce(0, +).grouped, "", range(counts)])
            }
        }
        let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let name = row[0].padding(toLength: widths[0], withPad: " ", startingAt: 0)
            let numbers = (1..<3).map { String(repeating: " ", count: widths[$0] - row[$0].count) + row[$0] }
            lines.append("  " + ([name] + numbers + [row[3]]).joined(separator: "  "))
        }
        if let fingerprint = report.fingerprint {
            let digits = String(fingerprint, radix: 16)
            lines.append("fingerprint: " + String(repeating: "0", count: 16 - digits.count) + digits)
        }
        lines += report.notes.map { "note: \($0)" }
        lines += report.problems.map { "problem: \($0)" }
        if report.problems.isEmpty { lines.append("every record was read; no problems") }
        return lines.joined(separator: "\n")
    }

    private static func range(_ counts: [Int]) -> String {
        guard let low = counts.min(), let high = counts.max() else { return "" }
        return low == high ? low.grouped : "\(low.grouped) to \(high.grouped)"
    }
}
