import Collectives
import MPIBackend
import MultiRankSupport
import XCTest

/// Barriers, and what waiting at them costs.
final class WaitingTests: XCTestCase {
    private static let delay = 0.4

    /// How long it takes this rank to pass a barrier to which rank 0 comes late, how long it is at the barrier, and how
    /// often it gives up its processor there to sleep.
    private func wait(
        at barrier: () throws -> Void, _ communicator: any Communicator
    ) throws -> (elapsed: Double, waited: Double, sleeps: Int?) {
        // Rank 0 cannot begin to be late before every rank has read the clock.
        let start = ContinuousClock.now
        try communicator.barrier()
        if communicator.rank == 0 { Thread.sleep(forTimeInterval: Self.delay) }
        let (arrival, sleeps) = (ContinuousClock.now, sleepCount())
        try barrier()
        let (end, sleepsAfter) = (ContinuousClock.now, sleepCount())
        return (
            (end - start) / .seconds(1), (end - arrival) / .seconds(1),
            sleeps.flatMap { before in sleepsAfter.map { $0 - before } }
        )
    }

    /// How often this thread has gone to sleep by itself, where the system tells.
    private func sleepCount() -> Int? {
        let status = try? String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") }
        return line?.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) }
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
        // It sleeps for a millisecond at most, over and over: on however slow or busy a machine ten times in a second.
        // One that looks without sleeping never gives up its processor by itself.
        if let sleeps = time.sleeps { XCTAssertGreaterThanOrEqual(sleeps, Int(time.waited * 10)) }
    }

    func testIdleBarrierIsNotLateByMoreThanAFewMilliseconds() throws {
        let communicator = try MultiRankWorld.communicator()
        try communicator.barrier()
        var fastest = Duration.seconds(1000)
        for _ in 0..<20 {
            let start = ContinuousClock.now
            try communicator.idleBarrier()
            fastest = min(fastest, ContinuousClock.now - start)
        }
        // A busy machine may delay any of them, but not all.
        XCTAssertLessThan(fastest, .milliseconds(50))
    }
}
