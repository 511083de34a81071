import CollectivesTesting
import Collectives
import Testing

@Suite struct NodeGroupTests {
    @Test("Each node has its ranks in order and one leader, in the order of the nodes")
    func groups() throws {
        let nodes = [0, 1, 0, 2, 1, 0]
        _ = try ThreadCommunicator.run(nodeOfRank: nodes) { communicator in
            let group = try NodeGroup(communicator)
            let node = nodes[communicator.rank]
            #expect(group.nodeIndex == node)
            #expect(group.nodeCount == 3)
            let expected = nodes.indices.filter { nodes[$0] == node }.map(Int64.init)
            #expect(try group.node.allgather(Int64(communicator.rank)) == expected)
            #expect(group.node.rank == group.localRank)
            #expect(group.node.size == group.localSize)
            #expect(group.isLeader == (group.localRank == 0))
            #expect((group.leaders != nil) == group.isLeader)
            if let leaders = group.leaders {
                #expect(try leaders.allgather(Int64(communicator.rank)) == [0, 1, 3])
            }
            try group.barrier()
        }
    }

    @Test("A region belongs to one node alone")
    func regions() throws {
        _ = try ThreadCommunicator.run(size: 5, nodes: 2) { communicator in
            let group = try NodeGroup(communicator)
            let region = try group.makeRegion(byteCount: 8 * group.localSize)
            let numbers = region.base.bindMemory(to: Int.self, capacity: group.localSize)
            numbers[group.localRank] = 10 + communicator.rank
            try group.barrier()
            let placement = communicator.placement
            for local in 0..<group.localSize {
                let rank = placement.rankAtPosition[placement.position - group.localRank + local]
                #expect(numbers[local] == 10 + rank)
            }
            try group.barrier()
        }
    }

    @Test("Memory that one node does not have is an error on all nodes")
    func refusal() throws {
        let errors = try ThreadCommunicator.run(size: 4, nodes: 2) { communicator in
            let group = try NodeGroup(communicator)
            do {
                _ = try group.makeRegion(byteCount: group.nodeIndex == 1 ? 1 << 50 : 64)
                return "no error"
            } catch {
                return "\(type(of: error))"
            }
        }
        #expect(errors == ["FailureElsewhere", "FailureElsewhere", "RankFailure", "FailureElsewhere"])
    }
}
