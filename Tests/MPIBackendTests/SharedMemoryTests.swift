import CollectivesTesting
import Collectives
import MultiRankSupport
import XCTest

/// What the ranks of one node share when they are processes.
final class SharedMemoryTests: XCTestCase {
    /// The names that processes of this run have left. Collective.
    private func namesLeft(_ communicator: any Communicator) throws -> [String] {
        let processes = try communicator.allgather(Int64(ProcessInfo.processInfo.processIdentifier))
        return SharedMemoryNames.left(by: processes.map { Int32(truncatingIfNeeded: $0) })
    }

    func testPartsOfASplitHaveTheirRanksInTheOrderOfTheKeys() throws {
        let communicator = try MultiRankWorld.communicator()
        let rank = communicator.rank
        let part = try communicator.split(color: rank % 2, key: -rank)
        let expected = (0..<communicator.size).filter { $0 % 2 == rank % 2 }.reversed().map { Int64($0) }
        XCTAssertEqual(try part.allgather(Int64(rank)), expected)
        XCTAssertEqual(part.rank, expected.firstIndex(of: Int64(rank)))
        XCTAssertEqual(part.placement.localSizes.reduce(0, +), expected.count)
        let again = try part.split(color: 0, key: 0)
        XCTAssertEqual(again.rank, part.rank)
        XCTAssertThrowsError(try communicator.split(color: -1, key: 0)) { error in
            XCTAssertEqual(error as? CollectiveArgumentError, .invalidSplit(color: -1, key: 0))
        }
        try communicator.barrier()
    }

    func testPositionsCountTheRanksNodeByNode() throws {
        let communicator = try MultiRankWorld.communicator()
        let placement = communicator.placement
        XCTAssertEqual(placement.localSizes.reduce(0, +), communicator.size)
        XCTAssertEqual(placement.localSizes[placement.nodeIndex], placement.localSize)
        XCTAssertEqual(placement.rankAtPosition[placement.position], communicator.rank)
        XCTAssertEqual(placement.nodeOfRank[communicator.rank], placement.nodeIndex)
        XCTAssertEqual(
            Set(try communicator.allgather(Int64(placement.position))), Set(0..<Int64(communicator.size)))
    }

    func testARegionIsTheSameMemoryForAllRanksAndLeavesNoName() throws {
        let communicator = try MultiRankWorld.communicator()
        let group = try NodeGroup(communicator)
        let count = 100_003
        let region = try group.makeRegion(byteCount: count)
        let bytes = UnsafeMutableRawBufferPointer(start: region.base, count: count)
        XCTAssertEqual(try namesLeft(communicator), [])
        XCTAssertTrue(bytes.allSatisfy { $0 == 0 })
        XCTAssertEqual(Int(bitPattern: region.base) % 4096, 0)
        try group.barrier()
        for i in stride(from: group.localRank, to: count, by: group.localSize) {
            bytes[i] = UInt8(group.localRank + 1)
        }
        try group.barrier()
        XCTAssertTrue(bytes.enumerated().allSatisfy { Int($1) == $0 % group.localSize + 1 })
        try group.barrier()
    }

    func testARegionThatCannotBeHadIsAnErrorOfAllRanksAndLeavesNoName() throws {
        let communicator = try MultiRankWorld.communicator()
        let group = try NodeGroup(communicator)
        for byteCount in [1 << 50, -1] {
            var caught: (any Error)?
            do {
                _ = try group.makeRegion(byteCount: byteCount)
            } catch {
                caught = error
            }
            let error = try XCTUnwrap(caught)
            XCTAssertTrue("\(error)".contains("bytes of shared memory: "), "\(error)")
            XCTAssertEqual(error.shouldReport, communicator.rank == 0)
            XCTAssertEqual(try namesLeft(communicator), [])
            // The next region has a name again.
            try communicator.barrier()
        }
        // What failed leaves the ranks in step.
        XCTAssertEqual(try communicator.allreduce(Int64(1), .sum), Int64(communicator.size))
        try group.barrier()
    }

    func testNobodyPassesTheBarrierBeforeAllHaveCome() throws {
        let group = try NodeGroup(try MultiRankWorld.communicator())
        let region = try group.makeRegion(byteCount: BarrierStress.byteCount(ranks: group.localSize))
        let wrong = try BarrierStress.wrongReads(
            in: region, rank: group.localRank, ranks: group.localSize, rounds: 5000, barrier: group.barrier)
        XCTAssertEqual(wrong, 0)
    }

    func testSleepersAreWokenAcrossProcesses() throws {
        let group = try NodeGroup(try MultiRankWorld.communicator())
        var fastest = Duration.seconds(1000)
        for round in 0..<30 {
            let isLate = round % group.localSize == group.localRank
            if isLate { Thread.sleep(forTimeInterval: 0.02) }
            let start = ContinuousClock.now
            try group.barrier()
            if !isLate || group.localSize == 1 { fastest = min(fastest, ContinuousClock.now - start) }
            try group.barrier()
        }
        // Without the wake-up a sleeper looks again after 100 ms only, in each round. A busy or slow machine delays
        // rounds, too, but not every one of them by so much.
        XCTAssertLessThan(fastest, .milliseconds(90))
    }

    func testACancelledBarrierReleasesOtherProcesses() throws {
        let communicator = try MultiRankWorld.communicator()
        let group = try NodeGroup(communicator)
        guard group.localSize > 1 else { throw XCTSkip("a rank on its own waits for nobody") }
        try group.barrier()
        if group.isLeader {
            Thread.sleep(forTimeInterval: 0.02)
            group.cancel()
        }
        XCTAssertThrowsError(try group.barrier()) { XCTAssertTrue($0 is NodeBarrierCancelled) }
        try communicator.barrier()
    }

    func testCollectivesInSharedMemoryGiveWhatMPIGives() throws {
        let communicator = try MultiRankWorld.communicator()
        for nodeOfRank in Self.layouts(size: communicator.size) {
            let base = PretendedNodes(communicator, nodeOfRank: nodeOfRank)
            let group = try NodeGroup(base)
            for (stagingByteCount, counts) in [(1 << 20, [0, 1, 7, 100_003]), (3000, [0, 1, 7, 5003])] {
                let tested = try SharedMemoryCommunicator(
                    base: base, group: group, stagingByteCount: stagingByteCount)
                var comparison = CollectiveComparison(tested, with: communicator, counts: counts)
                try comparison.run()
                XCTAssertGreaterThan(comparison.comparisons, 100)
                XCTAssertEqual(comparison.differences, [], "nodes \(nodeOfRank)")
            }
        }
        XCTAssertEqual(try namesLeft(communicator), [])
    }

    /// One node, two and three between which the ranks alternate, and one for each rank.
    private static func layouts(size: Int) -> [[Int]] {
        [1, 2, 3, size].map { nodes in (0..<size).map { $0 % nodes } }
    }
}
