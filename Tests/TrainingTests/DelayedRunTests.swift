import CollectivesTesting
import Collectives
import DataParallel
import Datasets
import FileTestSupport
import Foundation
import Metrics
import MultiRankSupport
import Synchronization
import Tensors
import Testing
import Training
import XCTest

/// A run of 1,000 steps whose ranks are late by random times at every barrier and collective.
private struct DelayedRun: Sendable {
    static let steps = 1000

    private final class Silence: TrainingObserver {
        func runBegins(_ header: [(key: String, value: String)], plan: ConsoleReporter.Plan) {}
        func stepEnded(_ record: StepRecord) {}
        func epochEnded(_ record: EpochRecord) {}
        func note(_ text: String) {}
        func runEnded(_ summary: RunSummary, directory: String) {}
    }

    static func train(over communicator: any Communicator, output: String) throws -> String {
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = [12, 9]
        configuration.batchNorm = .sync
        configuration.momentum = 0.9
        configuration.learningRate = 0.2
        configuration.matmulPrecision = .high
        configuration.batchSize = 16
        let stepsPerEpoch = 50
        configuration.epochs = steps / stepsPerEpoch
        configuration.validationSize = 0
        configuration.logicalShards = 8
        var options = RunOptions(programVersion: "test")
        options.output = output
        options.threads = 1
        options.checkpointInterval = .epochs(configuration.epochs)
        let outcome = try Trainer(
            communicator: communicator, configuration: configuration, options: options,
            dataset: SyntheticDataset(
                seed: 5, trainingCount: stepsPerEpoch * configuration.batchSize, testCount: 20),
            resumePoint: nil, observer: Silence()
        ).run()
        guard case .finished(let summary) = outcome else { return "stopped" }
        return summary.tensorsSHA256
    }

    /// The digest on one rank, without delays.
    static let alone = Result {
        let folder = try TemporaryFolder()
        return try train(over: SingleProcessCommunicator(), output: folder.path("run"))
    }

    static func delayed(_ communicator: any Communicator, output: String) throws -> String {
        try train(
            over: DelayedCommunicator(communicator, seed: 7, longest: .microseconds(200)), output: output)
    }
}

@Suite struct DelayedRunTests {
    @Test(
        "1,000 steps of ranks that are late here and there, on one node and several, come to the bits of one",
        arguments: [[0], [0, 0], [0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0], [0, 1], [0, 0, 1, 1]])
    func sameBits(nodeOfRank: [Int]) throws {
        let folder = try TemporaryFolder()
        let output = folder.path("run")
        let digests = try ThreadCommunicator.run(nodeOfRank: nodeOfRank) {
            try DelayedRun.delayed($0, output: output)
        }
        let alone = try DelayedRun.alone.get()
        #expect(alone.count == 64)
        #expect(digests[0] == alone)
    }
}

/// The same run on the ranks of the launcher.
final class DelayedRunMultiRankTests: XCTestCase {
    func testAThousandStepsOfRanksThatAreLateComeToTheBitsOfOne() throws {
        let communicator = try MultiRankWorld.communicator()
        let folder = try TemporaryFolder()
        let digest = try DelayedRun.delayed(communicator, output: folder.path("run"))
        guard communicator.rank == 0 else { return }
        XCTAssertEqual(try DelayedRun.alone.get(), digest)
    }
}
