import Collectives
import DataParallel
import FileTestSupport
import MLPEngine
import Metrics
import MultiRankSupport
import Training
import XCTest

/// Diagnostics on the ranks of the launcher.
final class DiagnosticsMultiRankTests: XCTestCase {
    /// What rank 0 has recorded, without the seconds; of the other ranks nothing.
    private func records(_ run: SmallRun, _ communicator: any Communicator) throws -> [EpochDiagnostics] {
        let folder = try TemporaryFolder()
        _ = try run.train(over: communicator, output: folder.path("run"))
        guard communicator.rank == 0 else { return [] }
        return try EpochDiagnostics.read(folder.path("run") + "/diagnostics.jsonl").map {
            var record = $0
            record.seconds = []
            return record
        }
    }

    func testDiagnosticsAreTheBitsOfOneRank() throws {
        let communicator = try MultiRankWorld.communicator()
        let cases: [(RunOptions.Transport, RunOptions.Evaluation, BatchNormMode)] = [
            (.auto, .rank0, .sync), (.auto, .sharded, .local), (.mpi, .sharded, .none),
        ]
        for (transport, evaluation, batchNorm) in cases {
            // Three chunks of validation records: with more ranks than that some have none.
            var run = SmallRun(
                batchNorm: batchNorm, transport: transport, learningRate: 0.01, validationSize: 600,
                evaluation: evaluation, diagnostics: true
            ) {
                $0.activation = .relu
                $0.dropout = 0.25
                $0.residual = true
            }
            let found = try records(run, communicator)
            guard communicator.rank == 0 else { continue }
            (run.transport, run.evaluation) = (.auto, .rank0)
            let alone = try records(run, SingleProcessCommunicator())
            XCTAssertEqual(alone.count, 2)
            XCTAssertEqual(alone.last?.confusion?.total, 600)
            XCTAssertEqual(found, alone, "\(transport), \(evaluation), \(batchNorm)")
        }
    }
}
