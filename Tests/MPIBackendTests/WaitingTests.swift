import Collectives
import MPIBackend
import MultiRankSupport
import XCTest

/// Barriers, and what waiting at them costs.
final class WaitingTests: XCTestCase {
    private static let delay = 0.4

    /// How long it takes this rank to pass a barrier to which rank 0 comes late, and the processor time used meanwhile.
    private func wait(
        at barrier: () throws -> Void, _ communicator: any Communicator
    ) throws -> (elapsed: Double, processor: Double) {
        // Rank 0 cannot begin to be late before every rank has read the clock.
        let start = ContinuousClock.now
        try communicator.barrier()
        let processorStart = processorTime()
        if communicator.rank == 0 { Thread.sleep(forTimeInterval: Self.delay) }
        try barrier()
        return ((ContinuousClock.now - start) / .seconds(1), processorTime() - processorStart)
    }

    private func processorTime() -> Double {
        var time = timespec()
        XCTAssertEqual(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time), 0)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    func testBarrierWaitsForTheLateRank() throws {
        let communicator = try MultiRankWorld.communicator()
        let time = try wait(at: communicator.barrier, communicator)
        XCTAssertGreaterThanOrEqual(time.elapsed, Self.delay)
    }

    func testIdleBarrierWaitsForTheLateRankAsleep() throws {
        let communicator = try MultiRankWorld.communicator()
        let time = try wait(at: communicator.idleBarrier, communicator)
        XCTAssertGreaterThanOrEqual(time.elapsed, Self.delay)
        XCTAssertLessThan(time.processor, Self.delay * 0.1)
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
