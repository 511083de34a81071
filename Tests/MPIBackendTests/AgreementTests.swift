import Collectives
import MPIBackend
import MultiRankSupport
import XCTest

/// A step that fails on one rank fails on all, and exactly one rank reports it.
final class AgreementTests: XCTestCase {
    private struct Failure: Error, Equatable, CustomStringConvertible {
        let rank: Int
        var description: String { "shard \(rank) is empty" }
    }

    private func failure(on ranks: Set<Int>, of communicator: any Communicator) -> (any Error)? {
        do {
            let value = try communicator.agree(on: "reading shards") {
                if ranks.contains(communicator.rank) { throw Failure(rank: communicator.rank) }
                return communicator.rank
            }
            XCTAssertEqual(value, communicator.rank)
            return nil
        } catch {
            return error
        }
    }

    func testSuccessOnAllRanksReturnsEachRanksValue() throws {
        XCTAssertNil(failure(on: [], of: try MultiRankWorld.communicator()))
    }

    func testFailureOnAnyOneRankIsThrownByAll() throws {
        let communicator = try MultiRankWorld.communicator()
        for culprit in 0..<communicator.size {
            let error = try XCTUnwrap(failure(on: [culprit], of: communicator))
            try check(error, culprit: culprit, communicator)
        }
    }

    func testOfSeveralFailuresTheLowestRanksIsReported() throws {
        let communicator = try MultiRankWorld.communicator()
        let ranks = Set(0..<communicator.size)
        try check(try XCTUnwrap(failure(on: ranks, of: communicator)), culprit: 0, communicator)
        try check(
            try XCTUnwrap(failure(on: ranks.subtracting(0..<communicator.size / 2), of: communicator)),
            culprit: communicator.size / 2, communicator)
    }

    func testNestedAgreementsReportOnceAndNameTheInnerStep() throws {
        let communicator = try MultiRankWorld.communicator()
        let culprit = communicator.size - 1
        var caught: (any Error)?
        do {
            try communicator.agree(on: "starting") {
                if let error = failure(on: [culprit], of: communicator) { throw error }
            }
        } catch {
            caught = error
        }
        try check(try XCTUnwrap(caught), culprit: culprit, communicator)
    }

    private func check(_ error: any Error, culprit: Int, _ communicator: any Communicator) throws {
        let isCulprit = communicator.rank == culprit
        XCTAssertEqual(error.shouldReport, isCulprit)
        XCTAssertEqual(try communicator.allreduce(Int64(error.shouldReport ? 1 : 0), .sum), 1)
        if communicator.size == 1 {
            XCTAssertEqual(error as? Failure, Failure(rank: 0))
            return
        }
        XCTAssertEqual("\(error)", "rank \(culprit): reading shards: shard \(culprit) is empty")
        if isCulprit {
            XCTAssertEqual((error as? RankFailure)?.underlying as? Failure, Failure(rank: culprit))
        } else {
            XCTAssertEqual((error as? FailureElsewhere)?.rank, culprit)
        }
    }
}
