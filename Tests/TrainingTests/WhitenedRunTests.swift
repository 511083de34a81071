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
import Whitening

/// Training on whitened images.
@Suite struct WhitenedRunTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func run(epsilon: Double = 0.1, dataSeed: UInt64 = 5) -> SmallRun {
        SmallRun(
            learningRate: 0.02, dataSeed: dataSeed, validationSize: 20,
            configure: {
                $0.whitening = .zca
                $0.whiteningEpsilon = epsilon
            })
    }

    /// The checkpoint that a run ended with.
    private func checkpoint(of run: String) throws -> String {
        try CheckpointStore(directory: run + "/checkpoints").restoreNewest().entry.path
    }

    @Test("It is another run than without, and than with another ε, and the same on several ranks")
    func trains() throws {
        let alone = try run().digestAlone()
        #expect(try SmallRun(learningRate: 0.02, validationSize: 20).digestAlone() != alone)
        #expect(try run(epsilon: 0.3).digestAlone() != alone)
        for (ranks, nodes) in [(2, 1), (3, 2)] {
            let (run, output) = (run(), folder.path("\(ranks)"))
            let digests = try ThreadCommunicator.run(size: ranks, nodes: nodes) { communicator in
                try run.train(over: communicator, output: output).digest
            }
            #expect(digests[0] == alone)
        }
    }

    @Test("A run that was interrupted comes to the bits of one that was not, and tells of its whitening")
    func resumes() throws {
        let (run, output, observer) = (run(), folder.path("run"), SmallRun.Observer())
        let alone = SingleProcessCommunicator()
        _ = try run.train(over: alone, output: output, stopStep: 7, observer: observer)
        #expect(try run.train(over: alone, output: output, resumes: true).digest == run.digestAlone())
        let stored = try CheckpointFile.read(checkpoint(of: output)).metadata.whiteningSHA256
        let sha256 = try #require(stored)
        #expect(sha256.count == 64)
        #expect(observer.header["whitening"]?.contains(sha256.prefix(16)) == true)
        let inspection = try CheckpointInspection(reading: checkpoint(of: output))
        #expect(inspection.text.contains(sha256) && inspection.json.contains(sha256))
    }

    @Test("A run whose whitening is another one is not gone on with, and both digests are named")
    func otherWhitening() throws {
        let (run, output) = (run(), folder.path("run"))
        let alone = SingleProcessCommunicator()
        _ = try run.train(over: alone, output: output, stopStep: 7)
        let path = try checkpoint(of: output)
        var checkpoint = try CheckpointFile.read(path)
        let found = try #require(checkpoint.metadata.whiteningSHA256)
        let other = String(found.reversed())
        checkpoint.metadata.whiteningSHA256 = other
        try CheckpointFile.encode(checkpoint).write(to: URL(filePath: path))
        let error = #expect(throws: (any Error).self) {
            try run.train(over: alone, output: output, resumes: true)
        }
        #expect("\(error as Any)".contains(found) && "\(error as Any)".contains(other))
    }

    @Test("A checkpoint of whitened images is evaluated on whitened images, and on no others")
    func evaluates() throws {
        let (run, output) = (run(), folder.path("run"))
        let summary = try #require(
            try run.train(over: SingleProcessCommunicator(), output: output).summary)
        let path = try checkpoint(of: output)
        let dataset = run.dataset
        for ranks in [1, 2] {
            let found = try ThreadCommunicator.run(size: ranks) { communicator in
                let point = communicator.rank == 0 ? try ResumePoint(path: path) : nil
                return try CheckpointEvaluation.run(
                    point, model: .best, dataset: dataset, communicator: communicator, mode: .sharded
                ).loss.meanLoss
            }
            #expect(found.allSatisfy { $0 == summary.testLoss })
        }
        // The classifier, with the map, agrees with the evaluation on each image.
        let point = try ResumePoint(path: path)
        let classifier = try Classifier(point, model: .best)
        let whitened = try #require(try point.whitenedAlone({ dataset }, note: { _ in }))
        let map = try whitened.map()
        let raw = try dataset.read(.test, records: Array(0..<dataset.count(of: .test)))
        let d = classifier.format.imageBytes
        let correct = try raw.labels.indices.reduce(0) { sum, image in
            let pixels = Array(raw.pixels[image * d..<(image + 1) * d])
            let answer = try classifier.probabilities(
                of: map.apply(to: pixels, WorkerTeam(upTo: 1)).images)
            return sum + (answer.firstIndex(of: answer.max() ?? 0) == Int(raw.labels[image]) ? 1 : 0)
        }
        #expect(Double(correct) / Double(raw.count) == summary.testAccuracy)

        let other = self.run(dataSeed: 6).dataset
        let error = #expect(throws: WhiteningFailure.self) {
            try CheckpointEvaluation.run(
                point, model: .current, dataset: other, communicator: SingleProcessCommunicator(),
                mode: .rank0)
        }
        #expect(error?.description.contains("fingerprint") == true)
    }

    @Test("A folded model has the layers of the other one, but the first")
    func folding() throws {
        let (run, output) = (run(), folder.path("run"))
        _ = try run.train(over: SingleProcessCommunicator(), output: output)
        let point = try ResumePoint(path: try checkpoint(of: output))
        let tensors = try CheckpointFile.read(checkpoint(of: output)).weights(of: .current)
        let whitened = try #require(try point.whitenedAlone({ run.dataset }, note: { _ in }))
        let folded = try whitened.map().folded(into: tensors, of: point.configuration)
        #expect(folded.map(\.name) == tensors.map(\.name) && folded.map(\.shape) == tensors.map(\.shape))
        let changed = zip(tensors, folded).filter { $0 != $1 }.map(\.0.name)
        #expect(changed.sorted() == ["layers.0.bias", "layers.0.weight"])
    }

    @Test("--whiten-epsilon belongs to --whiten zca, and is greater than 0")
    func settings() throws {
        var configuration = TrainingConfiguration()
        #expect(throws: ConfigurationError.self) { try configuration.apply(["whiten-epsilon": "0.2"]) }
        configuration = TrainingConfiguration()
        try configuration.apply(["whiten": "zca", "whiten-epsilon": "0"])
        #expect(throws: ConfigurationError.self) { try configuration.validate() }
        try configuration.apply(["whiten-epsilon": "0.5"])
        try configuration.validate()
        let stored = try JSONDecoder().decode(
            TrainingConfiguration.self, from: JSONEncoder().encode(configuration))
        #expect(stored == configuration && stored.format.paddingByte == 128)
        #expect(stored.dataFormat == .cifar10 && stored.format != .cifar10)
    }
}
