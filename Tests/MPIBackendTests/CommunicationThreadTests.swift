import Collectives
import MPIBackend
import MultiRankSupport
import XCTest

/// Collectives on a thread of their own, beside those of the main thread.
final class CommunicationThreadTests: XCTestCase {
    /// Every rank's segment has another length, rank 1's none.
    private func counts(_ size: Int, scale: Int) -> [Int] {
        (0..<size).map { $0 == 1 ? 0 : ($0 + 1) * scale }
    }

    private func byte(_ rank: Int, _ index: Int, _ round: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: 31 * rank + 7 * index + 13 * round + 1)
    }

    private func expected(_ counts: [Int], round: Int) -> [UInt8] {
        counts.enumerated().flatMap { rank, count in (0..<count).map { byte(rank, $0, round) } }
    }

    /// Room for all segments with this rank's own.
    private func own(_ counts: [Int], rank: Int, round: Int) -> [UInt8] {
        counts.enumerated().flatMap { other, count in
            (0..<count).map { other == rank ? byte(rank, $0, round) : 0 }
        }
    }

    func testAllgatherAsleepBringsAllSegments() throws {
        let communicator = try MultiRankWorld.communicator()
        for (round, scale) in [1, 1000, 100_000].enumerated() {
            let counts = counts(communicator.size, scale: scale)
            var bytes = own(counts, rank: communicator.rank, round: round)
            try bytes.withUnsafeMutableBufferPointer {
                try communicator.idleAllgather(segmentsOf: $0, counts: counts)
            }
            XCTAssertTrue(bytes == expected(counts, round: round), "\(scale)")
        }
    }

    func testAllreduceAsleepCombinesAllRanks() throws {
        let communicator = try MultiRankWorld.communicator()
        for count in [0, 1, 17, 1000, 300_001] {
            for operation in ReductionOperation.allCases {
                var values = (0..<count).map { Int32(($0 * 7 + communicator.rank * 13 + 1) % 31) }
                var expected = values
                try communicator.allreduce(&expected, operation)
                try values.withUnsafeMutableBufferPointer {
                    try communicator.idleAllreduce($0, operation)
                }
                XCTAssertTrue(values == expected, "\(operation) of \(count)")
            }
        }
    }

    func testMPIAllowsConcurrentCalls() throws {
        let communicator = try MultiRankWorld.communicator()
        guard communicator is MPICommunicator else { return }
        XCTAssertTrue(communicator.allowsConcurrentCalls)
        XCTAssertNotNil(try CommunicationThread(communicator))
    }

    func testOperationsGoOnBesideTheMainThreadsCollectives() throws {
        let communicator = try MultiRankWorld.communicator()
        guard let thread = try CommunicationThread(communicator) else {
            return XCTAssertFalse(communicator.allowsConcurrentCalls)
        }
        let rank = communicator.rank
        let counts = counts(communicator.size, scale: 50_000)
        let total = counts.reduce(0, +)
        let room = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: total)
        defer { room.deallocate() }
        nonisolated(unsafe) let segments = room
        for round in 0..<20 {
            _ = room.update(fromContentsOf: own(counts, rank: rank, round: round))
            thread.start { try $0.idleAllgather(segmentsOf: segments, counts: counts) }
            for _ in 0..<10 {
                var numbers = (0..<2000).map { Float(rank + $0) }
                try communicator.allreduce(&numbers, .sum)
                let ranks = communicator.size
                XCTAssertEqual(numbers[5], Float(ranks * (ranks - 1) / 2 + 5 * ranks))
            }
            try thread.wait()
            XCTAssertTrue(Array(room) == expected(counts, round: round), "round \(round)")
        }
    }
}
