import Checkpoints
import Collectives
import CollectivesTesting
import Datasets
import FileTestSupport
import Foundation
import MLPEngine
import Tensors
import Testing
import Training

/// The mean of a model's probabilities over views of an image.
@Suite struct TestViewsTests {
    @Test(
        "Views read back as they are written, whatever their order",
        arguments: [("flip", "flip", 2), ("shift:3", "shift:3", 5), ("shift:2,flip", "flip,shift:2", 10)])
    func reading(word: String, written: String, count: Int) throws {
        let views = try #require(TestViews(rawValue: word))
        #expect(views.rawValue == written && views.count == count && Set(views.all).count == count)
        #expect(views.all.first == .plain)
        let json = try JSONEncoder().encode([views])
        #expect(String(decoding: json, as: UTF8.self) == "[\"\(written)\"]")
        #expect(try JSONDecoder().decode([TestViews].self, from: json) == [views])
    }

    @Test(
        "Other words are no views",
        arguments: [
            "", "flop", "flip,", "flip,flip", "shift", "shift:", "shift:0", "shift:-1", "shift:x",
            "shift:1,shift:2",
        ])
    func otherWords(_ word: String) {
        #expect(TestViews(rawValue: word) == nil)
    }

    @Test("A shift that leaves nothing of an image is refused")
    func tooFar() throws {
        let far = try #require(TestViews(rawValue: "shift:32"))
        let error = #expect(throws: ConfigurationError.self) {
            try far.check(against: .cifar10, setting: "--views")
        }
        #expect(error?.found == "shift:32" && error?.expected.contains("32 pixels") == true)
        let near = try #require(TestViews(rawValue: "flip,shift:31"))
        #expect(throws: Never.self) { try near.check(against: .cifar10, setting: "--views") }
    }

    @Test("The loss is that of the mean of the probabilities, also of one that no Double can hold")
    func meanOfProbabilities() {
        // [view][row][class]
        let logits: [[[Float]]] = [
            [[1, 2, -1], [0, 0, 0], [0, 2000, 0]],
            [[3, -2, 0.5], [5, 1, 2], [0, 1990, 0]],
            [[0, 0.25, 4], [-3, 7, 7], [0, 1995, -5]],
        ]
        let labels: [Int32] = [2, 0, 0]
        let labelMemory = AlignedBuffer<Int32>(zeroed: 3)
        for (row, label) in labels.enumerated() { labelMemory.vector[row] = label }
        var mean = ViewMean(labels: labelMemory.vector, classes: 3)
        for view in logits {
            let memory = AlignedBuffer<Float>(zeroed: 9)
            for (index, value) in view.joined().enumerated() { memory.vector[index] = value }
            mean.add(memory.matrix(rows: 3, columns: 3))
        }
        var (expectedLoss, expectedHits) = (0.0, 0)
        for row in 0..<2 {
            let shares = (0..<3).map { label in
                logits.reduce(0.0) { sum, view in
                    let powers = view[row].map { exp(Double($0)) }
                    return sum + powers[label] / powers.reduce(0, +)
                } / 3
            }
            expectedLoss -= log(shares[Int(labels[row])])
            if shares.firstIndex(of: shares.max() ?? 0) == Int(labels[row]) { expectedHits += 1 }
        }
        // ln of (e⁻²⁰⁰⁰ + e⁻¹⁹⁹⁰ + e⁻¹⁹⁹⁵) / 3
        expectedLoss += 1990 - log(1 + exp(-5) + exp(-10)) + log(3)
        #expect(abs(mean.loss.lossSum - expectedLoss) < 1e-9)
        #expect(mean.loss.correct == expectedHits && mean.loss.samples == 3)
    }

    /// A short run, with its last checkpoint.
    private static let run = Result {
        let folder = try TemporaryFolder()
        let run = SmallRun(validationSize: 30, testViews: TestViews(rawValue: "flip,shift:3"))
        let outcome = try run.train(over: SingleProcessCommunicator(), output: folder.path("run"))
        let point = try ResumePoint(run: RunDirectory(path: folder.path("run")))
        return (run: run, outcome: outcome, point: point, folder: folder)
    }

    @Test("Views of images moved by hand, and the mean of their probabilities, come to the same")
    func byHand() throws {
        let trained = try Self.run.get()
        let dataset = trained.run.dataset
        let format = dataset.format
        let classifier = try Classifier(trained.point, model: .best)
        let records = try dataset.read(.test, records: Array(0..<dataset.count(of: .test)))
        var (losses, hits) = (0.0, 0)
        for record in 0..<records.count {
            let image = Array(records.pixels[record * format.imageBytes..<(record + 1) * format.imageBytes])
            var sums = [Double](repeating: 0, count: format.classCount)
            for (down, right) in [(0, 0), (3, 0), (-3, 0), (0, 3), (0, -3)] {
                for isMirrored in [false, true] {
                    var moved = [UInt8](repeating: 0, count: image.count)
                    for place in moved.indices {
                        let plane = place / format.planeBytes * format.planeBytes
                        let (row, column) = (
                            place % format.planeBytes / format.width + down, place % format.width
                        )
                        let from = (isMirrored ? format.width - 1 - column : column) + right
                        if (0..<format.height).contains(row), (0..<format.width).contains(from) {
                            moved[place] = image[plane + row * format.width + from]
                        }
                    }
                    for (label, share) in try classifier.probabilities(of: moved).enumerated() {
                        sums[label] += share / 10
                    }
                }
            }
            let views = try #require(TestViews(rawValue: "flip,shift:3"))
            for (found, expected) in zip(try classifier.probabilities(of: image, views: views), sums) {
                #expect(abs(found - expected) < 1e-12)
            }
            let label = Int(records.labels[record])
            losses -= log(sums[label])
            if sums.firstIndex(of: sums.max() ?? 0) == label { hits += 1 }
        }
        let summary = try #require(trained.outcome.summary)
        let (loss, accuracy) = (try #require(summary.testViewsLoss), try #require(summary.testViewsAccuracy))
        #expect(abs(loss - losses / Double(records.count)) < 1e-6)
        #expect(accuracy == Double(hits) / Double(records.count))
        #expect(loss != summary.testLoss)
    }

    @Test("They change no bit of the model, and are the same bits whoever evaluates")
    func sameBits() throws {
        let trained = try Self.run.get()
        let summary = try #require(trained.outcome.summary)
        var plain = trained.run
        plain.testViews = nil
        let folder = try TemporaryFolder()
        let other = try #require(
            plain.train(over: SingleProcessCommunicator(), output: folder.path("run")).summary)
        #expect(other.tensorsSHA256 == summary.tensorsSHA256 && other.testLoss == summary.testLoss)
        #expect(other.testViews == nil && other.testViewsLoss == nil)
        let json = try JSONEncoder().encode(other)
        #expect(!String(decoding: json, as: UTF8.self).contains("views"))
        let views = try #require(TestViews(rawValue: "flip,shift:3"))
        let (dataset, point) = (trained.run.dataset, trained.point)
        for mode in RunOptions.Evaluation.allCases {
            let results = try ThreadCommunicator.run(nodeOfRank: [0, 0, 1]) {
                try CheckpointEvaluation.run(
                    $0.rank == 0 ? point : nil, model: .best, dataset: dataset, communicator: $0, mode: mode,
                    views: views)
            }
            for result in results {
                #expect(result.viewsLoss?.meanLoss == summary.testViewsLoss)
                #expect(result.viewsLoss?.accuracy == summary.testViewsAccuracy)
                #expect(result.loss.meanLoss == summary.testLoss)
            }
        }
    }
}
