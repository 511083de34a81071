import Collectives
import DataParallel
import FileTestSupport
import MultiRankSupport
import Training
import XCTest

/// Training on the ranks of the launcher, of which each counts as a node where nothing but MPI carries numbers.
final class SeveralNodesMultiRankTests: XCTestCase {
    private func train(
        _ run: SmallRun, _ communicator: any Communicator, in folder: TemporaryFolder, stopStep: Int? = nil,
        resumes: Bool = false
    ) throws -> RunOutcome {
        // Only rank 0 writes.
        try run.train(
            over: communicator, output: folder.path("run"), stopStep: stopStep, resumes: resumes)
    }

    func testRanksThatExchangeThroughMPIComeToTheBitsOfOne() throws {
        let communicator = try MultiRankWorld.communicator()
        for batchNorm in BatchNormMode.allCases {
            for reduction in [RunOptions.Reduction.mpi, .auto] {
                let run = SmallRun(batchNorm: batchNorm, reduction: reduction)
                let outcome = try train(run, communicator, in: TemporaryFolder())
                guard communicator.rank == 0 else { continue }
                XCTAssertEqual(try run.digestAlone(), outcome.digest, "\(batchNorm), \(reduction)")
            }
        }
    }

    func testAStopWhileABatchIsOnItsWayLosesNothing() throws {
        let communicator = try MultiRankWorld.communicator()
        let run = SmallRun(reduction: .mpi)
        for step in [1, SmallRun.stepsPerEpoch, SmallRun.stepsPerEpoch + 2] {
            let folder = try TemporaryFolder()
            let stopped = try train(run, communicator, in: folder, stopStep: step)
            guard case .stopped(_, let last, _) = stopped else {
                return XCTFail("not stopped after step \(step)")
            }
            XCTAssertEqual(last, step)
            let outcome = try train(run, communicator, in: folder, resumes: true)
            guard communicator.rank == 0 else { continue }
            XCTAssertEqual(try run.digestAlone(), outcome.digest, "step \(step)")
        }
    }
}
