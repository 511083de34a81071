import CommandLineSupport
import ArgumentParser
import Collectives
import Datasets
import Foundation
import MLPEngine
import Training

/// `dp-train evaluate`: tests a checkpoint's model.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Test a checkpoint's model on the test images.")

    @Argument(help: "The checkpoint file.")
    var checkpoint: String

    @OptionGroup var data: DataOptions

    @Flag(help: "Test the model that was best on validation up to the checkpoint, not the checkpoint's own.")
    var best = false

    @Option(help: "Who evaluates: rank0 (on all processors of its node) or sharded (all ranks).")
    var evaluation = RunOptions.Evaluation.rank0

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try RankedRun.run { communicator in
            let (point, seed) = try communicator.agree(on: "reading the checkpoint") {
                let point = communicator.rank == 0 ? try ResumePoint(path: checkpoint) : nil
                return (point, point?.configuration.seed ?? 0)
            }
            let runSeed = try communicator.broadcast(seed, root: 0)
            let dataset = try SharedDataset.open(over: communicator) { try data.locate(seed: runSeed) }
            let result = try CheckpointEvaluation.run(
                point, model: best ? .best : .current, dataset: dataset, communicator: communicator,
                mode: evaluation)
            guard communicator.rank == 0 else { return }
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
                let test = Result(
                    testAccuracy: result.accuracy, testLoss: result.meanLoss.isFinite ? result.meanLoss : nil,
                    correct: result.correct,
                    images: result.samples)
                print(String(decoding: try encoder.encode(test), as: UTF8.self))
            } else {
                print("data           \(dataset.name) (\(dataset.location))")
                print(
                    String(
                        format: "test accuracy  %.2f %% (%d of %d), loss %.4f", result.accuracy * 100,
                        result.correct,
                        result.samples, result.meanLoss))
            }
        }
    }

    private struct Result: Encodable {
        let testAccuracy: Double
        /// Missing if it is no number, for which JSON has no word.
        let testLoss: Double?
        let correct: Int
        let images: Int

        enum CodingKeys: String, CodingKey {
            case testAccuracy = "test_accuracy"
            case testLoss = "test_loss"
            case correct, images
        }
    }
}
