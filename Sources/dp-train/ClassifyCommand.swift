import ArgumentParser
import Checkpoints
import Collectives
import CommandLineSupport
import Datasets
import Foundation
import Images
import Tensors
import Training
import Whitening

/// `dp-train classify`: tells the classes of pictures and records.
struct ClassifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "classify",
        abstract: "Tell the classes of PNG files, or of records of the data set.",
        discussion: """
            A picture may have any size: the largest part about its middle that has the proportions of the model's images is \
            brought to their size, each pixel the mean of its area, and to their colours. A record is a number behind test:, \
            validation: or train:, as in test:17, counted from 0 in the split of the checkpoint's run; a file of such a name is \
            ./test:17. A model of whitened images needs the data of its run for pictures, too (--data). One rank does it: of \
            several the others wait.
            """)

    @Argument(help: "The checkpoint file.", completion: .file())
    var checkpoint: String

    @Argument(help: "PNG files, and records such as test:17.", completion: .file(extensions: ["png"]))
    var images: [String]

    @OptionGroup var data: DataOptions

    @Option(help: "How many classes are told of each, the most probable ones.")
    var top = 3

    @OptionGroup var choice: ModelChoice

    @Option(
        help: ArgumentHelp(
            "Tell the mean of the probabilities over views of each image, as evaluate does, as in flip,shift:2.",
            valueName: "views"), transform: TestViews.init(argument:))
    var views: TestViews?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard top >= 1 else { throw ValidationError("--top: expected a number ≥ 1, found \(top)") }
    }

    func run() throws {
        try RankedRun.run { communicator in
            let answers = try communicator.agree(on: "classifying") {
                communicator.rank == 0 ? try classify() : []
            }
            guard communicator.rank == 0 else { return }
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                print(String(decoding: try encoder.encode(answers), as: UTF8.self))
            } else {
                answers.flatMap(\.lines).forEach { print($0) }
            }
        }
    }

    private func classify() throws -> [Answer] {
        let point = try ResumePoint(path: checkpoint)
        let classifier = try Classifier(point, model: choice.model)
        try views?.check(against: classifier.format, setting: "--views")
        let references = images.map(RecordReference.init)
        // What whitens images follows from the data of the run, whatever is to be classified.
        let whitened = try point.whitenedAlone(
            { try data.locate(seed: point.configuration.seed) }, note: Messages.printWarning)
        let map = try whitened?.map()
        let isWanted = references.contains { $0 != nil }
        let dataset: (any ImageDataset)? =
            try whitened ?? (isWanted ? data.locate(seed: point.configuration.seed) : nil)
        if let dataset, dataset.format != classifier.format {
            throw ConfigurationError(
                "--data", found: "\(dataset.format.name) (\(dataset.location))",
                expected: "\(classifier.format.name), which the model was trained on")
        }
        return try zip(images, references).map { name, reference in
            var label: Int?
            let pixels: [UInt8]
            if let reference, let dataset {
                (pixels, label) = try reference.read(from: dataset, classifier.configuration)
            } else {
                let picture = try classifier.pixels(of: RasterImage(pngFile: name))
                pixels = map?.apply(to: picture, WorkerTeam(upTo: 1)).images ?? picture
            }
            let probabilities = try classifier.probabilities(of: pixels, views: views)
            // Of equally probable classes the first one first, as everywhere.
            let order = probabilities.indices.sorted {
                (probabilities[$1], $0) < (probabilities[$0], $1)
            }
            return Answer(
                image: name, trueClass: label.map { classifier.format.classNames[$0] },
                classes: order.prefix(top).map {
                    .init(
                        name: classifier.format.classNames[$0],
                        probability: probabilities[$0].isFinite ? probabilities[$0] : nil)
                })
        }
    }
}

/// What is told of an image.
private struct Answer: Encodable {
    struct Class: Encodable {
        let name: String
        /// Missing if it is no number, for which JSON has no word.
        let probability: Double?
    }

    let image: String
    /// Missing where nobody knows it.
    let trueClass: String?
    /// The most probable first.
    let classes: [Class]

    enum CodingKeys: String, CodingKey {
        case image, classes
        case trueClass = "true_class"
    }

    var lines: [String] {
        let width = classes.reduce(0) { max($0, $1.name.count) }
        return [PrintableText.line(image) + (trueClass.map { ", in truth \($0)" } ?? "")]
            + classes.map { entry in
                let blanks = String(repeating: " ", count: width - entry.name.count)
                let share = entry.probability.map { String(format: "%6.2f %%", $0 * 100) }
                return "  \(entry.name)\(blanks)  " + (share ?? "no number")
            }
    }
}
