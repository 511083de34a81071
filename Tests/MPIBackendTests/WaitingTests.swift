import Collectives
import MPIBackend
import MultiRankSupport
import XCTest

/// Barriers, and what waiting at them costs.
final class WaitingTests: XCTestCase {
    private static let delay = 0.4

    /// How long a barrier takes on this rank while rank 0 comes late, and the processor time used meanwhile.
    private func wait(at barrier: () throws -> Void, rank: Int) throws -> (elapsed: Double, processor: Double)
    {
        if rank == 0 { Thread.sleep(forTimeInterval: Self.delay) }
        let start = ContinuousClock.now
        let processorStart = processorTime()
        try barrier()
        let elapsed = ContinuousClock.now - start
        return (elapsed / .seconds(1), processorTime() - processorStart)
    }

    private func processorTime() -> Double {
        var time = timespec()
        XCTAssertEqual(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time), 0)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    func testBarrierWaitsForTheLateRank() throws {
        let communicator = try MultiRankWorld.communicator()
        try communicator.barrier()
        let time = try wait(at: communicator.barrier, rank: communicator.rank)
        if communicator.rank > 0 { XCTAssertGreaterThan(time.elapsed, Self.delay * 0.5) }
    }

    func testIdleBarrierWaitsForTheLateRankAsleep() throws {
        let communicator = try MultiRankWorld.communicator()
        try communicator.barrier()
        let time = try wait(at: communicator.idleBarrier, rank: communicator.rank)
        if communicator.rank > 0 {
            XCTAssertGreaterThan(time.elapsed, Self.delay * 0.5)
            XCTAssertLessThan(time.processor, Self.delay * 0.1)
        }
    }

    func testIdleBarrierIsNotLateByMoreThanAFewMilliseconds() throws {
        let communicator = try MultiRankWorld.communicator()
        try communicator.barrier()
        let start = ContinuousClock.now
        for _ in 0..<20 { try communicator.idleBarrier() }
        let mean = (ContinuousClock.now - start) / .seconds(1) / 20
        XCTAssertLessThan(mean, 0.05)
    }
}
