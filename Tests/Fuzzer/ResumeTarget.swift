import Checkpoints
import Collectives
import DataParallel
import Datasets
import Foundation
import Metrics
import Synchronization
import Tensors
import Training

/// Two epochs of five steps of a very small model.
struct SmallTraining {
    static let configuration: TrainingConfiguration = {
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = [4]
        configuration.batchNorm = .sync
        configuration.momentum = 0.9
        configuration.epochs = 2
        configuration.batchSize = 32
        configuration.validationSize = 20
        configuration.logicalShards = 8
        configuration.learningRateRanks = 1
        configuration.matmulPrecision = .highest
        return configuration
    }()

    let folder: String

    private final class Silence: TrainingObserver {
        func runBegins(_ header: [(key: String, value: String)], plan: ConsoleReporter.Plan) {}
        func stepEnded(_ record: StepRecord) {}
        func epochEnded(_ record: EpochRecord) {}
        func note(_ text: String) {}
        func runEnded(_ summary: RunSummary, directory: String) {}
    }

    /// Trains up to the end, or up to the end of the step before which `stops` is true.
    func train(
        _ configuration: TrainingConfiguration, from point: ResumePoint?, output: String,
        stops: @escaping @Sendable () -> Bool
    ) throws {
        var options = RunOptions(programVersion: "fuzz")
        options.output = output
        options.threads = 1
        options.stopRequested = stops
        _ = try Trainer(
            communicator: SingleProcessCommunicator(), configuration: configuration, options: options,
            dataset: SyntheticDataset(seed: 5, trainingCount: 180, testCount: 20), resumePoint: point,
            observer: Silence()
        ).run()
    }

    /// The checkpoint after 7 steps.
    var checkpoint: Result<Checkpoint, any Error> {
        Result {
            let output = folder + "/dp-train-fuzz-\(ProcessInfo.processInfo.processIdentifier)"
            defer { try? FileManager.default.removeItem(atPath: output) }
            let steps = Mutex(0)
            try train(Self.configuration, from: nil, output: output) {
                steps.withLock {
                    $0 += 1
                    return $0 == 7
                }
            }
            return try CheckpointStore(directory: output + "/checkpoints").restoreNewest().checkpoint
        }
    }
}

extension FuzzTarget {
    /// A checkpoint whose metadata say other things than its tensors, digests right: a step is taken from there.
    static func resumeTarget(in folder: String) throws -> FuzzTarget {
        let checkpoint = try sampleCheckpoint()
        let training = SmallTraining(folder: folder)
        let run = RunDirectory(path: folder + "/resumed")
        return FuzzTarget(
            name: "resume", seeds: [MetadataText.text(of: checkpoint)], tokens: MetadataText.tokens,
            isText: true
        ) { input in
            try? FileManager.default.removeItem(atPath: run.path)
            try FileManager.default.createDirectory(
                atPath: run.checkpoints, withIntermediateDirectories: true)
            try MetadataText.write(
                input, tensors: checkpoint.tensors, to: run.checkpoints + "/step-00000007.safetensors.zst")
            let point = try ResumePoint(run: run)
            try point.checkTensors()
            var configuration = point.configuration
            try configuration.validate()
            try configuration.settle(worldSize: 1)
            try configuration.validate(
                against: SyntheticDataset(seed: 5, trainingCount: 180, testCount: 20))
            try training.train(configuration, from: point, output: run.path, stops: { true })
        }
    }
}
