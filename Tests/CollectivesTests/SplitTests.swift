import CollectivesTesting
import Collectives
import Testing

@Suite struct SplitTests {
    private struct Failure: Error, Equatable {}

    @Test("Ranks of one color form a communicator in the order of their keys, then of their ranks")
    func order() throws {
        let keys = [5, 0, 5, -3, 1, 5, 0]
        let members = try ThreadCommunicator.run(size: 7, nodes: 2) { communicator in
            let rank = communicator.rank
            let part = try communicator.split(color: rank % 2, key: keys[rank])
            #expect(part.size == (rank % 2 == 0 ? 4 : 3))
            let members = try part.allgather(Int64(rank))
            #expect(members[part.rank] == Int64(rank))
            #expect(part.placement.nodeOfRank.count == part.size)
            #expect(
                part.placement.hostNames[part.placement.nodeIndex]
                    == communicator.placement.hostNames[communicator.placement.nodeIndex])
            return members
        }
        for (rank, ranks) in members.enumerated() {
            #expect(ranks == (rank % 2 == 0 ? [6, 4, 0, 2] : [3, 1, 5]))
        }
    }

    @Test("Parts work independently of each other and can be split again")
    func independence() throws {
        let sums = try ThreadCommunicator.run(size: 6) { communicator in
            let part = try communicator.split(color: communicator.rank / 4, key: 0)
            var total: Int64 = 0
            // Parts of different sizes call different numbers of collectives.
            for _ in 0..<part.size { total += try part.allreduce(Int64(communicator.rank), .sum) }
            let pair = try part.split(color: part.rank / 2, key: -part.rank)
            total = 100 * total + (try pair.broadcast(Int64(communicator.rank), root: 0))
            try communicator.barrier()
            return total
        }
        #expect(sums == [2401, 2401, 2403, 2403, 1805, 1805])
    }

    @Test("A rank that fails ends the waiting of its part")
    func failure() {
        #expect(throws: Failure()) {
            _ = try ThreadCommunicator.run(size: 4) { communicator in
                let part = try communicator.split(color: communicator.rank / 2, key: 0)
                if communicator.rank == 3 { throw Failure() }
                try part.barrier()
            }
        }
    }

    @Test(
        "Colors and keys that MPI does not allow are refused",
        arguments: [(-1, 0), (1 << 31, 0), (0, 1 << 31)])
    func refusal(color: Int, key: Int) {
        #expect(throws: CollectiveArgumentError.invalidSplit(color: color, key: key)) {
            _ = try SingleProcessCommunicator().split(color: color, key: key)
        }
        #expect(throws: CollectiveArgumentError.invalidSplit(color: color, key: key)) {
            _ = try ThreadCommunicator.run(size: 2) { _ = try $0.split(color: color, key: key) }
        }
    }
}
