import Foundation
import Metrics
import Studies
import Training

/// Results that nobody trained.
enum HandMade {
    /// A finished result.
    static func result(
        _ label: String, seed: UInt64, test: Double, digest: String = "d", epochs: Int = 2,
        end: RunEnd? = nil
    ) -> RunResult {
        return RunResult(
            run: StudyRun(label, [:]), seed: seed, settings: "--lr 0.1",
            end: end ?? .finished(summary(test: test, digest: digest, epochs: epochs)),
            epochs: (1...epochs).map { epoch in
                EpochRecord(
                    epoch: epoch, step: epoch, learningRate: 0.1, trainLoss: 1, trainAccuracy: test + 0.1,
                    validationLoss: 1, validationAccuracy: test, seconds: 1, imagesPerSecond: 1)
            },
            diagnostics: [
                EpochDiagnostics(
                    epoch: epochs, step: epochs,
                    layers: (0..<3).flatMap { layer in
                        [
                            LayerDiagnostics(
                                name: "layers.\(2 * layer)", kind: "linear", mean: 0, variance: 1,
                                deadUnits: nil, histogram: empty),
                            LayerDiagnostics(
                                name: "layers.\(2 * layer + 1)", kind: "ReLU", mean: 0, variance: 1,
                                deadUnits: test, histogram: empty),
                        ]
                    },
                    tensors: (0..<3).map { layer in
                        TensorDiagnostics(
                            name: "layers.\(2 * layer).weight", norm: 1, gradientNorm: test, updateNorm: 1,
                            histogram: empty)
                    }, confusion: ConfusionMatrix(classes: ["a", "b"], counts: [[3, 1], [0, 4]]), seconds: [])
            ],
            measured: ["largest", "smallest", "negative", "stationary"].map { .init($0, x: 1, test) })
    }

    private static func summary(test: Double, digest: String, epochs: Int) -> RunSummary {
        let text = """
            {"test_accuracy": \(test), "test_loss": \(1 - test), "best_epoch": \(epochs),
            "best_validation_accuracy": \(test), "parameter_count": 10, "tensors_sha256": "\(digest)",
            "world_size": 1, "logical_shards": 8, "epochs": \(epochs), "train_seconds": 1.5,
            "images_per_second": 100, "checkpoint_pause_seconds": 0}
            """
        do {
            return try JSONDecoder().decode(RunSummary.self, from: Data(text.utf8))
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private static let empty = Histogram(minimum: 0, maximum: 1, counts: [1])

    /// Results of runs `a` and `b`, a value for each seed.
    static func pair(_ a: [Double], _ b: [Double]) -> StudyResults {
        let seeds = (0..<max(a.count, b.count)).map { UInt64($0) }
        return StudyResults(
            runs: [StudyRun("a", [:]), StudyRun("b", [:])], seeds: seeds,
            results: zip(seeds, a).map { result("a", seed: $0, test: $1) }
                + zip(seeds, b).map { result("b", seed: $0, test: $1) })
    }
}
