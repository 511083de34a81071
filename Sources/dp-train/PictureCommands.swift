import ArgumentParser
import CommandLineSupport
import Datasets
import DurableFiles
import Foundation
import Plotting
import Reports

// The commands that show runs: plot and report.

/// The file that a command writes.
struct PictureOutput: ParsableArguments {
    @Flag(help: "Replace a file that is there.")
    var force = false

    /// Checks that nothing is lost.
    ///
    /// - Throws: `ValidationError` where something is at `path` and must not be replaced.
    func check(_ path: String) throws {
        guard !path.isEmpty else { throw ValidationError("--to: expected the path of a file, found none") }
        guard force || !FileManager.default.fileExists(atPath: path) else {
            throw ValidationError("--to \(path): expected no file there without --force, found one")
        }
    }
}

/// `dp-train plot RUN…`: draws curves of runs.
struct PlotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plot",
        abstract: "Draw curves of one run or of several.",
        discussion: """
            Several runs are laid over one another and named by the settings in which they differ; those that differ in their \
            seed alone become a mean with a band of a standard deviation to either side. A run may be under way.

            Quantities: \(Quantity.allCases.map(\.rawValue).joined(separator: ", ")). Those of the inside of a model are \
            recorded with --diagnostics.
            """)

    @Argument(help: "Run directories, such as runs/a.", completion: .directory)
    var runs: [String]

    @Option(
        help: ArgumentHelp(
            "Quantities with commas between, one chart each. (default: loss,accuracy)",
            valueName: "quantities"),
        transform: Self.quantities)
    var what = [Quantity.loss, .accuracy]

    @Option(
        help: ArgumentHelp("The file to write: .svg, or .png by rsvg-convert.", valueName: "file"),
        completion: .file(extensions: ["svg", "png"]))
    var to = "plot.svg"

    @OptionGroup var output: PictureOutput

    func validate() throws {
        guard ["svg", "png"].contains(URL(fileURLWithPath: to).pathExtension.lowercased()) else {
            throw ValidationError("--to: expected a file .svg or .png, found \(to)")
        }
    }

    func run() throws {
        try output.check(to)
        let groups = RunGroup.grouping(try runs.map { try RunRecords(path: $0) })
        let hasDiagnostics = groups.contains { $0.runs.contains { !$0.diagnostics.isEmpty } }
        if let quantity = what.first(where: \.needsDiagnostics), !hasDiagnostics {
            throw RunRecords.Failure(
                description: "--what \(quantity.rawValue): expected a run with diagnostics, found none in"
                    + " \(runs.joined(separator: ", ")); train with --diagnostics")
        }
        let charts = try what.flatMap { try $0.charts(of: groups, size: ChartSize(760, 400)) }
        let names = groups.map(\.name).joined(separator: "; ")
        let svg = Data(ChartStack("Curves of \(names)", charts).svg().utf8)
        let isSVG = to.lowercased().hasSuffix(".svg")
        try Files.replace(to, with: isSVG ? svg : try SVGConverter.png(of: svg))
        print("wrote \(charts.count) charts of \(runs.count) runs to \(to)")
    }

    private static func quantities(_ text: String) throws -> [Quantity] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
            guard let quantity = Quantity(rawValue: String(word)) else {
                let all = Quantity.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("expected some of \(all), found \(word)")
            }
            return quantity
        }
    }
}

/// `dp-train report RUN…`: writes a page about runs.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write a page of HTML about one run or several.",
        discussion: """
            One file, without scripts and with nothing from elsewhere: result, curves, what --diagnostics has recorded, the \
            first layer's weights, right and wrong predictions, the configuration and the commands that repeat the run. \
            Several runs are laid over one another as by plot.
            """)

    @Argument(help: "Run directories, such as runs/a.", completion: .directory)
    var runs: [String]

    @Option(
        help: ArgumentHelp("The file to write.", valueName: "file"),
        completion: .file(extensions: ["html"]))
    var to = "report.html"

    @OptionGroup var data: DataOptions

    @OptionGroup var output: PictureOutput

    func run() throws {
        try output.check(to)
        let records = try runs.map { try RunRecords(path: $0) }
        let words =
            (data.data.map { ["--data", $0] } ?? []) + (data.dataset.map { ["--dataset", $0.word] } ?? [])
        let report = Report(of: records, dataWords: words) { try data.locate(seed: $0) }
        try Files.replace(to, with: Data(try report.html().utf8))
        print("wrote a report of \(runs.count) \(runs.count == 1 ? "run" : "runs") to \(to)")
    }
}

/// Makes pixels of SVG by a program of the system.
enum SVGConverter {
    /// Why there are no pixels.
    struct Failure: Error, LocalizedError {
        let errorDescription: String?
    }

    private static let name = "rsvg-convert"

    /// A picture in PNG, with two pixels for each of the SVG's in either direction.
    ///
    /// - Throws: ``Failure`` where the program is not there or fails.
    static func png(of svg: Data) throws -> Data {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let paths = folders.map { "\($0)/\(name)" }
        guard let path = paths.first(where: FileManager.default.isExecutableFile) else {
            throw Failure(
                errorDescription:
                    "PNG: expected \(name) in PATH, found none; it comes with librsvg2-bin (apt) or"
                    + " librsvg (brew); without it --to FILE.svg works")
        }
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "dp-train-plot-\(UUID().uuidString)", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (source, target) = (folder.appending(path: "plot.svg"), folder.appending(path: "plot.png"))
        try svg.write(to: source)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["--zoom", "2", "--output", target.path, source.path]
        let messages = Pipe()
        process.standardError = messages
        try process.run()
        let said = messages.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0, let png = try? Data(contentsOf: target) else {
            throw Failure(
                errorDescription: "PNG: expected a picture from \(path), found exit code"
                    + " \(process.terminationStatus): \(String(decoding: said, as: UTF8.self))")
        }
        return png
    }
}
