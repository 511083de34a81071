import ArgumentParser
import Benchmarks
import CommandLineSupport
import DataParallel
import Foundation
import MPIBackend
import Tensors
import Training

/// `dp-train benchmark scaling`: the same steps on several numbers of ranks, or of hosts.
struct ScalingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scaling",
        abstract: "Measure the same steps on several numbers of ranks, or of hosts.",
        discussion: """
            Starts mpirun itself for each number of ranks; start it alone. A rank has one thread unless --threads gives it \
            more, so that processors grow with the ranks. By default the networks 128 and 512,256,128 run without batch norm, \
            about half a minute for each number of ranks. More ranks than processors share them. With --hosts it takes the first \
            ones that mpirun knows, which --launcher-options tells it, and puts beside each time what a model makes of steps of one \
            host and of the link between hosts: the same as in dp-train plan --growth.
            """)

    @OptionGroup
    var options: BenchmarkOptions

    @Option(
        parsing: .unconditional, help: "Numbers of ranks, with commas between. (default: 1,2,4)",
        transform: Values.widths)
    var ranks: [Int]?

    @Option(
        parsing: .unconditional, help: "Instead of --ranks: numbers of hosts, with commas between.",
        transform: Values.widths)
    var hosts: [Int]?

    @Option(
        parsing: .unconditional, help: "The ranks of each of the --hosts.", transform: Values.wholeNumber)
    var ranksPerHost = 1

    @Flag(
        help: "Let the global batch grow with the ranks, or hosts: --batch-sizes are then those of one.")
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

    @OptionGroup var link: LinkOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Where the hosts are parts of one machine: its processors, which they share.", valueName: "number"
        ),
        transform: Values.wholeNumber)
    var sharedProcessors: Int?

    @Flag(help: "Count the fastest round instead of the median, where other work is in the way.")
    var fastest = false

    private static let networks = [[128], [512, 256, 128]]

    func validate() throws {
        guard ranks == nil || hosts == nil else {
            throw ValidationError("--hosts: expected no --ranks with it, but --ranks-per-host")
        }
        for (name, numbers) in [("--ranks", ranks), ("--hosts", hosts)] {
            guard let numbers else { continue }
            guard !numbers.isEmpty, numbers.allSatisfy({ (1...4096).contains($0) }) else {
                throw ValidationError(
                    "\(name): expected numbers ≥ 1 and ≤ 4096 with commas between, found "
                        + "\(numbers.map(String.init).joined(separator: ","))")
            }
        }
        for (name, number) in [
            ("--threads", threads), ("--ranks-per-host", ranksPerHost),
            ("--shared-processors", sharedProcessors ?? 1),
        ] where !(1...1024).contains(number) {
            throw ValidationError("\(name): expected a number ≥ 1 and ≤ 1024, found \(number)")
        }
        guard timeLimit > 0, timeLimit <= 1e6 else {
            throw ValidationError("--time-limit: expected a number > 0 and ≤ 1000000, found \(timeLimit)")
        }
    }

    func run() throws {
        if let launcher = Launcher.detect(environment: ProcessInfo.processInfo.environment) {
            throw ValidationError("benchmark scaling must be started alone, not by \(launcher.name)")
        }
        let worlds =
            hosts?.map { RankLaunch.Ranks(count: $0 * ranksPerHost, hosts: $0) }
            ?? (ranks ?? [1, 2, 4]).map { RankLaunch.Ranks(count: $0) }
        // Before anything runs: a setting that some number of ranks cannot use.
        let configurations = try worlds.map { try settled(on: $0) }
        let launch = try RankLaunch(
            launcherOptions: launcherOptions.split(separator: " ").map(String.init), timeLimit: timeLimit)
        let reports = try worlds.map {
            try launch.run(arguments(batchSizes: batchSizes(on: $0), shards: options.logicalShards), on: $0)
        }
        let forecast = try makeForecast(launch, reports)
        let report = ScalingReport(weak ? .weak : .strong, reports, countsFastest: fastest) { report, step in
            let count = worlds[report].hosts ?? 1
            return forecast?.seconds(
                ofStep: step, configurations[report][step], hosts: count, slowdown: slowdown(hosts: count))
        }
        if options.json { try MeasureCommand.printJSON(report) } else { BenchmarkTable().print(report) }
    }

    /// What the steps are on some ranks, in the order in which they are measured.
    private func settled(on world: RankLaunch.Ranks) throws -> [TrainingConfiguration] {
        var options = options
        options.batchSizes = batchSizes(on: world)
        do {
            return try options.groups(networks: Self.networks, batchNorm: .none, worldSize: world.count)
                .flatMap(\.self)
        } catch let error as ConfigurationError {
            throw ValidationError("on \(world.description): \(error)")
        }
    }

    /// A model of steps on several hosts, from those of one with all rows and of one with other batches; nil for ranks alone.
    private func makeForecast(_ launch: RankLaunch, _ reports: [BenchmarkReport]) throws -> ScalingForecast? {
        guard let hosts, let most = hosts.max(), most > 1 else { return nil }
        let one = RankLaunch.Ranks(count: ranksPerHost, hosts: 1)
        let alone =
            try hosts.firstIndex(of: 1).map { reports[$0] }
            ?? launch.run(arguments(batchSizes: options.batchSizes, shards: options.logicalShards), on: one)
        let settled = try settled(on: one)
        let strategies = options.strategy == .both ? 2 : 1
        // Of each batch size by itself, since the number of shards is that of all.
        let others = try options.batchSizes.indices.map { index in
            let configuration = settled[index * strategies]
            let (batch, shards) = (configuration.batchSize, configuration.logicalShards ?? 1)
            let other =
                weak
                ? (batch: batch * most, shards: shards * most)
                : HostSpeed.part(ofBatch: batch, shards: shards, hosts: most)
            return try launch.run(arguments(batchSizes: [other.batch], shards: other.shards), on: one).steps
                ?? []
        }
        let steps = settled.indices.map { index in
            let (group, strategy) = (index / strategies, index % strategies)
            let (network, batch) = (group / others.count, group % others.count)
            return others[batch][network * strategies + strategy]
        }
        return ScalingForecast(
            alone: alone, other: BenchmarkReport(machine: alone.machine, limits: alone.limits, steps: steps),
            countsFastest: fastest, over: link.link)
    }

    /// How many times as long hosts take that share one machine's processors.
    private func slowdown(hosts: Int) -> Double {
        guard let sharedProcessors else { return 1 }
        func crowd(_ hosts: Int) -> Double {
            max(1, Double(hosts * ranksPerHost * threads) / Double(sharedProcessors))
        }
        return crowd(hosts) / crowd(1)
    }

    private func batchSizes(on world: RankLaunch.Ranks) -> [Int] {
        options.batchSizes.map { size in
            let (product, overflow) = size.multipliedReportingOverflow(by: world.hosts ?? world.count)
            return weak ? overflow ? .max : product : size
        }
    }

    /// The command line for some batches.
    private func arguments(batchSizes: [Int], shards: Int?) -> [String] {
        func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ",") }
        var words = ["measure", "--only", "steps", "--json", "--threads", "\(threads)"]
        for network in options.hiddenDims.isEmpty ? Self.networks : options.hiddenDims {
            words += ["--hidden-dims", list(network)]
        }
        words += ["--batch-sizes", list(batchSizes), "--batch-norm", (options.batchNorm ?? .none).rawValue]
        words += ["--strategy", options.strategy.rawValue]
        words += ["--rounds", "\(options.rounds)", "--round-seconds", "\(options.roundSeconds)"]
        if let shards { words += ["--logical-shards", "\(shards)"] }
        if let precision = options.matmulPrecision { words += ["--matmul-precision", precision.rawValue] }
        return words
    }
}
