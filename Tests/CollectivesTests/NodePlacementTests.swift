import Collectives
import Testing

@Suite struct NodePlacementTests {
    @Test("Nodes are numbered by their lowest ranks, ranks on a node and positions by rank")
    func interleaved() {
        let nodes = [7, 3, 7, 9, 3, 7]
        let placements = nodes.indices.map { rank in
            NodePlacement(rank: rank, nodes: nodes, hostNames: nodes.map { "host-\($0)" })
        }
        #expect(placements.map(\.nodeIndex) == [0, 1, 0, 2, 1, 0])
        #expect(placements.map(\.localRank) == [0, 0, 1, 0, 1, 2])
        #expect(placements.map(\.localSize) == [3, 2, 3, 1, 2, 3])
        #expect(placements.map(\.position) == [0, 3, 1, 5, 4, 2])
        for placement in placements {
            #expect(placement.nodeCount == 3)
            #expect(placement.localSizes == [3, 2, 1])
            #expect(placement.nodeOfRank == [0, 1, 0, 2, 1, 0])
            #expect(placement.rankAtPosition == [0, 2, 5, 1, 4, 3])
            #expect(placement.hostNames == ["host-7", "host-3", "host-9"])
        }
    }

    @Test("A process on its own is at position 0 of one node")
    func alone() {
        #expect(NodePlacement.alone.localSizes == [1])
        #expect(NodePlacement.alone.position == 0)
        #expect(NodePlacement.alone.rankAtPosition == [0])
    }
}
