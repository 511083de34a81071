import Checkpoints
import Collectives
import CollectivesTesting
import Curvature
import DataParallel
import Datasets
import FileTestSupport
import Foundation
import MLPEngine
import Metrics
import Testing
import Training

/// The measurement as a whole, of parameters and of a run's checkpoint.
@Suite struct CurvatureMeasurementTests {
    private let dataset = SyntheticDataset(seed: 5, trainingCount: 96, testCount: 20)

    private final class Silence: TrainingObserver {
        func runBegins(_ header: [(key: String, value: String)], plan: ConsoleReporter.Plan) {}
        func stepEnded(_ record: StepRecord) {}
        func epochEnded(_ record: EpochRecord) {}
        func note(_ text: String) {}
        func runEnded(_ summary: RunSummary, directory: String) {}
    }

    /// A run's newest checkpoint, for no run to go on from.
    private static func read(_ run: String) throws -> ResumePoint {
        try ResumePoint(run: RunDirectory(path: run), output: run + "-elsewhere")
    }

    @Test("It agrees with the exact spectrum of the whole Hessian")
    func exact() throws {
        let problem = SmallProblem(.elu(alpha: 1), hidden: [6], rows: 40)
        let loss = try problem.loss(chunkRows: 16)
        var options = CurvatureMeasurement.Options()
        (options.steps, options.probes, options.negligible) = (25, 30, 0.02)
        let w = problem.parameters
        let found = try CurvatureMeasurement(of: loss, at: w, options)
        let n = w.count
        let exact = try SymmetricMatrix.eigenvalues(try loss.hessian(at: w), rows: n)
        #expect(found.parameters == n && found.products == 25 * 30)
        #expect(abs(found.largest.value - exact[n - 1]) <= found.largest.bound + 1e-12)
        #expect(abs(found.smallest.value - exact[0]) <= found.smallest.bound + 1e-12)
        #expect(found.largest.bound < 1e-3 * found.largest.value)
        #expect(found.threshold == 0.02 * max(found.largest.value, -found.smallest.value))
        let share = Double(exact.count { $0 < -found.threshold }) / Double(n)
        let error = try #require(found.negativeShare.standardError)
        #expect(share > 0 && error < 0.05)
        #expect(abs(found.negativeShare.mean - share) < 4 * error)
        let mean = exact.reduce(0, +) / Double(n)
        #expect(
            abs(found.meanEigenvalue.mean - mean) < 4 * (try #require(found.meanEigenvalue.standardError)))
        let (loss0, gradient) = try loss.gradient(at: w)
        #expect(found.loss == loss0)
        #expect(abs(found.gradientNorm * found.gradientNorm - gradient.reduce(0) { $0 + $1 * $1 }) < 1e-12)

        let copy = try JSONDecoder().decode(CurvatureMeasurement.self, from: JSONEncoder().encode(found))
        #expect(copy == found)
    }

    @Test("A sample is spread evenly over its split, and pooled images are means")
    func sample() throws {
        let whole = try ImageSample(dataset, .training, count: 4).read(0..<4)
        let wanted = try dataset.read(.training, records: [0, 24, 48, 72])
        #expect(whole.labels == wanted.labels.map(Int32.init))
        let pooled = ImageSample(dataset, .training, count: 4, pooling: 32)
        #expect(pooled.inputs == 3 && ImageSample(dataset, .training, count: 1000).count == 96)
        let means = try pooled.read(2..<4).inputs
        for (index, mean) in means.enumerated() {
            let start = 2 * 3072 + index * 1024
            let expected = whole.inputs[start..<start + 1024].reduce(0, +) / 1024
            #expect(abs(mean - expected) < 1e-12)
        }
    }

    @Test("A checkpoint is measured with its own parameters and running statistics, on any rank")
    func checkpoint() throws {
        let folder = try TemporaryFolder()
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = [6]
        configuration.batchNorm = .local
        configuration.epochs = 1
        configuration.seed = 8
        configuration.batchSize = 32
        configuration.logicalShards = 8
        configuration.validationSize = 0
        var runOptions = RunOptions(programVersion: "test")
        runOptions.output = folder.path("run")
        _ = try Trainer(
            communicator: SingleProcessCommunicator(), configuration: configuration, options: runOptions,
            dataset: dataset, resumePoint: nil, observer: Silence()
        ).run()
        let path = folder.path("run")
        var options = CurvatureMeasurement.Options()
        (options.records, options.chunkRows, options.steps, options.probes) = (48, 16, 3, 1)
        for usesRunning in [false, true] {
            options.usesRunningStatistics = usesRunning
            let (dataset, options) = (dataset, options)
            let found = try ThreadCommunicator.run(size: 2) { communicator in
                try CurvatureMeasurement.run(
                    communicator.rank == 0 ? try Self.read(path) : nil,
                    dataset: dataset, options: options, communicator: communicator)
            }
            let stored = try CheckpointModel(
                try Self.read(path), model: .current, dataset: dataset,
                communicator: SingleProcessCommunicator(), note: { _ in })
            #expect(Set(stored.runningStatistics).count == 12, "they have moved from 0 and 1")
            let alone = try CurvatureMeasurement.run(
                stored.configuration.model, parameters: stored.parameters,
                runningStatistics: stored.runningStatistics, dataset: dataset, options: options,
                communicator: SingleProcessCommunicator())
            #expect(alone.seconds > 0)
            for rank in found { #expect(rank.measurement == alone.measurement) }
        }
    }
}
