import CollectiveTestSupport
import Collectives
import Foundation
import Testing

@Suite struct NodeBarrierTests {
    @Test("Nobody passes before all have come", arguments: [1, 2, 3, 4, 8])
    func phases(size: Int) throws {
        let wrong = try ThreadCommunicator.run(size: size) { communicator in
            let barrier = try NodeBarrier(communicator)
            let region = try communicator.makeSharedRegion(
                byteCount: BarrierStress.byteCount(ranks: size))
            return try BarrierStress.wrongReads(
                in: region, rank: communicator.rank, ranks: size, rounds: 3000, barrier: barrier.wait)
        }
        #expect(wrong == Array(repeating: 0, count: size))
    }

    @Test("The stress test notices a barrier that lets ranks pass")
    func detection() throws {
        let wrong = try ThreadCommunicator.run(size: 2) { communicator in
            let region = try communicator.makeSharedRegion(byteCount: BarrierStress.byteCount(ranks: 2))
            return try BarrierStress.wrongReads(
                in: region, rank: communicator.rank, ranks: 2, rounds: 3000, barrier: {})
        }
        #expect(wrong.reduce(0, +) > 0)
    }

    @Test("A late rank wakes those that have fallen asleep")
    func sleepers() throws {
        let times = try ThreadCommunicator.run(size: 3) { communicator in
            let barrier = try NodeBarrier(communicator)
            var late: [Bool] = []
            for round in 0..<6 {
                if round % 3 == communicator.rank { Thread.sleep(forTimeInterval: 0.03) }
                let start = ContinuousClock.now
                try barrier.wait()
                late.append(ContinuousClock.now - start > .milliseconds(10))
            }
            return late
        }
        for round in 0..<6 {
            for rank in 0..<3 where rank != round % 3 { #expect(times[rank][round]) }
        }
    }

    @Test("A barrier that is cancelled throws on those who wait and on those who come")
    func cancellation() throws {
        let thrown = try ThreadCommunicator.run(size: 3) { communicator in
            let barrier = try NodeBarrier(communicator)
            try barrier.wait()
            if communicator.rank == 1 {
                Thread.sleep(forTimeInterval: 0.02)
                barrier.cancel()
            }
            return (0..<2).map { _ in
                do {
                    try barrier.wait()
                    return false
                } catch {
                    return error is NodeBarrierCancelled
                }
            }
        }
        #expect(thrown == Array(repeating: [true, true], count: 3))
    }

    @Test("A rank that fails with the barrier in hand releases the others")
    func failure() {
        struct Failure: Error, Equatable {}
        #expect(throws: Failure()) {
            _ = try ThreadCommunicator.run(size: 3) { communicator in
                let barrier = try NodeBarrier(communicator)
                try barrier.wait()
                if communicator.rank == 2 { throw Failure() }
                do {
                    try barrier.wait()
                } catch is NodeBarrierCancelled {
                    return
                }
                throw CancellationError()
            }
        }
    }
}
