import Checkpoints
import Collectives
import DataParallel
import Datasets
import FileTestSupport
import Foundation
import Images
import MLPEngine
import Metrics
import Testing
import Training

/// What a run with diagnostics records of its model.
@Suite struct DiagnosticsTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A run of one epoch, whose checkpoints are of every step, with more validation records than a pass takes.
    private static func run(hidden: [Int], rate: Double) -> SmallRun {
        SmallRun(epochs: 1, validationSize: 300, checkpointInterval: .steps(1), diagnostics: true) {
            $0.hiddenDimensions = hidden
            $0.activation = .relu
            $0.learningRate = rate
        }
    }

    private func records(_ run: SmallRun, _ name: String = "run") throws -> [EpochDiagnostics] {
        let output = folder.path(name)
        _ = try run.train(over: SingleProcessCommunicator(), output: output)
        return try EpochDiagnostics.read(output + "/diagnostics.jsonl")
    }

    private func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    private func isNear(_ found: Double, _ expected: Double) -> Bool {
        abs(found - expected) <= 1e-4 * max(abs(expected), 1e-3)
    }

    @Test("All numbers are those of a plain computation in double precision", arguments: [[], [12, 9]])
    func plain(hidden: [Int]) throws {
        // The first rate that makes some units die, and not all.
        for rate in [0.1, 0.12, 0.15, 0.2, 0.3] {
            let run = Self.run(hidden: hidden, rate: rate)
            let name = "run-\(rate)"
            let record = try #require(try records(run, name).first)
            let dead = record.layers.compactMap(\.deadUnits)
            if hidden.isEmpty || dead.contains(where: { $0 > 0 && $0 < 1 }) {
                return try compare(record, of: run, hidden: hidden, name)
            }
        }
        Issue.record("no rate makes some units die, and not all")
    }

    private func compare(
        _ record: EpochDiagnostics, of run: SmallRun, hidden: [Int], _ name: String
    ) throws {
        #expect((record.epoch, record.step) == (1, 5))
        let store = CheckpointStore(directory: folder.path(name) + "/checkpoints")
        let dataset = run.dataset
        func network(step: Int) throws -> PlainNetwork {
            try PlainNetwork(CheckpointFile.read(store.path(step: step)), hiddenLayers: hidden.count)
        }
        let (before, after) = try (network(step: 4), network(step: 5))
        let split = ValidationSplit(count: dataset.count(of: .training), validationSize: 300, seed: run.seed)

        // Layers.
        let (x, labels) = try PlainNetwork.inputs(dataset, split.validation)
        let outputs = x.map { after.outputs($0) }
        let kinds = hidden.flatMap { _ in ["linear", "ReLU"] } + ["linear"]
        #expect(record.layers.map(\.kind) == kinds)
        #expect(record.layers.map(\.name) == kinds.indices.map { "layers.\($0)" })
        for (index, layer) in record.layers.enumerated() {
            let numbers = outputs.flatMap { $0[index] }
            let mean = numbers.reduce(0, +) / Double(numbers.count)
            let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)
            // The mean of large numbers may be small.
            let size = abs(mean) + variance.squareRoot()
            #expect(
                abs(layer.mean - mean) <= 1e-4 * size && isNear(layer.variance, variance), "\(layer.name)")
            #expect(isNear(layer.histogram.minimum, numbers.min() ?? 0))
            #expect(isNear(layer.histogram.maximum, numbers.max() ?? 0))
            #expect(layer.histogram.total == numbers.count)
            guard kinds[index] == "ReLU" else {
                #expect(layer.deadUnits == nil)
                continue
            }
            let width = outputs[0][index].count
            let dead = (0..<width).count { unit in outputs.allSatisfy { $0[index][unit] <= 0 } }
            #expect(layer.deadUnits == Double(dead) / Double(width))
        }

        // Predictions.
        var confusion = ConfusionMatrix(classes: dataset.format.classNames)
        for (output, label) in zip(outputs, labels) {
            let logits = output[output.count - 1]
            confusion.add(
                label: label, prediction: logits.indices.max { logits[$0] < logits[$1] } ?? 0)
        }
        #expect(record.confusion == confusion)

        // Tensors; all training records are the sample.
        let training = try PlainNetwork.inputs(dataset, split.training)
        let gradients = after.gradients(training.x, training.labels)
        #expect(record.tensors.count == after.tensors.count)
        for tensor in record.tensors {
            let (old, new) = (before.tensors[tensor.name] ?? [], after.tensors[tensor.name] ?? [])
            #expect(isNear(tensor.norm, norm(new)), "\(tensor.name)")
            #expect(isNear(tensor.updateNorm, norm(zip(new, old).map { $0 - $1 })), "\(tensor.name)")
            #expect(isNear(tensor.gradientNorm, norm(gradients[tensor.name] ?? [])), "\(tensor.name)")
            #expect(tensor.histogram.total == new.count)
        }
        #expect(record.seconds.map(\.name).contains("forward"))
        #expect(record.seconds.allSatisfy { $0.seconds >= 0 })
    }

    @Test("Diagnostics change no bit, with whatever layers there are, and with none")
    func sameBits() throws {
        let settings: [@Sendable (inout TrainingConfiguration) -> Void] = [
            { _ in },
            {
                $0.hiddenDimensions = []
                $0.inputDropout = 0.1
            },
            {
                $0.batchNorm = .sync
                $0.residual = true
                $0.dropout = 0.2
                $0.activation = .gelu
            },
            {
                $0.batchNorm = .local
                $0.activation = .tanh
            },
            { $0.layerNorm = true },
            { $0.strategy = .allreduce },
        ]
        for (index, configure) in settings.enumerated() {
            for size in [0, 40] {
                var run = SmallRun(validationSize: size, configure: configure)
                let digest = try run.digestAlone()
                run.diagnostics = true
                let output = folder.path("run-\(index)-\(size)")
                let outcome = try run.train(over: SingleProcessCommunicator(), output: output)
                #expect(outcome.digest == digest, "\(index)")
                let records = try EpochDiagnostics.read(output + "/diagnostics.jsonl")
                #expect(records.map(\.epoch) == [1, 2])
                for record in records {
                    #expect(record.layers.isEmpty == (size == 0))
                    #expect(record.confusion?.total == (size == 0 ? nil : size))
                    #expect(
                        record.tensors.allSatisfy {
                            $0.norm.isFinite && $0.gradientNorm > 0 && $0.updateNorm > 0
                        }, "\(index)")
                }
            }
        }
    }

    /// All but the seconds.
    private func lasting(_ records: [EpochDiagnostics]) -> [EpochDiagnostics] {
        records.map {
            var record = $0
            record.seconds = []
            return record
        }
    }

    @Test("A run that is stopped and goes on records what the whole run does", arguments: 4...7)
    func resumed(step: Int) throws {
        // Steps 5 and 10 end epochs: the checkpoint after 5 stands between the last step and what is recorded of it.
        let run = SmallRun(batchNorm: .sync, validationSize: 40, diagnostics: true)
        let expected = try records(run, "whole")
        let output = folder.path("stopped")
        _ = try run.train(over: SingleProcessCommunicator(), output: output, stopStep: step)
        _ = try run.train(over: SingleProcessCommunicator(), output: output, resumes: true)
        let found = try EpochDiagnostics.read(output + "/diagnostics.jsonl")
        #expect(expected.count == 2)
        #expect(lasting(found) == lasting(expected))
        for name in ["layers.csv", "classes.csv"] {
            #expect(try folder.data("stopped/" + name) == folder.data("whole/" + name), "\(name)")
        }
    }

    @Test("A run that goes on without diagnostics keeps none of what it comes to again")
    func dropped() throws {
        var run = SmallRun(epochs: 2, validationSize: 40, keepLast: nil, diagnostics: true)
        let output = folder.path("run")
        _ = try run.train(over: SingleProcessCommunicator(), output: output)
        try FileManager.default.removeItem(
            atPath: CheckpointStore(directory: output + "/checkpoints").path(step: 10))
        run.diagnostics = false
        _ = try run.train(over: SingleProcessCommunicator(), output: output, resumes: true)
        #expect(try EpochDiagnostics.read(output + "/diagnostics.jsonl").map(\.epoch) == [1])
    }

    @Test("Without --diagnostics there are no such files")
    func none() throws {
        let output = folder.path("run")
        _ = try SmallRun(validationSize: 40).train(over: SingleProcessCommunicator(), output: output)
        let names = try FileManager.default.contentsOfDirectory(atPath: output)
        #expect(Set(names).isDisjoint(with: ["diagnostics.jsonl", "layers.csv", "classes.csv"]))
    }
}

/// Evaluating and classifying with a checkpoint.
@Suite struct CheckpointPredictionTests {
    private struct Trained {
        let run: SmallRun
        let point: ResumePoint
        let folder: TemporaryFolder
    }

    private static func trained() throws -> Trained {
        let folder = try TemporaryFolder()
        let run = SmallRun(batchNorm: .sync, validationSize: 300)
        _ = try run.train(over: SingleProcessCommunicator(), output: folder.path("run"))
        return Trained(
            run: run, point: try ResumePoint(run: RunDirectory(path: folder.path("run"))), folder: folder)
    }

    @Test("Every split is evaluated whole, and its records are classified as it counts them")
    func splits() throws {
        let trained = try Self.trained()
        let dataset = trained.run.dataset
        let classifier = try Classifier(trained.point, model: .current)
        for (split, count) in [(RunSplit.train, 160), (.validation, 300), (.test, 60)] {
            let result = try CheckpointEvaluation.run(
                trained.point, model: .current, split: split, dataset: dataset,
                communicator: SingleProcessCommunicator(), mode: .rank0)
            #expect((result.loss.samples, result.confusion.total) == (count, count))
            #expect(result.confusion.correct == result.loss.correct)
            var confusion = ConfusionMatrix(classes: dataset.format.classNames)
            var loss = 0.0
            for number in 0..<count {
                let reference = try #require(RecordReference("\(split):\(number)"))
                let (pixels, label) = try reference.read(from: dataset, trained.point.configuration)
                let shares = try classifier.probabilities(of: pixels)
                #expect(abs(shares.reduce(0, +) - 1) < 1e-12)
                confusion.add(label: label, prediction: shares.indices.max { shares[$0] < shares[$1] } ?? 0)
                loss -= log(shares[label])
            }
            #expect(confusion == result.confusion, "\(split)")
            #expect(abs(loss - result.loss.lossSum) < 1e-4 * loss, "\(split)")
            #expect(throws: ConfigurationError.self) {
                try RecordReference("\(split):\(count)")?.read(from: dataset, trained.point.configuration)
            }
        }
    }

    @Test("A record as a picture of twice its size has its probabilities")
    func picture() throws {
        let trained = try Self.trained()
        let classifier = try Classifier(trained.point, model: .best)
        let reference = try #require(RecordReference("test:3"))
        let (pixels, _) = try reference.read(from: trained.run.dataset, trained.point.configuration)
        let (side, plane) = (classifier.format.width, classifier.format.planeBytes)
        let bytes = (0..<4 * plane).flatMap { place in
            (0..<3).map { pixels[$0 * plane + place / (2 * side) / 2 * side + place % (2 * side) / 2] }
        }
        let large = RasterImage(width: 2 * side, height: 2 * side, channels: 3, bytes: bytes)
        #expect(try classifier.pixels(of: large) == pixels)
    }

    @Test(
        "Words that are no record's number are none", arguments: ["test", "test:", "test:-1", "a:1", "x.png"])
    func noReference(word: String) {
        #expect(RecordReference(word).map { $0.number } == nil)
    }
}
