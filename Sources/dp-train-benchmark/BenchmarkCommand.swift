import ArgumentParser
import Benchmarks
import Collectives
import CommandLineSupport
import DataParallel
import Tensors
import Training

/// What `dp-train benchmark` is: measures the machine and training steps, or how steps scale with the ranks.
@main
struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dp-train benchmark",
        abstract: "Measure the machine's limits and training steps, or how steps scale with the ranks.",
        discussion: """
            Alone or under mpirun. 'dp-train benchmark measure --help' and 'dp-train benchmark scaling --help' explain all \
            options; without either, 'measure' is meant.
            """,
        subcommands: [MeasureCommand.self, ScalingCommand.self],
        defaultSubcommand: MeasureCommand.self)

    static func main() async { await CommandRun.run(BenchmarkCommand.self) }
}

/// Which steps to measure, and how long.
struct BenchmarkOptions: ParsableArguments {
    /// The batch norms to measure.
    enum BatchNorm: String, ExpressibleByArgument, CaseIterable {
        case none, sync, local, both
    }

    /// The strategies to measure.
    enum StrategyChoice: String, ExpressibleByArgument, CaseIterable {
        case allreduce
        case factorExchange = "factor-exchange"
        case both
    }

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Widths of the hidden layers, with commas between; may be given several times.",
            valueName: "widths"),
        transform: Values.widths)
    var hiddenDims: [[Int]] = []

    @Option(
        parsing: .unconditional, help: "Global batch sizes, with commas between.", transform: Values.widths)
    var batchSizes = [128, 512, 1024]

    @Option(
        parsing: .unconditional, help: "Logical shards of a batch; training's default if not given.",
        transform: Values.wholeNumber)
    var logicalShards: Int?

    @Option(help: "Batch norm: none, sync, local, or both none and sync.")
    var batchNorm: BatchNorm?

    @Option(help: "How the ranks come to one update: allreduce, factor-exchange, or both in turn.")
    var strategy = StrategyChoice.both

    @OptionGroup var formerNames: FormerNames<TrainingConfiguration>

    @Option(
        help: "How exact matrix products are: highest, high or medium; training's default if not given.")
    var matmulPrecision: MatmulPrecision?

    @Option(
        help:
            "A lesser instruction set than the CPU's best: baseline, avx2, avx2-vnni, avx512, avx512-vnni, avx512-bf16, amx or neon-dot."
    )
    var instructionSet: InstructionSet?

    @Option(parsing: .unconditional, help: "Turns of each configuration.", transform: Values.wholeNumber)
    var rounds = 5

    @Option(parsing: .unconditional, help: "About how long a turn is, in seconds.", transform: Values.number)
    var roundSeconds = 0.2

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard rounds >= 1, rounds <= 1_000_000 else {
            throw ValidationError("--rounds: expected a number ≥ 1 and ≤ 1000000, found \(rounds)")
        }
        guard roundSeconds > 0, roundSeconds <= 3600 else {
            throw ValidationError(
                "--round-seconds: expected a number > 0 and ≤ 3600, found \(roundSeconds)")
        }
        guard !batchSizes.isEmpty else {
            throw ValidationError("--batch-sizes: expected at least one number")
        }
    }

    /// Configurations that differ in their strategy alone, group by group, settled for the ranks. Collective: every rank
    /// must call it.
    ///
    /// - Throws: `ConfigurationError`, on all ranks together.
    func groups(
        networks: [[Int]], batchNorm: BatchNorm, over communicator: any Communicator
    ) throws -> [[TrainingConfiguration]] {
        try communicator.agree(on: "checking the settings") {
            var options = RunOptions(programVersion: "")
            options.instructionSet = instructionSet
            try options.useInstructionSet()
            return try groups(networks: networks, batchNorm: batchNorm, worldSize: communicator.size)
        }
    }

    /// The same for so many ranks.
    ///
    /// - Throws: `ConfigurationError`.
    func groups(
        networks: [[Int]], batchNorm: BatchNorm, worldSize: Int
    ) throws -> [[TrainingConfiguration]] {
        let modes: [BatchNormMode] =
            switch self.batchNorm ?? batchNorm {
            case .none: [.none]
            case .sync: [.sync]
            case .local: [.local]
            case .both: [.none, .sync]
            }
        let strategies: [TrainingConfiguration.Strategy] =
            switch strategy {
            case .allreduce: [.allreduce]
            case .factorExchange: [.factorExchange]
            case .both: [.allreduce, .factorExchange]
            }
        var groups = [[TrainingConfiguration]]()
        for widths in hiddenDims.isEmpty ? networks : hiddenDims {
            for mode in modes {
                for batchSize in batchSizes {
                    groups.append(
                        try strategies.map { strategy in
                            var configuration = TrainingConfiguration()
                            configuration.hiddenDimensions = widths
                            configuration.batchNorm = mode
                            configuration.batchSize = batchSize
                            configuration.strategy = strategy
                            configuration.logicalShards = logicalShards
                            configuration.matmulPrecision = matmulPrecision
                            try configuration.validate()
                            try configuration.settle(worldSize: worldSize)
                            return configuration
                        })
                }
            }
        }
        return groups
    }
}
