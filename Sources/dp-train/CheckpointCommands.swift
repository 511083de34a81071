public import ArgumentParser
internal import Checkpoints
internal import Collectives
internal import CommandLineSupport
internal import Datasets
internal import Foundation
internal import MLPEngine
internal import Training

// The commands that read checkpoints: evaluate, inspect, diff and export.

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

extension RunOptions.Evaluation: ExpressibleByArgument {}

/// `dp-train inspect CHECKPOINT`: verifies a checkpoint and shows what it holds.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Verify a checkpoint and show what it holds.",
        discussion: """
            Verifies the zstd checksum, the safetensors form and the SHA-256 of tensors and metadata, and prints the \
            position, the configuration and the tensors. A file that is not a whole checkpoint is an error, and so is one \
            whose configuration, position or tensors no run could go on with.
            """)

    @Argument(
        help: "The checkpoint, such as runs/a/checkpoints/step-00000390.safetensors.zst.", completion: .file()
    )
    var checkpoint: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let inspection = try CheckpointInspection(reading: checkpoint)
        print(json ? inspection.json : inspection.text)
        try ResumePoint(path: checkpoint).checkTensors()
    }
}

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

/// `dp-train export CHECKPOINT --to FILE`: a model's weights as a plain safetensors file.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a checkpoint's weights as a safetensors file.",
        discussion: """
            Parameters and batch norm's running statistics alone, under PyTorch's names, uncompressed: load_state_dict takes \
            what safetensors.torch.load_file reads. A symbolic link at --to stays, and what it leads to is written; a folder, \
            device or pipe is refused.
            """)

    @Argument(help: "The checkpoint file.", completion: .file())
    var checkpoint: String

    @Option(help: ArgumentHelp("The file to write, such as model.safetensors.", valueName: "file"))
    var to: String

    @Flag(
        help: "Export the model that was best on validation up to the checkpoint, not the checkpoint's own.")
    var best = false

    @Flag(help: "Replace a file that is there.")
    var force = false

    func validate() throws {
        guard !to.isEmpty else { throw ValidationError("--to: expected the path of a file, found none") }
    }

    func run() throws {
        guard force || !FileManager.default.fileExists(atPath: to) else {
            throw ValidationError("--to \(to): expected no file there without --force, found one")
        }
        let read = try CheckpointFile.read(checkpoint)
        let tensors = try read.weights(of: best ? .best : .current)
        // transformers and others read nothing without this mark.
        try SafetensorsFile(tensors: tensors, metadata: ["format": "pt"]).write(to: to)
        print("wrote \(tensors.count) tensors to \(to)")
    }
}
