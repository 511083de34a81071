import ArgumentParser
import Foundation

/// `dp-train benchmark`: makes way for the program that measures, which lies beside this one.
struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark",
        abstract: "Measure the machine's limits and training steps, or how steps scale with the ranks.",
        discussion:
            "Runs dp-train-benchmark, which lies beside this program, and whose help is 'dp-train benchmark --help'."
    )

    @Argument(parsing: .captureForPassthrough, help: "What dp-train-benchmark is told.")
    var words: [String] = []

    func run() throws {
        guard let program = Bundle.main.executableURL else {
            throw BenchmarkMissing(path: "dp-train-benchmark", reason: "the path of this program is unknown")
        }
        let path = program.deletingLastPathComponent().appending(path: "dp-train-benchmark").path
        var pointers = ([path] + words).map { strdup($0) } + [nil]
        execv(path, &pointers)
        throw BenchmarkMissing(path: path, reason: String(cString: strerror(errno)))
    }
}

/// The program that measures cannot be run.
struct BenchmarkMissing: LocalizedError {
    let path: String
    let reason: String

    var errorDescription: String? {
        "benchmark: expected the program \(path) beside dp-train, as the build makes it: \(reason)"
    }
}
