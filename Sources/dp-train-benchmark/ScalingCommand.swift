import ArgumentParser
import Benchmarks
import CommandLineSupport
import Foundation
import MPIBackend
import Tensors
import Training

/// `dp-train benchmark scaling`: the same steps on several numbers of ranks.
struct ScalingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scaling",
        abstract: "Measure the same steps on several numbers of ranks.",
        discussion: """
            Starts mpirun itself for each number of ranks; start it alone. A rank has one thread unless --threads gives it \
            more, so that processors grow with the ranks. By default the networks 128 and 512,256,128 run without batch norm, \
            about half a minute for each number of ranks. More ranks than processors share them.
            """)

    @OptionGroup
    var options: BenchmarkOptions

    @Option(
        parsing: .unconditional, help: "Numbers of ranks, with commas between.", transform: Values.widths)
    var ranks = [1, 2, 4]

    @Flag(help: "Let the global batch grow with the ranks: --batch-sizes are then those of one rank.")
    var weak = false

    @Option(parsing: .unconditional, help: "Threads of each rank.", transform: Values.wholeNumber)
    var threads = 1

    @Option(
        parsing: .unconditional,
        help: "Further options of mpirun, with spaces between, as in '--hostfile hosts'.")
    var launcherOptions = ""

    @Option(
        parsing: .unconditional, help: "The longest time in seconds that a number of ranks may take.",
        transform: Values.number)
    var timeLimit = 1800.0

    private static let networks = [[128], [512, 256, 128]]

    func validate() throws {
        guard !ranks.isEmpty, ranks.allSatisfy({ (1...4096).contains($0) }) else {
            throw ValidationError(
                "--ranks: expected numbers ≥ 1 and ≤ 4096 with commas between, found "
                    + "\(ranks.map(String.init).joined(separator: ","))")
        }
        guard threads >= 1, threads <= 1024 else {
            throw ValidationError("--threads: expected a number ≥ 1 and ≤ 1024, found \(threads)")
        }
        guard timeLimit > 0, timeLimit <= 1e6 else {
            throw ValidationError("--time-limit: expected a number > 0 and ≤ 1000000, found \(timeLimit)")
        }
    }

    func run() throws {
        if let launcher = Launcher.detect(environment: ProcessInfo.processInfo.environment) {
            throw ValidationError("benchmark scaling must be started alone, not by \(launcher.name)")
        }
        // Before anything runs: a setting that some number of ranks cannot use.
        for count in ranks {
            var options = options
            options.batchSizes = batchSizes(ranks: count)
            do {
                _ = try options.groups(networks: Self.networks, batchNorm: .none, worldSize: count)
            } catch let error as ConfigurationError {
                throw ValidationError("on \(count) ranks: \(error)")
            }
        }
        let launch = try RankLaunch(
            launcherOptions: launcherOptions.split(separator: " ").map(String.init), timeLimit: timeLimit)
        let reports = try ranks.map { try launch.run(arguments(ranks: $0), ranks: $0) }
        let report = ScalingReport(weak ? .weak : .strong, reports)
        if options.json { try MeasureCommand.printJSON(report) } else { BenchmarkTable().print(report) }
    }

    private func batchSizes(ranks: Int) -> [Int] {
        options.batchSizes.map { size in
            let (product, overflow) = size.multipliedReportingOverflow(by: ranks)
            return weak ? overflow ? .max : product : size
        }
    }

    /// The command line for one number of ranks.
    private func arguments(ranks: Int) -> [String] {
        func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ",") }
        let networks = options.hiddenDims.isEmpty ? Self.networks : options.hiddenDims
        return ["measure", "--only", "steps", "--json", "--threads", "\(threads)"]
            + networks.flatMap { ["--hidden-dims", list($0)] }
            + [
                "--batch-sizes", list(batchSizes(ranks: ranks)), "--batch-norm",
                (options.batchNorm ?? .none).rawValue, "--strategy", options.strategy.rawValue,
                "--rounds", "\(options.rounds)", "--round-seconds", "\(options.roundSeconds)",
            ]
            + (options.matmulPrecision.map { ["--matmul-precision", $0.rawValue] } ?? [])
    }
}
