import CollectivesTesting
import Collectives
import MPIBackend
import MultiRankSupport
import XCTest

/// Every collective with every element type at awkward sizes, with other data on every rank.
final class CollectiveTests: XCTestCase {
    private static let counts = [0, 1, 7, 100_003]

    /// Small whole numbers, exact in every type, whose sum over 7 ranks fits into 8 bits.
    private func number(_ index: Int, rank: Int) -> Int { (index * 7 + rank * 13 + 1) % 31 }

    private func forEachType(_ check: (any NumberElement.Type) throws -> Void) rethrows {
        let types: [any NumberElement.Type] = [
            Float.self, Double.self, Int32.self, Int64.self, UInt64.self, UInt8.self,
        ]
        for type in types { try check(type) }
    }

    private func contribution<E: NumberElement>(_ type: E.Type, count: Int, rank: Int) -> [E] {
        (0..<count).map { E(exactlyRepresented: number($0, rank: rank)) }
    }

    func testAllTypesAreCovered() {
        var types: [CollectiveElementType] = []
        forEachType { types.append($0.elementType) }
        XCTAssertEqual(types, CollectiveElementType.allCases)
    }

    func testBroadcastReplacesEveryRanksElementsByThoseOfTheRoot() throws {
        let communicator = try MultiRankWorld.communicator()
        func check<E: NumberElement>(_ type: E.Type) throws {
            for root in 0..<communicator.size {
                for count in Self.counts {
                    var values = contribution(type, count: count, rank: communicator.rank)
                    try communicator.broadcast(&values, root: root)
                    XCTAssertTrue(
                        values == contribution(type, count: count, rank: root),
                        "\(type) \(count) from \(root)")
                }
            }
        }
        try forEachType { try check($0) }
    }

    func testAllreduceCombinesAllRanks() throws {
        let communicator = try MultiRankWorld.communicator()
        func check<E: NumberElement>(_ type: E.Type) throws {
            for operation in ReductionOperation.allCases {
                for count in Self.counts {
                    var values = contribution(type, count: count, rank: communicator.rank)
                    try communicator.allreduce(&values, operation)
                    let expected = (0..<count).map { index in
                        let numbers = (0..<communicator.size).map { number(index, rank: $0) }
                        let combined =
                            switch operation {
                            case .sum: numbers.reduce(0, +)
                            case .minimum: numbers.reduce(Int.max, min)
                            case .maximum: numbers.reduce(0, max)
                            }
                        return E(exactlyRepresented: combined)
                    }
                    XCTAssertTrue(values == expected, "\(operation) of \(count) \(type)")
                }
            }
        }
        try forEachType { try check($0) }
    }

    func testIntegerSumsWrap() throws {
        let communicator = try MultiRankWorld.communicator()
        let size = communicator.size
        XCTAssertEqual(try communicator.allreduce(UInt8(200), .sum), UInt8(truncatingIfNeeded: 200 * size))
        XCTAssertEqual(try communicator.allreduce(UInt64.max, .sum), 0 &- UInt64(size))
        XCTAssertEqual(try communicator.allreduce(Int32.max, .sum), Int32.max &* Int32(size))
        XCTAssertEqual(try communicator.allreduce(Int64.min, .minimum), .min)
        XCTAssertEqual(try communicator.allreduce(UInt64.max - UInt64(communicator.rank), .maximum), .max)
    }

    func testAllreduceGivesEveryRankTheSameBits() throws {
        let communicator = try MultiRankWorld.communicator()
        var values = (0..<1009).map { 1 / Float($0 * 3 + communicator.rank * 5 + 1) }
        try communicator.allreduce(&values, .sum)
        let sums = try communicator.allgather(values)
        for rank in 0..<communicator.size {
            XCTAssertEqual(Array(sums[rank * 1009..<(rank + 1) * 1009]), values, "rank \(rank)")
        }
    }

    func testAllgatherStandsInRankOrder() throws {
        let communicator = try MultiRankWorld.communicator()
        func check<E: NumberElement>(_ type: E.Type) throws {
            for count in Self.counts {
                let all = try communicator.allgather(
                    contribution(type, count: count, rank: communicator.rank))
                let expected = (0..<communicator.size).flatMap { contribution(type, count: count, rank: $0) }
                XCTAssertTrue(all == expected, "\(count) \(type)")
            }
        }
        try forEachType { try check($0) }
        XCTAssertEqual(
            try communicator.allgather(Int64(communicator.rank)), (0..<Int64(communicator.size)).map { $0 })
    }

    func testAllgatherOfSegmentsCompletesABufferWhateverTheirLengths() throws {
        let communicator = try MultiRankWorld.communicator()
        func check<E: NumberElement>(_ type: E.Type) throws {
            for scale in [0, 1, 5, 1009] {
                // Rank 1 and every fourth after it has nothing to give.
                let counts = (0..<communicator.size).map { $0 % 4 == 1 ? 0 : scale * ($0 + 1) }
                let expected = counts.enumerated().flatMap { contribution(type, count: $1, rank: $0) }
                for limit in [Int(Int32.max), 700] {
                    var buffer = [E](repeating: E(exactlyRepresented: 0), count: expected.count)
                    let start = counts[..<communicator.rank].reduce(0, +)
                    let own = start..<start + counts[communicator.rank]
                    buffer.replaceSubrange(own, with: expected[own])
                    let limited = (communicator as? MPICommunicator)?.limited(toCountsOf: limit)
                    try buffer.withUnsafeMutableBufferPointer {
                        try (limited ?? communicator).allgather(segmentsOf: $0, counts: counts)
                    }
                    XCTAssertTrue(buffer == expected, "\(type) \(counts), at most \(limit) at once")
                }
            }
        }
        try forEachType { try check($0) }
        var one: [Float] = [1]
        let tooMany = Array(repeating: 2, count: communicator.size)
        XCTAssertThrowsError(
            try one.withUnsafeMutableBufferPointer {
                try communicator.allgather(segmentsOf: $0, counts: tooMany)
            })
    }

    func testAllgatherRefusesAResultOfAnotherCount() throws {
        let communicator = try MultiRankWorld.communicator()
        let one = UnsafeMutableBufferPointer<Float>.allocate(capacity: 1)
        defer { one.deallocate() }
        one.initialize(repeating: 0)
        let many = UnsafeMutableBufferPointer<Float>.allocate(capacity: communicator.size + 1)
        defer { many.deallocate() }
        many.initialize(repeating: 0)
        XCTAssertThrowsError(try communicator.allgather(UnsafeBufferPointer(one), into: many)) { error in
            XCTAssertEqual(
                error as? CollectiveArgumentError,
                .wrongCount(operation: "allgather", expected: communicator.size, found: communicator.size + 1)
            )
        }
    }

    func testBytesOfUnknownLengthReachEveryRank() throws {
        let communicator = try MultiRankWorld.communicator()
        for root in 0..<communicator.size {
            let own = [UInt8](repeating: UInt8(communicator.rank + 1), count: communicator.rank * 1000)
            let received = try communicator.broadcast(bytes: own, root: root)
            XCTAssertEqual(received, [UInt8](repeating: UInt8(root + 1), count: root * 1000))
            let text = try communicator.broadcast(text: "from rank \(communicator.rank) ↯", root: root)
            XCTAssertEqual(text, "from rank \(root) ↯")
        }
    }

    func testContributionsOfDifferentLengthsAreGathered() throws {
        let communicator = try MultiRankWorld.communicator()
        // Rank 0 contributes nothing at all.
        let own = [UInt8](repeating: UInt8(communicator.rank), count: communicator.rank * 17)
        let all = try communicator.allgather(bytes: own)
        XCTAssertEqual(all, (0..<communicator.size).map { [UInt8](repeating: UInt8($0), count: $0 * 17) })
        let texts = try communicator.allgather(text: String(repeating: "é", count: communicator.rank))
        XCTAssertEqual(texts, (0..<communicator.size).map { String(repeating: "é", count: $0) })
        XCTAssertEqual(try communicator.allgather(bytes: []), Array(repeating: [], count: communicator.size))
    }

    func testLongBuffersGoInParts() throws {
        guard let communicator = try MultiRankWorld.communicator() as? MPICommunicator else {
            throw XCTSkip("MPI counts elements; a single process does not")
        }
        for limit in [1, 6, 7, 1000] {
            let limited = communicator.limited(toCountsOf: limit)
            let count = limit * 3 + 1
            let own = contribution(Double.self, count: count, rank: communicator.rank)
            var sums = own
            try limited.allreduce(&sums, .sum)
            var expected = own
            try communicator.allreduce(&expected, .sum)
            XCTAssertEqual(sums, expected)

            let all = try limited.allgather(own)
            XCTAssertEqual(
                all, (0..<communicator.size).flatMap { contribution(Double.self, count: count, rank: $0) })

            var values = own
            try limited.broadcast(&values, root: communicator.size - 1)
            XCTAssertEqual(values, contribution(Double.self, count: count, rank: communicator.size - 1))
        }
    }
}
