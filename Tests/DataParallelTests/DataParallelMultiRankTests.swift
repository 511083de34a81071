import Collectives
import DataParallel
import MLPEngine
import MultiRankSupport
import TensorTestSupport
import Tensors
import XCTest

/// Data-parallel training on the ranks of the launcher, against one replica that sees the whole batch.
///
/// Run under mpirun with 1, 2, 3, 4 and 7 ranks; with 3 and 7 the ranks have different numbers of rows.
final class DataParallelMultiRankTests: XCTestCase {
    private let tolerance = 1e-5

    private func check(_ problem: TrainingProblem, steps: Int) throws {
        let communicator = try MultiRankWorld.communicator()
        let state = try problem.train(steps: steps, over: communicator, as: Float.self)
        // Every rank has rows of its own, and all of them together are the batch.
        let rows = TrainingProblem.rowsOfRank(worldSize: communicator.size)
        XCTAssertEqual(rows.reduce(0, +), TrainingProblem.batch)
        XCTAssertTrue(rows.allSatisfy { $0 > 0 })

        let alone = try problem.train(steps: steps, over: SingleProcessCommunicator(), as: Float.self)
        XCTAssertLessThan(state.distance(to: alone), tolerance, "\(problem), \(steps) steps")
        XCTAssertNotEqual(
            state.parameters,
            try problem.train(steps: 0, over: SingleProcessCommunicator(), as: Float.self).parameters)
        try checkSameEverywhere(state, communicator, "\(problem), \(steps) steps")
    }

    /// Compares bits: those of a Double that was a Float tell that Float's.
    private func checkSameEverywhere(
        _ state: TrainingProblem.State, _ communicator: any Communicator, _ message: String
    ) throws {
        let losses = state.outcomes.flatMap { [$0.loss.lossSum, Double($0.loss.correct)] }
        for values in [state.parameters, state.velocity, state.statistics, state.gradients, losses] {
            let hashes = try communicator.allgather(hash(values))
            XCTAssertEqual(Set(hashes).count, 1, message)
        }
    }

    /// FNV-1a over the bits.
    private func hash(_ values: [Double]) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for value in values {
            withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes in
                for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            }
        }
        return hash
    }

    func testRanksSeeDifferentRows() throws {
        let communicator = try MultiRankWorld.communicator()
        let range = TrainingProblem.rows(of: communicator.rank, worldSize: communicator.size)
        let rows = TrainingProblem.inputs(step: 0)[
            range.lowerBound * TrainingProblem.inputs..<range.upperBound * TrainingProblem.inputs]
        let hashes = try communicator.allgather(hash(Array(rows)))
        XCTAssertEqual(Set(hashes).count, communicator.size)
    }

    func testWithoutBatchNorm() throws {
        for problem in TrainingProblem.all where problem.mode == .none {
            for steps in [1, 10] { try check(problem, steps: steps) }
        }
    }

    func testSynchronizedBatchNorm() throws {
        for problem in TrainingProblem.all where problem.mode == .sync {
            for steps in [1, 10] { try check(problem, steps: steps) }
        }
    }

    func testLocalBatchNormNormalisesEachRanksRowsByThemselves() throws {
        let communicator = try MultiRankWorld.communicator()
        for problem in TrainingProblem.all where problem.mode == .local {
            for steps in [1, 10] {
                let state = try problem.train(steps: steps, over: communicator, as: Float.self)
                let expected = try problem.reference(steps: steps, worldSize: communicator.size)
                XCTAssertLessThan(state.distance(to: expected), tolerance, "\(problem), \(steps) steps")
                try checkSameEverywhere(state, communicator, "\(problem), \(steps) steps")
            }
        }
    }

    func testReproducibleArithmeticGivesTheBitsOfASingleProcess() throws {
        let communicator = try MultiRankWorld.communicator()
        for problem in TrainingProblem.all {
            let state = try problem.trainReproducibly(
                steps: 10, over: communicator, threads: 2, as: Float.self)
            let alone = try problem.trainReproducibly(
                steps: 10, over: SingleProcessCommunicator(), as: Float.self)
            XCTAssertTrue(state.hasBits(of: alone), "\(problem)")
        }
    }

    func testAStopRequestedOnAnyRankReachesAll() throws {
        let communicator = try MultiRankWorld.communicator()
        let problem = TrainingProblem(mode: .none)
        let scratch = Scratch()
        let method: AllreduceReduction<Float> = problem.reduction(over: communicator)
        for culprit in -1..<communicator.size {
            let buffer = ReductionBuffer<Float>(for: problem.mlp.network)
            let outcome = try method.complete(
                buffer, batchStatistics: scratch.unset(1, 0), losses: [.zero],
                stopRequested: communicator.rank == culprit)
            XCTAssertEqual(outcome.stopRequested, culprit >= 0, "rank \(culprit)")
        }
    }

    func testABroadcastMakesAllReplicasTheRoots() throws {
        let communicator = try MultiRankWorld.communicator()
        let problem = TrainingProblem(mode: .sync, residual: true, optimizer: SGD(momentum: 0.9))
        let root = communicator.size - 1
        let replica = Replica<Float>(
            mlp: problem.mlp, optimizer: problem.optimizer, rows: 1, parts: 1,
            seed: UInt64(communicator.rank))
        let first = try communicator.allgather(hash(replica.parameters.doubles))
        XCTAssertEqual(Set(first).count, communicator.size)
        replica.velocity?.fill(Float(communicator.rank))
        replica.runningStatistics.fill(Float(communicator.rank))
        try replica.broadcast(from: root, over: communicator)
        XCTAssertEqual(hash(replica.parameters.doubles), first[root])
        XCTAssertTrue(replica.runningStatistics.array.allSatisfy { $0 == Float(root) })
        XCTAssertEqual(replica.velocity?.array.allSatisfy { $0 == Float(root) }, true)
    }
}
