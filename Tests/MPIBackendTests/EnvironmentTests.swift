import Collectives
import MPIBackend
import MultiRankSupport
import XCTest

/// The world, its nodes, and errors of MPI itself.
final class EnvironmentTests: XCTestCase {
    func testWorldHasTheExpectedSize() throws {
        let communicator = try MultiRankWorld.communicator()
        let expected = ProcessInfo.processInfo.environment[MultiRankWorld.expectedSizeVariable] ?? "1"
        XCTAssertEqual(communicator.size, Int(expected))
        XCTAssertEqual(
            try communicator.allgather(Int64(communicator.rank)), (0..<communicator.size).map(Int64.init))
    }

    func testLauncherIsDetectedExactlyWhereMPIRuns() throws {
        let communicator = try MultiRankWorld.communicator()
        let launcher = Launcher.detect(environment: ProcessInfo.processInfo.environment)
        XCTAssertEqual(communicator is MPICommunicator, launcher != nil)
        if let launcher {
            XCTAssertEqual(launcher.worldSize, communicator.size)
            XCTAssertEqual(launcher.rank, communicator.rank)
        }
    }

    func testImplementationNamesTheLibraryAndItsVersion() throws {
        let communicator = try MultiRankWorld.communicator()
        if communicator is MPICommunicator {
            XCTAssertNotNil(
                communicator.implementation.wholeMatch(of: /(Open MPI|MPICH|.*MPI.*) [0-9.]+[a-z0-9]*/))
        } else {
            XCTAssertEqual(communicator.implementation, "single process")
        }
    }

    func testPlacementNumbersRanksWithinNodes() throws {
        let communicator = try MultiRankWorld.communicator()
        let own = communicator.placement
        XCTAssertEqual(own.hostNames.count, own.nodeCount)
        XCTAssertFalse(own.hostNames.contains(""))
        let nodes = try communicator.allgather(Int64(own.nodeIndex)).map(Int.init)
        let localRanks = try communicator.allgather(Int64(own.localRank)).map(Int.init)
        XCTAssertEqual(Set(nodes), Set(0..<own.nodeCount))
        XCTAssertEqual(nodes.filter { $0 == own.nodeIndex }.count, own.localSize)
        for rank in nodes.indices {
            XCTAssertEqual(
                localRanks[rank], nodes[..<rank].filter { $0 == nodes[rank] }.count, "rank \(rank)")
        }
        let firstRanks = (0..<own.nodeCount).map { node in nodes.firstIndex(of: node) ?? -1 }
        XCTAssertEqual(firstRanks, firstRanks.sorted())
    }

    func testHelperThreadsOfABoundRankCanUseAllProcessorsOfTheNode() {
        let before = ProcessorAffinity.ofCurrentThread
        let finished = expectation(description: "helper thread")
        ProcessorAffinity.withAffinityToAllProcessors {
            Thread {
                XCTAssertEqual(
                    ProcessorAffinity.processorsOfCurrentThread, ProcessorAffinity.processorsOfNode)
                finished.fulfill()
            }.start()
        }
        wait(for: [finished], timeout: 900)
        XCTAssertEqual(ProcessorAffinity.ofCurrentThread, before)
    }

    func testInvalidRootIsAnErrorAndNotTheEnd() throws {
        let communicator = try MultiRankWorld.communicator()
        for root in [-1, communicator.size, Int.max] {
            XCTAssertThrowsError(try communicator.broadcast(Float(1), root: root)) { error in
                guard communicator is MPICommunicator else {
                    XCTAssertEqual(
                        error as? CollectiveArgumentError,
                        .noSuchRoot(operation: "broadcast", root: root, size: 1))
                    return
                }
                let mpiError = error as? MPIError
                XCTAssertEqual(mpiError?.operation, "MPI_Bcast")
                XCTAssertEqual(mpiError?.rank, communicator.rank)
                XCTAssertNotEqual(mpiError?.code, 0)
                let message = "\(error)"
                XCTAssertTrue(message.hasPrefix("rank \(communicator.rank): MPI_Bcast failed: "), message)
                XCTAssertTrue(message.localizedCaseInsensitiveContains("root"), message)
                XCTAssertFalse(message.contains("\n"), message)
            }
        }
        XCTAssertEqual(try communicator.allreduce(Int64(1), .sum), Int64(communicator.size))
    }

    func testStartingAgainGivesTheSameCommunicator() throws {
        let communicator = try MultiRankWorld.communicator()
        guard communicator is MPICommunicator else { throw XCTSkip("MPI runs under a launcher only") }
        XCTAssertTrue(try MPIEnvironment.start() === communicator)
    }
}
