public import ArgumentParser
import Checkpoints
import Collectives
import CommandLineSupport
import Datasets
import Foundation
import MLPEngine
import Metrics
public import Training

/// `dp-train evaluate`: evaluates a checkpoint's model.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Evaluate a checkpoint's model on the test images, or on others of its run.",
        discussion: """
            Prints loss and accuracy, precision, recall and F1 of each class, and the confusion matrix: how many images of \
            each class were taken for which.
            """)

    @Argument(help: "The checkpoint file.")
    var checkpoint: String

    @OptionGroup var data: DataOptions

    @Option(
        help:
            "The images: test, validation (those that the run held out), or train (those that it learned from)."
    )
    var split = RunSplit.test

    @OptionGroup var choice: ModelChoice

    @Option(help: "Who evaluates: rank0 (on all processors of its node) or sharded (all ranks).")
    var evaluation = RunOptions.Evaluation.rank0

    @Option(
        help: ArgumentHelp(
            """
            Evaluate the mean of the probabilities over views of each image, too: flip (the image and its mirror image), shift:N \
            (itself and shifted by N pixels up, down, left and right), or both, as in flip,shift:2.
            """, valueName: "views"), transform: TestViews.init(argument:))
    var views: TestViews?

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
                point, model: choice.model, split: split, dataset: dataset,
                communicator: communicator, mode: evaluation, views: views,
                note: Messages.printWarning)
            guard communicator.rank == 0 else { return }
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
                let data = try encoder.encode(EvaluationJSON(split, result, views))
                print(String(decoding: data, as: UTF8.self))
            } else {
                print("data           \(dataset.name) (\(dataset.location))")
                EvaluationText.lines(split, result, views).forEach { print($0) }
            }
        }
    }
}

extension RunOptions.Evaluation: ExpressibleByArgument {}
extension RunSplit: ExpressibleByArgument {}

extension TestViews {
    /// Reads the value of `--views`.
    init(argument: String) throws {
        guard let views = TestViews(rawValue: argument) else {
            throw ValidationError("expected \(Self.expectation)")
        }
        self = views
    }
}

/// What `evaluate --json` prints: keys that begin with the split's name, as `test_accuracy`, and those of all splits.
private struct EvaluationJSON: Encodable {
    let split: RunSplit
    let result: CheckpointEvaluation
    let views: TestViews?

    init(_ split: RunSplit, _ result: CheckpointEvaluation, _ views: TestViews?) {
        (self.split, self.result, self.views) = (split, result, views)
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// A class. What has no value is missing.
    private struct Class: Encodable {
        let name: String
        let images: Int
        let precision: Double?
        let recall: Double?
        let f1: Double?
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        func key(_ name: String) -> Key { Key(stringValue: name) }
        let (loss, confusion) = (result.loss, result.confusion)
        try values.encode(split.rawValue, forKey: key("split"))
        try values.encode(loss.accuracy, forKey: key("\(split)_accuracy"))
        // Missing if it is no number, for which JSON has no word.
        if loss.meanLoss.isFinite { try values.encode(loss.meanLoss, forKey: key("\(split)_loss")) }
        try values.encode(loss.correct, forKey: key("correct"))
        try values.encode(loss.samples, forKey: key("images"))
        if let views, let loss = result.viewsLoss {
            try values.encode(views, forKey: key("views"))
            try values.encode(loss.accuracy, forKey: key("\(split)_views_accuracy"))
            if loss.meanLoss.isFinite {
                try values.encode(loss.meanLoss, forKey: key("\(split)_views_loss"))
            }
            try values.encode(loss.correct, forKey: key("views_correct"))
        }
        let classes = confusion.classes.enumerated().map { label, name in
            Class(
                name: name, images: confusion.support(of: label), precision: confusion.precision(of: label),
                recall: confusion.recall(of: label), f1: confusion.f1(of: label))
        }
        try values.encode(classes, forKey: key("classes"))
        try values.encode(confusion.counts, forKey: key("confusion_matrix"))
    }
}

/// What `evaluate` prints for people.
private enum EvaluationText {
    /// With more classes than this the matrix is too wide to be read.
    private static let widestMatrix = 20
    private static let confusionsShown = 10

    static func lines(
        _ split: RunSplit, _ result: CheckpointEvaluation, _ views: TestViews?
    ) -> [String] {
        let confusion = result.confusion
        let name = "\(split) accuracy"
        func line(_ key: String, _ loss: BatchLoss) -> String {
            key.padding(toLength: max(15, name.count + 2), withPad: " ", startingAt: 0)
                + String(
                    format: "%.2f %% (%d of %d), loss %.4f", loss.accuracy * 100, loss.correct, loss.samples,
                    loss.meanLoss)
        }
        var results = [line(name, result.loss)]
        if let views, let loss = result.viewsLoss {
            results.append(line("with \(views.count) views", loss) + ", by the mean over \(views)")
        }
        return results + [""] + classes(confusion) + [""]
            + (confusion.classes.count <= widestMatrix ? matrix(confusion) : largest(confusion))
    }

    private static func classes(_ confusion: ConfusionMatrix) -> [String] {
        func percent(_ value: Double?) -> String { value.map { String(format: "%.2f %%", $0 * 100) } ?? "–" }
        return table(
            [["class", "images", "precision", "recall", "F1"]]
                + confusion.classes.enumerated().map { label, name in
                    [
                        "\(label) \(name)", "\(confusion.support(of: label))",
                        percent(confusion.precision(of: label)), percent(confusion.recall(of: label)),
                        percent(confusion.f1(of: label)),
                    ]
                })
    }

    private static func matrix(_ confusion: ConfusionMatrix) -> [String] {
        table(
            [["of, taken for"] + confusion.classes.indices.map(String.init)]
                + confusion.classes.enumerated().map { label, name in
                    ["\(label) \(name)"] + confusion.counts[label].map(String.init)
                })
    }

    private static func largest(_ confusion: ConfusionMatrix) -> [String] {
        let pairs = confusion.classes.indices.flatMap { label in
            confusion.classes.indices.lazy.filter { $0 != label }.map {
                (label: label, prediction: $0, count: confusion.counts[label][$0])
            }
        }
        let first = pairs.filter { $0.count > 0 }.sorted {
            ($1.count, $0.label, $0.prediction) < ($0.count, $1.label, $1.prediction)
        }
        return ["Taken for another class most often (--json has the whole matrix):"]
            + table(
                first.prefix(confusionsShown).map {
                    ["\(confusion.classes[$0.label]) → \(confusion.classes[$0.prediction])", "\($0.count)"]
                })
    }

    /// Aligned columns, numbers at the right of the first.
    private static func table(_ rows: [[String]]) -> [String] {
        let widths = (rows.first ?? []).indices.map { column in
            rows.reduce(0) { max($0, $1[column].count) }
        }
        return rows.map { row in
            row.enumerated().map { column, text in
                let blanks = String(repeating: " ", count: widths[column] - text.count)
                return column == 0 ? text + blanks : blanks + text
            }.joined(separator: "  ")
        }
    }
}
