import CollectivesTesting
import Collectives
import Foundation
import Testing

@Suite struct ThreadCommunicatorTests {
    private struct Failure: Error, Equatable { let rank: Int }

    @Test("Ranks number the threads and values come back in rank order", arguments: [1, 2, 3, 7])
    func ranks(size: Int) throws {
        let ranks = try ThreadCommunicator.run(size: size) { communicator in
            #expect(communicator.size == size)
            return communicator.rank
        }
        #expect(ranks == Array(0..<size))
    }

    @Test("Every rank receives the root's elements", arguments: [1, 2, 3, 7], [0, 1, 7, 1003])
    func broadcast(size: Int, count: Int) throws {
        _ = try ThreadCommunicator.run(size: size) { communicator in
            for root in 0..<size {
                var values = [Int64](repeating: Int64(communicator.rank), count: count)
                try communicator.broadcast(&values, root: root)
                #expect(values == [Int64](repeating: Int64(root), count: count))
            }
        }
    }

    @Test("Reductions combine all ranks", arguments: [1, 2, 3, 7])
    func allreduce(size: Int) throws {
        _ = try ThreadCommunicator.run(size: size) { communicator in
            let rank = communicator.rank
            var sums = (0..<101).map { Double($0 * rank) }
            try communicator.allreduce(&sums, .sum)
            #expect(sums == (0..<101).map { Double($0 * size * (size - 1) / 2) })
            #expect(try communicator.allreduce(Float(rank), .maximum) == Float(size - 1))
            #expect(try communicator.allreduce(Float(rank), .minimum) == 0)
            #expect(try communicator.allreduce(UInt8(200), .sum) == UInt8(truncatingIfNeeded: 200 * size))
            var none: [UInt64] = []
            try communicator.allreduce(&none, .sum)
            #expect(none.isEmpty)
        }
    }

    @Test("Sums are formed in rank order, whoever comes first")
    func rankOrder() throws {
        let parts: [Float] = [1e8, 1, -1e8, 1]
        let expected = ((parts[0] + parts[1]) + parts[2]) + parts[3]
        for late in parts.indices {
            let sums = try ThreadCommunicator.run(size: parts.count) { communicator in
                if communicator.rank == late { Thread.sleep(forTimeInterval: 0.01) }
                return try communicator.allreduce(parts[communicator.rank], .sum)
            }
            #expect(sums == [Float](repeating: expected, count: parts.count))
        }
    }

    @Test("An allgather of segments completes a buffer whatever their lengths", arguments: 1...7)
    func allgatherOfSegments(size: Int) throws {
        let counts = (0..<size).map { $0 % 3 == 1 ? 0 : 2 * $0 + 1 }
        let expected = counts.enumerated().flatMap { rank, count in (0..<count).map { Int64(100 * rank + $0) }
        }
        let buffers = try ThreadCommunicator.run(size: size) { communicator in
            let start = counts[..<communicator.rank].reduce(0, +)
            var buffer = [Int64](repeating: -1, count: expected.count)
            for index in start..<start + counts[communicator.rank] { buffer[index] = expected[index] }
            try buffer.withUnsafeMutableBufferPointer {
                try communicator.allgather(segmentsOf: $0, counts: counts)
            }
            return buffer
        }
        #expect(buffers == Array(repeating: expected, count: size))
    }

    @Test("Contributions are gathered in rank order", arguments: [1, 2, 3, 7])
    func allgather(size: Int) throws {
        _ = try ThreadCommunicator.run(size: size) { communicator in
            let rank = communicator.rank
            #expect(try communicator.allgather(UInt64(rank)) == (0..<UInt64(size)).map { $0 })
            let texts = try communicator.allgather(text: String(repeating: "x", count: rank * 3))
            #expect(texts == (0..<size).map { String(repeating: "x", count: $0 * 3) })
            #expect(
                try communicator.broadcast(bytes: rank == size - 1 ? [1, 2, 3] : [], root: size - 1) == [
                    1, 2, 3,
                ])
        }
    }

    @Test("A failure on one rank is thrown by all and reported by one", arguments: [0, 1, 2])
    func agreement(culprit: Int) throws {
        let reports = try ThreadCommunicator.run(size: 3) { communicator in
            do {
                try communicator.agree(on: "loading") {
                    if communicator.rank == culprit { throw Failure(rank: culprit) }
                }
                return "no error"
            } catch {
                #expect("\(error)" == "rank \(culprit): loading: Failure(rank: \(culprit))")
                if let failure = error as? RankFailure {
                    #expect(failure.underlying as? Failure == Failure(rank: culprit))
                }
                return error.shouldReport ? "reports" : "stays silent"
            }
        }
        #expect(reports == (0..<3).map { $0 == culprit ? "reports" : "stays silent" })
    }

    @Test("A rank that merely repeats another's failure does not report a second time")
    func nestedAgreement() throws {
        #expect {
            _ = try ThreadCommunicator.run(size: 3) { communicator in
                try communicator.agree(on: "outer") {
                    try communicator.agree(on: "inner") {
                        if communicator.rank == 1 { throw Failure(rank: 1) }
                    }
                }
            }
        } throws: { error in
            "\(error)" == "rank 1: inner: Failure(rank: 1)" && error.shouldReport
        }
    }

    @Test("An agreement passes on values that cannot be copied")
    func noncopyable() throws {
        struct Storage: ~Copyable { let rank: Int }
        let ranks = try ThreadCommunicator.run(size: 2) { communicator in
            let storage = try communicator.agree(on: "allocating") { Storage(rank: communicator.rank) }
            return storage.rank
        }
        #expect(ranks == [0, 1])
    }

    @Test("A rank that throws ends the others' waiting, and its error is the one thrown")
    func failure() {
        #expect(throws: Failure(rank: 2)) {
            _ = try ThreadCommunicator.run(size: 4) { communicator in
                if communicator.rank == 2 { throw Failure(rank: 2) }
                try communicator.barrier()
            }
        }
    }

    @Test("A rank that aborts ends the others' waiting")
    func abort() {
        #expect(throws: ThreadCommunicatorError.aborted(rank: 1, code: 9)) {
            _ = try ThreadCommunicator.run(size: 3) { communicator in
                if communicator.rank == 1 { communicator.abort(code: 9) }
                try communicator.idleBarrier()
            }
        }
    }

    @Test("A rank that returns while others wait is an error")
    func early() {
        #expect(throws: ThreadCommunicatorError.rankEnded(rank: 0, waiting: "barrier")) {
            _ = try ThreadCommunicator.run(size: 2) { communicator in
                if communicator.rank == 1 { try communicator.barrier() }
            }
        }
    }

    @Test("Different collectives, counts and roots are errors")
    func mismatch() {
        let mistakes: [@Sendable (ThreadCommunicator) throws -> Void] = [
            { $0.rank == 0 ? try $0.barrier() : try $0.idleBarrier() },
            { _ = try $0.broadcast(Float(1), root: $0.rank) },
            { communicator in
                var values = [Float](repeating: 0, count: 3 + communicator.rank)
                try communicator.allreduce(&values, .sum)
            },
            { _ = try $0.allreduce(Float(1), $0.rank == 0 ? .sum : .maximum) },
            { _ = $0.rank == 0 ? try $0.allgather(Float(1)).count : try $0.allgather(Double(1)).count },
        ]
        for mistake in mistakes {
            #expect {
                _ = try ThreadCommunicator.run(size: 2, mistake)
            } throws: { error in
                if case .mismatch? = error as? ThreadCommunicatorError { true } else { false }
            }
        }
    }

    @Test("Ranks are spread over pretended nodes in contiguous blocks")
    func nodes() throws {
        let placements = try ThreadCommunicator.run(size: 7, nodes: 3) { $0.placement }
        #expect(placements.map(\.nodeIndex) == [0, 0, 1, 1, 2, 2, 2])
        #expect(placements.map(\.localRank) == [0, 1, 0, 1, 0, 1, 2])
        #expect(placements.map(\.localSize) == [2, 2, 2, 2, 3, 3, 3])
        #expect(placements.allSatisfy { $0.nodeCount == 3 && $0.hostNames.count == 3 })
    }

    @Test("Sizes that cannot be are refused", arguments: [(0, 1), (-1, 1), (2, 3), (2, 0)])
    func sizes(size: Int, nodes: Int) {
        #expect(throws: CollectiveArgumentError.self) {
            _ = try ThreadCommunicator.run(size: size, nodes: nodes) { $0.rank }
        }
    }

    @Test("Thousands of collectives in a row stay in step")
    func manyMeetings() throws {
        let sums = try ThreadCommunicator.run(size: 4) { communicator in
            var total: Int64 = 0
            for round in 0..<2000 {
                total += try communicator.allreduce(Int64(round + communicator.rank), .sum)
            }
            return total
        }
        #expect(sums == [Int64](repeating: 4 * 1999 * 1000 + 6 * 2000, count: 4))
    }
}
