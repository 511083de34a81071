import ArgumentParser
import Collectives
import DataParallel
import Foundation
import Training

/// `dp-train benchmark`: measures training steps.
struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark",
        abstract: "Measure training steps on synthetic images, fast and reproducible arithmetic in turn.",
        discussion:
            "Alone or under mpirun. Every configuration has its turn in every round; medians are over the rounds."
    )

    @Option(
        parsing: .unconditional, help: "Widths of the hidden layers, with commas between.",
        transform: Values.widths)
    var hiddenDims = [128]

    @Option(help: "Batch norm: none, sync or local.")
    var batchNorm = BatchNormMode.none

    @Option(
        parsing: .unconditional, help: "Global batch sizes, with commas between.", transform: Values.widths)
    var batchSizes = [128, 1024]

    @Option(parsing: .unconditional, help: "Turns of each configuration.", transform: Values.wholeNumber)
    var rounds = 9

    @Option(parsing: .unconditional, help: "About how long a turn is, in seconds.", transform: Values.number)
    var roundSeconds = 0.5

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try RankedRun.run { communicator in
            let configurations = try communicator.agree(on: "checking the settings") {
                guard rounds >= 1 else {
                    throw ValidationError("--rounds: expected a number ≥ 1, found \(rounds)")
                }
                guard roundSeconds > 0, roundSeconds <= 3600 else {
                    throw ValidationError(
                        "--round-seconds: expected a number > 0 and ≤ 3600, found \(roundSeconds)")
                }
                return try batchSizes.flatMap { batchSize in
                    try Arithmetic.allCases.reversed().map { arithmetic in
                        var configuration = TrainingConfiguration()
                        configuration.hiddenDimensions = hiddenDims
                        configuration.batchNorm = batchNorm
                        configuration.batchSize = batchSize
                        configuration.arithmetic = arithmetic
                        try configuration.validate()
                        try configuration.settle(worldSize: communicator.size)
                        return configuration
                    }
                }
            }
            let results = try StepBenchmark(
                communicator: communicator, rounds: rounds, secondsPerRound: roundSeconds
            ).run(configurations)
            guard communicator.rank == 0 else { return }
            try json ? printJSON(results) : printTable(results, ranks: communicator.size)
        }
    }

    private func printJSON(_ results: [StepBenchmark.Result]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        print(String(decoding: try encoder.encode(results), as: UTF8.self))
    }

    private func printTable(_ results: [StepBenchmark.Result], ranks: Int) {
        let widths = hiddenDims.map(String.init).joined(separator: ",")
        print("hidden \(widths), batch norm \(batchNorm.rawValue), \(ranks) \(ranks == 1 ? "rank" : "ranks")")
        print("  batch  arithmetic      step µs   fastest     images/s  of fast")
        for result in results {
            let fast = results.first {
                $0.batchSize == result.batchSize && $0.arithmetic == Arithmetic.fast.rawValue
            }
            let ratio = result.stepSeconds / (fast?.stepSeconds ?? result.stepSeconds)
            let name = result.arithmetic.padding(toLength: 12, withPad: " ", startingAt: 0)
            print(
                String(format: "%7d  ", result.batchSize) + name
                    + String(
                        format: "%11.0f%10.0f%13.0f%9.2f", result.stepSeconds * 1e6,
                        result.fastestStepSeconds * 1e6,
                        result.imagesPerSecond, ratio))
        }
    }
}
