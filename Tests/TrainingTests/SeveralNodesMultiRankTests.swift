import Collectives
import DataParallel
import FileTestSupport
import MultiRankSupport
import Tensors
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
            for transport in [RunOptions.Transport.mpi, .auto] {
                for strategy in [TrainingConfiguration.Strategy.factorExchange, .allreduce] {
                    let run = SmallRun(
                        batchNorm: batchNorm, transport: transport, configure: { $0.strategy = strategy })
                    let outcome = try train(run, communicator, in: TemporaryFolder())
                    guard communicator.rank == 0 else { continue }
                    XCTAssertEqual(
                        try run.digestAlone(), outcome.digest, "\(batchNorm), \(transport), \(strategy)")
                }
            }
        }
    }

    func testNodesThatReadAllImagesThemselvesComeToTheBitsOfOne() throws {
        let communicator = try MultiRankWorld.communicator()
        for transport in [RunOptions.Transport.mpi, .auto] {
            let run = SmallRun(batchNorm: .sync, transport: transport, dataPlacement: .host)
            let outcome = try train(run, communicator, in: TemporaryFolder())
            guard communicator.rank == 0 else { continue }
            XCTAssertEqual(try run.digestAlone(), outcome.digest, "\(transport)")
        }
    }

    /// What this rank's training throws, as text; empty if nothing.
    private func failure(_ train: () throws -> RunOutcome) throws -> String {
        do {
            _ = try train()
            return ""
        } catch let error as any AgreedFailure {
            return "\(error)"
        }
    }

    func testNodesWithOtherInstructionSetsComeToTheSameBits() throws {
        let communicator = try MultiRankWorld.communicator()
        let before = InstructionSet.used
        defer { InstructionSet.used = before }
        let sets = InstructionSet.available
        let outcome = try train(
            SmallRun(transport: .mpi, instructionSet: sets[communicator.rank % sets.count]), communicator,
            in: TemporaryFolder())
        guard communicator.rank == 0 else { return }
        XCTAssertEqual(try SmallRun(instructionSet: .best).digestAlone(), outcome.digest)
    }

    func testRanksOfANodeWithOtherInstructionSetsAreRefusedBeforeTheFirstStep() throws {
        let communicator = try MultiRankWorld.communicator()
        try XCTSkipIf(communicator.size == 1, "one rank agrees with itself")
        let sets = InstructionSet.available
        try XCTSkipIf(sets.count == 1, "this CPU has one instruction set")
        let before = InstructionSet.used
        defer { InstructionSet.used = before }
        let last = communicator.size - 1
        let folder = try TemporaryFolder()
        let run = SmallRun(instructionSet: communicator.rank == last ? sets[0] : sets[sets.count - 1])
        let message = try failure { try train(run, communicator, in: folder) }
        XCTAssertTrue(message.contains("expected one instruction set on all ranks of a node"), message)
        XCTAssertTrue(message.contains("\(sets[0].name) on rank \(last) (host "), message)
        XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path("run")))
    }

    func testAReplicaWithAnotherBitIsFoundAtTheNextCheckpoint() throws {
        let communicator = try MultiRankWorld.communicator()
        try XCTSkipIf(communicator.size == 1, "one rank agrees with itself")
        let last = communicator.size - 1
        let run = SmallRun(transport: .mpi, checkpointInterval: .steps(2))
        let message = try failure {
            try train(run, FlippedBit(communicator, rank: last, from: 2), in: TemporaryFolder())
        }
        XCTAssertTrue(message.contains("comparing the models after step"), message)
        XCTAssertTrue(message.contains("others on rank \(last) (host "), message)
        XCTAssertTrue(message.contains("), first in "), message)
    }

    func testAStopWhileABatchIsOnItsWayLosesNothing() throws {
        let communicator = try MultiRankWorld.communicator()
        let run = SmallRun(transport: .mpi)
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
