import CommandLineSupport
import ArgumentParser
import Datasets

/// `dp-train data synthesize`: writes the synthetic set to files.
struct SynthesizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synthesize",
        abstract: "Write the synthetic set in the layout of CIFAR-10's binary version.",
        discussion: """
            Training needs no files for the synthetic set: --data synthetic draws it as it goes. Written \
            out, it can be given to other programs.
            """)

    @Option(help: ArgumentHelp("The folder to write; must not exist, or be empty.", valueName: "folder"))
    var output: String

    @Option(help: ArgumentHelp("Training images, at least 5.", valueName: "count"))
    var trainingCount = 50_000

    @Option(help: ArgumentHelp("Test images, at least 1.", valueName: "count"))
    var testCount = 10_000

    @Option(help: "The seed that all images follow from.")
    var seed: UInt64 = 42

    func validate() throws {
        let most = 10_000_000
        guard (5...most).contains(trainingCount) else {
            throw ValidationError("--training-count must be from 5 to \(most.grouped), not \(trainingCount)")
        }
        guard (1...most).contains(testCount) else {
            throw ValidationError("--test-count must be from 1 to \(most.grouped), not \(testCount)")
        }
        guard !output.isEmpty else { throw ValidationError("--output must name a folder") }
    }

    func run() async throws {
        let dataset = SyntheticDataset(seed: seed, trainingCount: trainingCount, testCount: testCount)
        try BinaryWriter.write(dataset, to: output, classNames: SyntheticDataset.classNames)
        print("wrote \(trainingCount.grouped) training and \(testCount.grouped) test images to \(output)")
    }
}
