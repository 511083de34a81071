import CollectivesTesting
import Collectives
import Testing

@Suite struct SharedMemoryCommunicatorTests {
    private static let layouts: [[Int]] = [
        [0], [0, 0], [0, 1], [0, 0, 0], [0, 1, 0], [0, 1, 1, 0], [0, 1, 2, 0, 1, 2, 0], [0, 0, 0, 0, 0, 1],
        [0, 1, 2, 3, 3, 2, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0],
    ]

    @Test(
        "Every collective gives what the base gives, wherever the ranks run", arguments: layouts,
        [1, 5000, 1 << 20])
    func comparison(nodeOfRank: [Int], stagingByteCount: Int) throws {
        _ = try ThreadCommunicator.run(nodeOfRank: nodeOfRank) { communicator in
            let tested = try SharedMemoryCommunicator(
                base: communicator, group: try NodeGroup(communicator), stagingByteCount: stagingByteCount)
            #expect(tested.rank == communicator.rank)
            #expect(tested.size == communicator.size)
            #expect(tested.placement == communicator.placement)
            var comparison = CollectiveComparison(
                tested, with: communicator, counts: stagingByteCount == 1 ? [0, 1, 7, 100] : [0, 1, 7, 3001])
            try comparison.run()
            #expect(comparison.comparisons > 100)
            #expect(comparison.differences == [])
        }
    }

    @Test("Sums are formed in the order of the ranks, in small and large messages", arguments: [1, 20_000])
    func order(count: Int) throws {
        let parts: [Float] = [1e8, 1, -1e8, 1, 3]
        let sums = try ThreadCommunicator.run(size: parts.count) { communicator in
            let tested = try SharedMemoryCommunicator(base: communicator, group: try NodeGroup(communicator))
            var values = [Float](repeating: parts[communicator.rank], count: count)
            try tested.allreduce(&values, .sum)
            return values
        }
        let expected = [Float](repeating: parts.dropFirst().reduce(parts[0], +), count: count)
        #expect(sums.allSatisfy { $0 == expected })
    }

    @Test("Thousands of small collectives in a row stay in step", arguments: [1, 2])
    func manyCollectives(nodes: Int) throws {
        let totals = try ThreadCommunicator.run(size: 4, nodes: nodes) { communicator in
            let tested = try SharedMemoryCommunicator(base: communicator, group: try NodeGroup(communicator))
            var total: Int64 = 0
            for round in 0..<2000 {
                total += try tested.allreduce(Int64(round + tested.rank), .sum)
                let root = round % 4
                #expect(
                    try tested.broadcast(Int64(round * (tested.rank + 1)), root: root)
                        == Int64(round * (root + 1)))
            }
            return total
        }
        #expect(totals == [Int64](repeating: 4 * 1999 * 1000 + 6 * 2000, count: 4))
    }

    @Test("Arguments that cannot be are refused before anything is sent")
    func refusal() throws {
        _ = try ThreadCommunicator.run(size: 2) { communicator in
            let tested = try SharedMemoryCommunicator(base: communicator, group: try NodeGroup(communicator))
            #expect(throws: CollectiveArgumentError.noSuchRoot(operation: "broadcast", root: 2, size: 2)) {
                _ = try tested.broadcast(Float(1), root: 2)
            }
            var one: [Float] = [1]
            #expect(throws: CollectiveArgumentError.self) {
                try one.withUnsafeMutableBufferPointer {
                    try tested.allgather(segmentsOf: $0, counts: [1, 1])
                }
            }
            try tested.barrier()
        }
    }

    @Test("A leader whose communicator fails releases the ranks of its node")
    func failure() {
        // The only rank of node 0 ends early, so that node 1's leader fails and rank 2 would wait for it.
        #expect(throws: (any Error).self) {
            _ = try ThreadCommunicator.run(size: 3, nodes: 2) { communicator in
                let tested = try SharedMemoryCommunicator(
                    base: communicator, group: try NodeGroup(communicator))
                try communicator.barrier()
                if communicator.rank == 0 { return }
                try tested.barrier()
            }
        }
    }
}
