import CommandLineSupport
internal import ArgumentParser
internal import Checkpoints
internal import Training

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
