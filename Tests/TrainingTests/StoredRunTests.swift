import Checkpoints
import Collectives
import FileTestSupport
import Foundation
import MLPEngine
import Testing
import Training

/// What a checkpoint or config.json says is checked as a flag is, before anything is built on it.
@Suite struct StoredRunTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A checkpoint of a small run that stopped after step 7, in the second epoch of five steps, changed.
    private func put(
        _ change: (inout Checkpoint, inout TrainingConfiguration) throws -> Void
    ) throws -> String {
        let run = folder.path("run-\(UUID().uuidString)")
        guard
            case .stopped = try SmallRun().train(over: SingleProcessCommunicator(), output: run, stopStep: 7)
        else {
            Issue.record("the run was not stopped")
            return run
        }
        let store = CheckpointStore(directory: run + "/checkpoints")
        var checkpoint = try store.restoreNewest().checkpoint
        var configuration = try JSONDecoder().decode(
            TrainingConfiguration.self, from: Data(checkpoint.metadata.configuration.utf8))
        let before = configuration
        try change(&checkpoint, &configuration)
        if configuration != before {
            let json = try JSONEncoder().encode(configuration)
            checkpoint.metadata.configuration = String(decoding: json, as: UTF8.self)
        }
        let path = folder.path("changed.zst")
        try CheckpointFile.encode(checkpoint).write(to: URL(filePath: path))
        return path
    }

    private func refusal(
        _ change: (inout Checkpoint, inout TrainingConfiguration) throws -> Void
    ) throws -> String {
        let path = try put(change)
        do {
            try ResumePoint(path: path).checkTensors()
            Issue.record("it is accepted")
            return ""
        } catch let error as ResumePoint.Failure {
            #expect(error.description.contains(path))
            return error.description
        }
    }

    @Test func `A checkpoint as it was written is accepted`() throws {
        let point = try ResumePoint(path: try put { _, _ in })
        try point.checkTensors()
        #expect(point.configuration.hiddenDimensions == [12, 9])
    }

    @Test func `A checkpoint of a program that had other names for settings is accepted`() throws {
        let point = try ResumePoint(
            path: try put { checkpoint, _ in
                let text = checkpoint.metadata.configuration
                let old = text.replacing(
                    "\"strategy\":\"factor-exchange\"", with: "\"arithmetic\":\"reproducible\""
                )
                .replacing("\"products\":\"own\",", with: "")
                #expect(!old.contains("strategy") && !old.contains("products") && old != text)
                checkpoint.metadata.configuration = old
            })
        try point.checkTensors()
        #expect(point.configuration.strategy == .factorExchange && point.configuration.products == .own)
    }

    @Test func `Settings out of range are refused as flags are`() throws {
        let changes: [(setting: String, change: (inout TrainingConfiguration) -> Void)] = [
            ("--hidden-dims", { $0.hiddenDimensions = [-9] }),
            ("--hidden-dims", { $0.hiddenDimensions = [0] }),
            ("--hidden-dims", { $0.hiddenDimensions = [1 << 40] }),
            ("--hidden-dims", { $0.hiddenDimensions = Array(repeating: 1, count: 5000) }),
            ("--batch-size", { $0.batchSize = 0 }), ("--batch-size", { $0.batchSize = .min }),
            ("--epochs", { $0.epochs = -1 }), ("--momentum", { $0.momentum = 1 }),
            ("--logical-shards", { $0.logicalShards = -8 }),
            ("--validation-size", { $0.validationSize = -1 }),
            ("--lr-scaling", { $0.learningRateRanks = 0 }),
            ("--elu-alpha", { $0.activation = .elu(alpha: -1) }),
            ("--lr-step-epochs", { $0.schedule = .step(epochs: 0, factor: 1) }),
        ]
        for (setting, change) in changes {
            let message = try refusal { change(&$1) }
            #expect(message.contains("its configuration cannot be used: \(setting): expected"), "\(message)")
        }
    }

    @Test func `Positions and sums that no run comes to are refused`() throws {
        typealias Position = CheckpointMetadata.Position
        for (epoch, step, stepInEpoch) in [
            (0, 7, 2), (1, 7, 8), (1, 7, 6), (2, 7, 2), (1, 2, 2), (0, .max, .max), (.max, .max, 0),
            (1, 1 << 60, 0),
        ] {
            let message = try refusal { checkpoint, _ in
                checkpoint.metadata.position = Position(epoch: epoch, step: step, stepInEpoch: stepInEpoch)
            }
            #expect(message.contains("step") || message.contains("epoch"), "\(message)")
        }
        for (key, value) in [
            ("epoch_samples", "-1"), ("epoch_samples", "\(Int.max)"), ("epoch_correct", "-5"),
            ("epoch_correct", "9999"), ("epoch_seconds", "inf"), ("epoch_seconds", "-1"),
        ] {
            let message = try refusal { checkpoint, _ in checkpoint.metadata.additional[key] = value }
            #expect(message.contains(key), "\(message)")
        }
        let shards = try refusal { checkpoint, _ in checkpoint.metadata.logicalShards = 4 }
        #expect(shards.contains("logical_shards"))
        let best = try refusal { checkpoint, _ in
            checkpoint.metadata.bestValidation = .init(epoch: 9, step: 5, accuracy: 0.5, loss: 1)
        }
        #expect(best.contains("best_validation_epoch"))
    }

    @Test func `Tensors of another model than the configuration's are refused before the model is built`()
        throws
    {
        let message = try refusal { $1.hiddenDimensions = [1 << 20, 1 << 20, 1 << 20] }
        #expect(message.contains("tensor layers.0.weight: expected [1048576, 3072], found [12, 3072]"))
        let velocity = try refusal { checkpoint, _ in
            checkpoint.tensors.removeAll { $0.name.hasPrefix("optimizer.") }
        }
        #expect(velocity.contains("tensor optimizer.velocity.layers.0.weight"))
    }

    @Test func `A position that the data set does not bear out is refused`() throws {
        // Consistent in itself, but of epochs of six steps.
        let path = try put { checkpoint, _ in
            checkpoint.metadata.position = .init(epoch: 1, step: 8, stepInEpoch: 2)
        }
        let run = RunDirectory(path: folder.path("other"))
        let target = CheckpointStore(directory: run.checkpoints)
        try target.openForWriting()
        try FileManager.default.copyItem(atPath: path, toPath: target.path(step: 8))
        let error = #expect(throws: ResumePoint.Failure.self) {
            try SmallRun().train(over: SingleProcessCommunicator(), output: run.path, resumes: true)
        }
        #expect(
            error?.description.contains("expected epochs of 5 steps") == true, "\(String(describing: error))")
    }

    @Test(.timeLimit(.minutes(1)))
    func `A config.json that cannot be used is named where the run has nothing else`() throws {
        let run = RunDirectory(path: folder.path("run"))
        _ = try run.create()
        var configuration = TrainingConfiguration()
        configuration.batchSize = -1
        try run.write(configuration, to: run.configuration)
        let hostile = #expect(throws: ResumePoint.Failure.self) { try ResumePoint(run: run) }
        #expect(
            hostile?.description.contains("\(run.configuration): its configuration cannot be used") == true)
        try FileManager.default.removeItem(atPath: run.configuration)
        try #require(mkfifo(run.configuration, 0o600) == 0)
        #expect(throws: (any Error).self) { try ResumePoint(run: run) }
        #expect(run.storedConfiguration == nil)
    }
}
