import ArgumentParser

/// `dp-train benchmark`: measures the machine and training steps, or how steps scale with the ranks.
struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark",
        abstract: "Measure the machine's limits and training steps, or how steps scale with the ranks.",
        discussion: """
            Alone or under mpirun. 'dp-train benchmark measure --help' and 'dp-train benchmark scaling --help' explain all \
            options; without either, 'measure' is meant.
            """,
        subcommands: [MeasureCommand.self, ScalingCommand.self],
        defaultSubcommand: MeasureCommand.self)
}
