import CollectivesTesting
import Collectives
import Synchronization
import Testing

@Suite struct CommunicationThreadTests {
    private struct Refusal: Error {}

    @Test("An operation goes on beside other collectives, which come in another order on each rank")
    func beside() throws {
        _ = try ThreadCommunicator.run(size: 3) { communicator in
            let thread = try #require(try CommunicationThread(communicator))
            let rank = communicator.rank
            for round in 0..<50 {
                let received = Mutex([Int64]())
                let share: @Sendable (any Communicator) throws -> Void = { peers in
                    var values = [Int64](repeating: -1, count: 6)
                    values[2 * rank] = Int64(round)
                    values[2 * rank + 1] = Int64(rank)
                    try values.withUnsafeMutableBufferPointer {
                        try peers.idleAllgather(segmentsOf: $0, counts: [2, 2, 2])
                    }
                    received.withLock { [values] in $0 = values }
                }
                // A later rank starts after collectives that the first one calls while its operation waits.
                if rank == 0 { thread.start(share) }
                #expect(try communicator.allreduce(Int64(round), .sum) == 3 * Int64(round))
                if rank == 1 { thread.start(share) }
                #expect(try communicator.allreduce(Int64(rank), .maximum) == 2)
                if rank == 2 { thread.start(share) }
                try thread.wait()
                let expected = (0..<3).flatMap { [Int64(round), Int64($0)] }
                #expect(received.withLock { $0 } == expected)
            }
        }
    }

    @Test("What an operation throws, waiting throws, once; the thread goes on")
    func errors() throws {
        _ = try ThreadCommunicator.run(size: 2) { communicator in
            let thread = try #require(try CommunicationThread(communicator))
            try thread.wait()
            thread.start { _ in throw Refusal() }
            #expect(throws: Refusal.self) { try thread.wait() }
            try thread.wait()
            let rank = Mutex<Int?>(nil)
            thread.start { peers in
                try peers.barrier()
                rank.withLock { $0 = peers.rank }
            }
            try thread.wait()
            #expect(rank.withLock { $0 } == communicator.rank)
        }
    }

    @Test("Operations that are started one after another are run in this order, and waited for together")
    func order() throws {
        _ = try ThreadCommunicator.run(size: 3) { communicator in
            let thread = try #require(try CommunicationThread(communicator))
            let sums = Mutex([Int32]())
            for round in 0..<20 {
                thread.start { peers in
                    var value = [Int32(round + peers.rank)]
                    try value.withUnsafeMutableBufferPointer { try peers.idleAllreduce($0, .sum) }
                    sums.withLock { [value] in $0 += value }
                }
            }
            try thread.wait()
            #expect(sums.withLock { $0 } == (0..<20).map { Int32(3 * $0 + 3) })
        }
    }

    @Test("Behind one that fails none is begun")
    func failureOfTheFirst() throws {
        _ = try ThreadCommunicator.run(size: 2) { communicator in
            let thread = try #require(try CommunicationThread(communicator))
            let isStarted = Mutex(false)
            let ran = Mutex(false)
            thread.start { _ in
                while !isStarted.withLock({ $0 }) {}
                throw Refusal()
            }
            thread.start { _ in ran.withLock { $0 = true } }
            isStarted.withLock { $0 = true }
            #expect(throws: Refusal.self) { try thread.wait() }
            #expect(!ran.withLock { $0 })
        }
    }

    @Test("Where one rank may not call from two threads, no rank does", arguments: 0..<3)
    func refusal(one: Int) throws {
        let made = try ThreadCommunicator.run(size: 3) { communicator in
            // Another communicator around it says nothing about threads, so they are not allowed.
            let nodes = PretendedNodes(communicator, nodeOfRank: [0, 1, 2])
            return try CommunicationThread(communicator.rank == one ? nodes : communicator) != nil
        }
        #expect(made == [false, false, false])
    }
}
