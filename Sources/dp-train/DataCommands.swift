public import ArgumentParser
internal import CommandLineSupport
public import Datasets
import Foundation
import Synchronization

// `dp-train data`, and the option that every command takes its images by.

/// Where the images are.
struct DataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A folder or archive of a data set, or the word synthetic. (default: $DP_TRAIN_DATA, else ./data, else the"
                + " synthetic set)",
            valueName: "path"))
    var data: String?

    @Option(
        help: ArgumentHelp(
            "The data set that must be there. (default: whichever is there)",
            valueName: DatasetKind.all.map(\.word).joined(separator: "|")))
    var dataset: DatasetKind?

    func validate() throws {
        if let dataset, data == DatasetLocator.syntheticWord {
            throw ValidationError("--dataset: expected files at --data, found \(dataset.word) and synthetic")
        }
    }

    /// Opens the data set.
    func locate(seed: UInt64) throws -> any ImageDataset {
        try DatasetLocator.locate(
            path: data, kind: dataset, environment: ProcessInfo.processInfo.environment,
            currentDirectory: FileManager.default.currentDirectoryPath, syntheticSeed: seed)
    }
}

extension DatasetKind: ExpressibleByArgument {
    /// The data set of that name.
    public init?(argument: String) {
        guard let kind = Self.all.first(where: { $0.word == argument }) else { return nil }
        self = kind
    }

    /// What may be said.
    public static var allValueStrings: [String] { all.map(\.word) }
    /// The data set's name on the command line.
    public var defaultValueDescription: String { word }
}

/// `dp-train data`: gets, checks and makes data sets.
struct DataCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "Download, check or synthesize a data set.",
        subcommands: [FetchCommand.self, VerifyCommand.self, SynthesizeCommand.self])
}

/// `dp-train data fetch`: downloads CIFAR.
struct FetchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Download a data set, check it, and unpack it.",
        discussion: """
            A download that was broken off is taken up where it stopped. The archive appears under its name \
            once its MD5 is right.
            """)

    @Option(help: "The data set.")
    var dataset = CIFARSet.cifar10

    @Option(help: "Its version.")
    var format = CIFARSet.Version.binary

    @Option(help: ArgumentHelp("The folder for it.", valueName: "folder"))
    var directory = "data"

    @Option(help: ArgumentHelp("Download from here instead, e.g. from a mirror.", valueName: "address"))
    var url: String?

    @Option(
        help: ArgumentHelp(
            "The MD5 that the archive must have, if not the official one.", valueName: "digits"))
    var md5: String?

    @Flag(inversion: .prefixedNo, help: "Unpack the archive beside itself.")
    var unpack = true

    private func downloader() throws -> DatasetDownloader {
        try DatasetDownloader(dataset.publication(format), folder: directory, url: url, md5: md5)
    }

    func validate() throws {
        do {
            _ = try downloader()
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func run() async throws {
        let downloader = try downloader()
        let display = ProgressDisplay()
        let outcome: DatasetDownloader.Outcome
        do {
            outcome = try await downloader.download { display.show($0) }
        } catch {
            display.finish()
            throw error
        }
        display.finish()
        switch outcome {
        case .alreadyPresent:
            print("\(downloader.archivePath) is there already; its MD5 is right")
        case .downloaded(let resumedFrom):
            let resumed = resumedFrom > 0 ? ", resumed from byte \(resumedFrom.grouped)" : ""
            print("downloaded \(downloader.archivePath)\(resumed); its MD5 is right")
        }
        if unpack { try unpackArchive(downloader.archivePath) }
    }

    private func unpackArchive(_ archive: String) throws {
        let folder = URL(fileURLWithPath: directory).appendingPathComponent(
            dataset.publication(format).folder
        ).path
        let contents = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        if !contents.isEmpty {
            // What is there counts if it is whole; opening it tells.
            guard let dataset = try DatasetLocator.open(folder) else {
                throw DatasetError(
                    operation: "unpacking to", location: folder, expected: "nothing there, or the data set",
                    found: "a folder with other files in it")
            }
            print("\(dataset.location) is there already")
            return
        }
        print("unpacked \(try ArchiveUnpacker.unpack(archive, into: directory))")
    }
}

extension CIFARSet.Version: ExpressibleByArgument {}

extension CIFARSet: ExpressibleByArgument {
    /// The set of that name.
    public init?(argument: String) {
        guard let set = Self.all.first(where: { $0.word == argument }) else { return nil }
        self = set
    }

    /// What may be said.
    public static var allValueStrings: [String] { all.map(\.word) }
    /// The set's name on the command line.
    public var defaultValueDescription: String { word }
}

/// `dp-train data verify`: reads a data set from end to end.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Read every record of a data set and report what is wrong or unlike the official set.",
        discussion: "Exits with a non-zero code where there is a problem. Notes are no problems.")

    @OptionGroup var data: DataOptions

    @Option(help: "The seed of the synthetic set.")
    var seed: UInt64 = 42

    func run() async throws {
        let report = DatasetVerifier.verify(try data.locate(seed: seed))
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

/// `dp-train data synthesize`: writes the synthetic set to files.
struct SynthesizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synthesize",
        abstract: "Write the synthetic set in the layout of CIFAR-10's binary version.",
        discussion: """
            Training needs no files for the synthetic set: --data synthetic draws it as it goes. Written \
            out, it can be given to other programs.
            """)

    @Option(help: ArgumentHelp("The folder to write; must not exist, or be empty.", valueName: "folder"))
    var output: String

    @Option(help: ArgumentHelp("Training images, at least 5.", valueName: "count"))
    var trainingCount = 50_000

    @Option(help: ArgumentHelp("Test images, at least 1.", valueName: "count"))
    var testCount = 10_000

    @Option(help: "The seed that all images follow from.")
    var seed: UInt64 = 42

    func validate() throws {
        let most = 10_000_000
        guard (5...most).contains(trainingCount) else {
            throw ValidationError("--training-count must be from 5 to \(most.grouped), not \(trainingCount)")
        }
        guard (1...most).contains(testCount) else {
            throw ValidationError("--test-count must be from 1 to \(most.grouped), not \(testCount)")
        }
        guard !output.isEmpty else { throw ValidationError("--output must name a folder") }
    }

    func run() async throws {
        let dataset = SyntheticDataset(seed: seed, trainingCount: trainingCount, testCount: testCount)
        try BinaryWriter.write(dataset, to: output, classNames: SyntheticDataset.classNames)
        print("wrote \(trainingCount.grouped) training and \(testCount.grouped) test images to \(output)")
    }
}

/// Shows a download's progress on standard error: a bar that is drawn over on a terminal, else a line now and
/// then.
final class ProgressDisplay: Sendable {
    private struct State {
        /// Counted from the start, so that the first rate shown is not that of a single packet.
        var lastShown = ContinuousClock.now
        var isBegun = false
        var lastLength = 0
    }

    private let isTerminal = isatty(STDERR_FILENO) != 0
    private let state = Mutex(State())

    /// Shows where the download is, unless it was shown a moment ago.
    func show(_ progress: DownloadProgress) {
        let interval: Duration = isTerminal ? .milliseconds(200) : .seconds(10)
        state.withLock { state in
            let now = ContinuousClock.now
            let isDone = progress.byteCount == progress.totalByteCount
            if now - state.lastShown < interval, !isDone { return }
            state.lastShown = now
            state.isBegun = true
            let line = (isTerminal ? Self.bar(progress) : "") + Self.text(progress)
            let padding = String(repeating: " ", count: max(0, state.lastLength - line.count))
            state.lastLength = line.count
            write(isTerminal ? "\r" + line + padding : line + "\n")
        }
    }

    /// Leaves the bar's line.
    func finish() {
        state.withLock { state in
            if isTerminal, state.isBegun { write("\n") }
            state = State()
        }
    }

    private func write(_ text: String) {
        // Whether anybody can see it does not matter to the download.
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    private static func bar(_ progress: DownloadProgress) -> String {
        guard let total = progress.totalByteCount, total > 0 else { return "" }
        let width = 24
        let filled = min(width, width * progress.byteCount / total)
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
            + "] "
    }

    /// Bytes so far, the share of all, the rate and the time left.
    static func text(_ progress: DownloadProgress) -> String {
        var parts = [megabytes(Double(progress.byteCount)) + " MB"]
        if let total = progress.totalByteCount, total > 0 {
            parts[0] = "\(megabytes(Double(progress.byteCount))) of \(megabytes(Double(total))) MB"
            parts.append("\(100 * progress.byteCount / total) %")
        }
        parts.append(megabytes(progress.bytesPerSecond) + " MB/s")
        if let left = progress.secondsLeft, progress.byteCount != progress.totalByteCount {
            let seconds = Int(min(left.rounded(.up), 359_999))
            parts.append(
                seconds < 60 ? "\(seconds) s left" : "\(seconds / 60) min \(seconds % 60) s left")
        }
        return parts.joined(separator: ", ")
    }

    private static func megabytes(_ bytes: Double) -> String {
        let tenths = Int((min(bytes, 1e15) / 1e5).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension Int {
    /// In decimal, with a comma before each three digits: 30,730,000.
    var grouped: String {
        let digits = String(magnitude)
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { result.append(",") }
            result.append(digit)
        }
        return self < 0 ? "-" + result : result
    }
}
