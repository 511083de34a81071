internal import ArgumentParser
internal import Checkpoints
internal import Datasets
internal import CommandLineSupport
internal import Foundation
internal import Training
internal import Whitening

// The commands that look at checkpoints alone: inspect, diff and export.

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

            A model of whitened images expects the numbers that --whiten makes of them; with --fold-whitening its first layer \
            is one that takes standardised pixels, (p/255 - mean)/std of each channel. The images are then neither rounded to \
            bytes nor clipped.
            """)

    @Argument(help: "The checkpoint file.", completion: .file())
    var checkpoint: String

    @Option(help: ArgumentHelp("The file to write, such as model.safetensors.", valueName: "file"))
    var to: String

    @OptionGroup var choice: ModelChoice

    @Flag(help: "Put the whitening of the images into the first layer; it follows from the run's data.")
    var foldWhitening = false

    @OptionGroup var data: DataOptions

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
        var tensors = try read.weights(of: choice.model)
        if foldWhitening {
            let point = try ResumePoint(path: checkpoint)
            guard
                let whitened = try point.whitenedAlone(
                    { try data.locate(seed: point.configuration.seed) }, note: Messages.printWarning)
            else {
                throw ValidationError(
                    "--fold-whitening: expected a model of whitened images, found one of others")
            }
            tensors = try whitened.map().folded(into: tensors, of: point.configuration)
        }
        // transformers and others read nothing without this mark.
        try SafetensorsFile(tensors: tensors, metadata: ["format": "pt"]).write(to: to)
        print("wrote \(tensors.count) tensors to \(to)")
    }
}

/// Which of a checkpoint's models a command takes.
struct ModelChoice: ParsableArguments {
    @Flag(help: "Take the model that was best on validation up to the checkpoint, not the checkpoint's own.")
    var best = false

    @Flag(
        help:
            "Take the mean of the weights that a run with --average-weights keeps, not the checkpoint's own.")
    var averaged = false

    var model: Checkpoint.Model { best ? .best : averaged ? .averaged : .current }

    func validate() throws {
        guard !(best && averaged) else {
            throw ValidationError("--averaged: expected it without --best, found both")
        }
    }
}
