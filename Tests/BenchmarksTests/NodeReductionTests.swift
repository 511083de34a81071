import Benchmarks
import CollectivesTesting
import Collectives
import MultiRankSupport
import Testing
import XCTest

@Suite struct NodeReductionTests {
    @Test("Every rank reads the sum over all ranks", arguments: 1...8, [0, 1, 7, 17, 1003, 100_003])
    func sums(size: Int, count: Int) throws {
        _ = try ThreadCommunicator.run(size: size, nodes: (size + 2) / 3) { communicator in
            let group = try NodeGroup(communicator)
            let floats = try NodeReduction<Float>(group, count: count)
            let bytes = try NodeReduction<UInt8>(group, count: count)
            #expect(floats.segment.count == count)
            for round in 0..<3 {
                for i in 0..<count {
                    floats.segment[i] = Float((i % 97) * (communicator.rank + 1) + round)
                    bytes.segment[i] = UInt8(truncatingIfNeeded: i * (communicator.rank + 1) + round)
                }
                try floats.allreduce()
                try bytes.allreduce()
                let factor = size * (size + 1) / 2
                #expect(
                    (0..<count).allSatisfy { floats.result[$0] == Float(($0 % 97) * factor + round * size) })
                #expect(
                    (0..<count).allSatisfy {
                        bytes.result[$0] == UInt8(truncatingIfNeeded: $0 * factor + round * size)
                    })
                #expect(
                    (0..<count).allSatisfy {
                        floats.segment[$0] == Float(($0 % 97) * (communicator.rank + 1) + round)
                    })
            }
        }
    }

    @Test("Sums are formed in the order of the ranks")
    func order() throws {
        let parts: [Float] = [1e8, 1, -1e8, 1, 3]
        let expected = parts.dropFirst().reduce(parts[0], +)
        #expect(expected != parts.reversed().reduce(0, +))
        let sums = try ThreadCommunicator.run(size: parts.count) { communicator in
            let reduction = try NodeReduction<Float>(try NodeGroup(communicator), count: 40)
            reduction.segment.update(repeating: parts[communicator.rank])
            try reduction.allreduce()
            return reduction.result.map { $0 }
        }
        #expect(sums == Array(repeating: Array(repeating: expected, count: 40), count: parts.count))
    }

    @Test("Sizes that cannot be are refused", arguments: [-1, Int.max, 1 << 60, 1 << 50])
    func refusal(count: Int) {
        #expect(throws: SharedMemoryError.self) {
            _ = try NodeReduction<Double>(try NodeGroup(SingleProcessCommunicator()), count: count)
        }
    }
}

/// The same where the ranks are processes.
final class NodeReductionMultiRankTests: XCTestCase {
    func testReductionsSumTheSegmentsOfAllRanks() throws {
        let communicator = try MultiRankWorld.communicator()
        let size = communicator.size
        // One node, two and three between which the ranks alternate, and one for each rank.
        for nodeOfRank in [1, 2, 3, size].map({ nodes in (0..<size).map { $0 % nodes } }) {
            let group = try NodeGroup(PretendedNodes(communicator, nodeOfRank: nodeOfRank))
            for count in [0, 1, 7, 100_003] {
                let reduction = try NodeReduction<Double>(group, count: count)
                for round in 0..<3 {
                    for i in 0..<count { reduction.segment[i] = Double(i * (communicator.rank + 1) + round) }
                    try reduction.allreduce()
                    let factor = size * (size + 1) / 2
                    XCTAssertTrue(
                        (0..<count).allSatisfy { reduction.result[$0] == Double($0 * factor + round * size) })
                }
            }
        }
    }
}
