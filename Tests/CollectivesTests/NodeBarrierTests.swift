import CollectivesTesting
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

    @Test("Those that have fallen asleep pass when a late rank has come, and not before")
    func sleepers() throws {
        let passed = try ThreadCommunicator.run(size: 3) { communicator in
            let barrier = try NodeBarrier(communicator)
            let region = try communicator.makeSharedRegion(byteCount: BarrierStress.byteCount(ranks: 3))
            let lastLate = region.base.bindMemory(to: Int.self, capacity: 3)
            var rounds: [Int] = []
            for round in 1...6 {
                if round % 3 == communicator.rank {
                    // Long enough for the others to fall asleep; if they do not, the test is only weaker.
                    Thread.sleep(forTimeInterval: 0.03)
                    lastLate[0] = round
                }
                try barrier.wait()
                rounds.append(lastLate[0])
                // Nobody begins the next round while others read.
                try barrier.wait()
            }
            return rounds
        }
        #expect(passed == Array(repeating: Array(1...6), count: 3))
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
