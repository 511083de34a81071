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
