import ArgumentParser
import Benchmarks
import Collectives
import CommandLineSupport
import DataParallel
import Foundation
import Training

/// `dp-train benchmark measure`: the machine's limits, then training steps.
struct MeasureCommand: ParsableCommand {
    /// A part of the whole.
    enum Part: String, ExpressibleByArgument, CaseIterable {
        case limits, steps
    }

    /// What steps are compared with.
    enum Reference: String, ExpressibleByArgument, CaseIterable {
        case mpi
    }

    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measure what the machine can do, and training steps on synthetic images.",
        discussion: """
            Alone or under mpirun; all ranks work at once, and the slowest one's time counts. Limits are those of the fastest \
            turn, steps the median of the rounds, in which the configurations that are compared have their turns one after \
            the other. By default the networks 128; 256,128; 512,256,128; 2048,2048 run with and without batch norm: about \
            three minutes on two cores, twice that with --reference mpi. In --json times are in seconds.
            """)

    @OptionGroup
    var options: BenchmarkOptions

    @Option(help: "Measure the limits or the steps alone: limits or steps.")
    var only: Part?

    @Option(help: "Also take each step with plain MPI instead of shared memory, in turn: mpi.")
    var reference: Reference?

    @Option(
        parsing: .unconditional,
        help: "Threads of each rank (default: the node's processors divided by its ranks).",
        transform: Values.wholeNumber)
    var threads: Int?

    static let networks = [[128], [256, 128], [512, 256, 128], [2048, 2048]]

    func validate() throws {
        if let threads, threads < 1 || threads > 1024 {
            throw ValidationError("--threads: expected a number ≥ 1 and ≤ 1024, found \(threads)")
        }
    }

    func run() throws {
        try RankedRun.run { communicator in
            let groups = try options.groups(
                networks: Self.networks, batchNorm: .both, over: communicator)
            let threads = try threads ?? StepBenchmark.threadsPerRank(of: communicator)
            let machine = BenchmarkMachine(communicator, threads: threads)
            let table = communicator.rank == 0 && !options.json ? BenchmarkTable() : nil
            table?.print(machine)
            let limits = try LimitsBenchmark(
                communicator: communicator, threads: threads, turns: options.rounds,
                secondsPerTurn: options.roundSeconds / 4
            ).run(complete: only != .steps)
            table?.print(limits)
            let steps =
                only == .limits
                ? nil : try measureSteps(groups, communicator, limits: limits, machine: machine, table)
            guard communicator.rank == 0, options.json else { return }
            try Self.printJSON(BenchmarkReport(machine: machine, limits: limits, steps: steps))
        }
    }

    private func measureSteps(
        _ groups: [[TrainingConfiguration]], _ communicator: any Communicator, limits: MachineLimits,
        machine: BenchmarkMachine, _ table: BenchmarkTable?
    ) throws -> [StepMeasurement] {
        let benchmark = StepBenchmark(
            communicator: communicator, threads: machine.threadsPerRank, rounds: options.rounds,
            secondsPerRound: options.roundSeconds, comparesWithMPI: reference == .mpi)
        table?.printStepHeader(comparesWithMPI: reference == .mpi)
        return try groups.flatMap { group in
            let results = try benchmark.run(group, limits: limits, machine: machine)
            for result in results { table?.print(result) }
            return results
        }
    }

    /// Prints a value as JSON with sorted keys.
    static func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
