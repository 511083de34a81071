import DataParallel
import FileTestSupport
import Foundation
import Metrics
import Reports
import Training

/// Run directories with made-up records in a folder of their own.
struct SampleRuns {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Writes a run, whose losses are `loss` / epoch.
    @discardableResult
    func add(
        _ name: String, seed: UInt64 = 42, epochs: Int = 3, loss: Double = 2, diagnostics: Bool = false,
        _ change: (inout TrainingConfiguration) -> Void = { _ in }
    ) throws -> RunRecords {
        var configuration = TrainingConfiguration()
        configuration.seed = seed
        configuration.epochs = epochs
        change(&configuration)
        let directory = RunDirectory(path: folder.path(name))
        try FileManager.default.createDirectory(atPath: directory.path, withIntermediateDirectories: true)
        try directory.write(configuration, to: directory.configuration)
        let sink = try JSONLinesSink(path: directory.metricsJSONL)
        let steps = try StepLog(path: directory.steps)
        let details = try diagnostics ? DiagnosticsFile.json(path: directory.diagnostics) : nil
        for epoch in 1...epochs {
            try sink.recordEpoch(
                EpochRecord(
                    epoch: epoch, step: 10 * epoch, learningRate: 0.1, trainLoss: loss / Double(epoch),
                    trainAccuracy: 0.5, validationLoss: epoch == 2 ? .nan : 1.5, validationAccuracy: 0.4,
                    seconds: 2, imagesPerSecond: 25_000))
            try details?.recordDiagnostics(sampleDiagnostics(epoch, configuration), weights: nil)
            for step in (10 * epoch - 9)...(10 * epoch) {
                try steps.recordStep(
                    StepRecord(
                        epoch: epoch, step: step, learningRate: 0.1, loss: loss, accuracy: 0.5, seconds: 0.1))
            }
        }
        try sink.close()
        try steps.close()
        try details?.close()
        return try RunRecords(path: directory.path)
    }
}

private func sampleDiagnostics(_ epoch: Int, _ configuration: TrainingConfiguration) -> EpochDiagnostics {
    let histogram = Histogram(minimum: -1, maximum: 1, counts: [1, 4, 2])
    let hasNorm = configuration.batchNorm != .none
    let kinds = ["linear"] + (hasNorm ? ["batch norm"] : []) + ["ReLU", "linear"]
    let names = kinds.indices.map { "layers.\($0)" }
    return EpochDiagnostics(
        epoch: epoch, step: 10 * epoch,
        layers: zip(names, kinds).map { name, kind in
            LayerDiagnostics(
                name: name, kind: kind, mean: 0.1, variance: 1, deadUnits: kind == "ReLU" ? 0.25 : nil,
                histogram: histogram)
        },
        tensors: zip(names, kinds).filter { $0.1 == "linear" }.map { name, _ in
            TensorDiagnostics(
                name: "\(name).weight", norm: 3, gradientNorm: 0.5, updateNorm: epoch == 1 ? .nan : 0.01,
                histogram: histogram)
        }, confusion: ConfusionMatrix(classes: ["cat & co", "dog"], counts: [[3, 1], [0, 4]]),
        seconds: [PhaseSeconds(name: "forward", seconds: 0.5), PhaseSeconds(name: "backward", seconds: 1)])
}
