import CommandLineSupport
internal import ArgumentParser
internal import Checkpoints
internal import Foundation
internal import Training

/// `dp-train diff A B`: compares two checkpoints.
struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Compare two checkpoints.",
        discussion: """
            Names the settings and the tensors that differ, and the largest difference of each tensor in units in the last \
            place. Exit code 0: no difference; 1: differences; 2: a file that cannot be compared.
            """)

    @Argument(help: "A checkpoint.", completion: .file())
    var first: String

    @Argument(help: "The checkpoint to compare it with.", completion: .file())
    var second: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let comparison: CheckpointComparison
        do {
            comparison = try CheckpointComparison(first: first, second: second)
        } catch {
            Messages.printError((error as? any LocalizedError)?.errorDescription ?? "\(error)")
            throw ExitCode(2)
        }
        print(PrintableText.lines(json ? comparison.json : comparison.text))
        if !comparison.isEqual { throw ExitCode(1) }
    }
}
