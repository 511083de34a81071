import CommandLineSupport
internal import ArgumentParser
internal import Checkpoints
internal import Foundation

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
