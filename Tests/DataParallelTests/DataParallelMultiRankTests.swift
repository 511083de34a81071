import CollectivesTesting
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
    private let tolerance = 2e-5

    /// The ranks as they are, and as if they ran on several nodes.
    private func worlds() throws -> [(name: String, communicator: any Communicator)] {
        let world = try MultiRankWorld.communicator()
        let nodeCounts = Set([2, 3, world.size]).filter { $0 > 1 && $0 <= world.size }.sorted()
        return [("one node", world)]
            + nodeCounts.map { nodes in
                let nodeOfRank = (0..<world.size).map { $0 * nodes / world.size }
                return ("\(nodes) nodes", PretendedNodes(world, nodeOfRank: nodeOfRank))
            }
    }

    private func check(_ problem: TrainingProblem, steps: Int) throws {
        let alone = try problem.train(steps: steps, over: SingleProcessCommunicator(), as: Float.self)
        // Batch norm that is local is each shard's own.
        let reference = try problem.reference(steps: steps, worldSize: TrainingProblem.shards)
        let start = try problem.train(steps: 0, over: SingleProcessCommunicator(), as: Float.self)
        XCTAssertNotEqual(alone.parameters, start.parameters)
        for (name, communicator) in try worlds() {
            for sharing in [SharingMode.shared, .separate] {
                let state = try problem.train(steps: steps, over: communicator, sharing, as: Float.self)
                let message = "\(problem), \(steps) steps, \(name), \(sharing)"
                XCTAssertTrue(state.hasBits(of: alone), message)
                XCTAssertLessThan(state.distance(to: reference), tolerance, message)
                try checkSameEverywhere(state, communicator, message)
            }
        }
    }

    func testPixelsInIntegersGiveTheBitsOfOneRankWhileWeightsMoveFast() throws {
        // Wide enough for several blocks of columns on each rank, and steps large enough for many changes of units.
        let problem = TrainingProblem(
            mode: .none, optimizer: SGD(momentum: 0.9), inputs: 3072, hidden: [128], asPixels: true, slices: 3
        )
        let (steps, rate) = (40, 0.5)
        let alone = try problem.trainReproducibly(
            steps: steps, over: SingleProcessCommunicator(), learningRate: rate, as: Float.self)
        for turn in 0..<2 {
            let state = try problem.trainReproducibly(
                steps: steps, over: MultiRankWorld.communicator(), learningRate: rate, as: Float.self)
            XCTAssertTrue(state.hasBits(of: alone), "turn \(turn)")
        }
    }

    func testBytesInAllLayersAreSummedToTheBitsOfOneRank() throws {
        let problem = TrainingProblem(
            mode: .sync, optimizer: SGD(momentum: 0.9), inputs: 384, hidden: [300, 130], asPixels: true,
            slices: 1)
        let alone = try problem.train(steps: 3, over: SingleProcessCommunicator(), as: Float.self)
        for (name, communicator) in try worlds() {
            let state = try problem.train(steps: 3, over: communicator, threads: 2, as: Float.self)
            XCTAssertTrue(state.hasBits(of: alone), name)
        }
    }

    func testHiddenLayersInBFloat16GiveTheBitsOfOneRank() throws {
        let problem = TrainingProblem(
            mode: .sync, optimizer: SGD(momentum: 0.9), inputs: 96, hidden: [200, 131, 130], asPixels: true,
            slices: 2)
        let alone = try problem.trainReproducibly(
            steps: 4, over: SingleProcessCommunicator(), as: Float.self)
        for (name, communicator) in try worlds() {
            for sharing in [SharingMode.shared, .separate] {
                let state = try problem.trainReproducibly(
                    steps: 4, over: communicator, sharing, as: Float.self)
                XCTAssertTrue(state.hasBits(of: alone), "\(name), \(sharing)")
            }
        }
    }

    /// Compares bits: those of a Double that was a Float tell that Float's.
    private func checkSameEverywhere(
        _ state: TrainingProblem.State, _ communicator: any Communicator, _ message: String
    ) throws {
        let losses = state.results.flatMap { [$0.loss.lossSum, Double($0.loss.correct)] }
        for values in [state.parameters, state.velocity, state.statistics, losses] {
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
        let rows = TrainingProblem.rowsOfRank(worldSize: communicator.size)
        XCTAssertEqual(rows.reduce(0, +), TrainingProblem.batch)
        XCTAssertTrue(rows.allSatisfy { $0 > 0 })
        let problem = TrainingProblem(mode: .none)
        let range = TrainingProblem.rows(of: communicator.rank, worldSize: communicator.size)
        let own = problem.inputs(step: 0)[
            range.lowerBound * problem.inputs..<range.upperBound * problem.inputs]
        let hashes = try communicator.allgather(hash(Array(own)))
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

    func testLocalBatchNormNormalisesEachShardsRowsByThemselves() throws {
        for problem in TrainingProblem.all where problem.mode == .local {
            for steps in [1, 10] { try check(problem, steps: steps) }
        }
    }

    func testReproducibleArithmeticGivesTheBitsOfASingleProcess() throws {
        for problem in TrainingProblem.all {
            let alone = try problem.trainReproducibly(
                steps: 6, over: SingleProcessCommunicator(), as: Float.self)
            for (name, communicator) in try worlds() {
                for sharing in SharingMode.allCases + [.measured] {
                    let state = try problem.trainReproducibly(
                        steps: 6, over: communicator, sharing, threads: 2, as: Float.self)
                    XCTAssertTrue(state.hasBits(of: alone), "\(problem), \(name), \(sharing)")
                }
            }
        }
    }

    func testAStopRequestedOnAnyRankReachesAll() throws {
        let problem = TrainingProblem(mode: .sync)
        for (name, communicator) in try worlds() {
            for sharing in [SharingMode.shared, .separate] {
                for culprit in -1..<communicator.size {
                    func stopping(_ step: Int) -> Bool { step == 1 && communicator.rank == culprit }
                    let expected = [false, culprit >= 0, false]
                    let fast = try problem.train(
                        steps: 3, over: communicator, sharing, stopping: stopping, as: Float.self)
                    XCTAssertEqual(
                        fast.results.map(\.requests.stop), expected, "\(name), \(sharing), rank \(culprit)")
                    let reproducible = try problem.trainReproducibly(
                        steps: 3, over: communicator, sharing, stopping: stopping, as: Float.self)
                    XCTAssertEqual(
                        reproducible.results.map(\.requests.stop), expected,
                        "\(name), \(sharing), rank \(culprit)")
                }
            }
        }
    }

    func testABroadcastMakesAllModelsThatOfRank0() throws {
        let problem = TrainingProblem(mode: .sync, residual: true, optimizer: SGD(momentum: 0.9))
        for (name, communicator) in try worlds() {
            for sharing in [SharingMode.shared, .separate] {
                let (group, _) = try sharing.form(communicator)
                let model = try ModelState<Float>(
                    mlp: problem.mlp, optimizer: problem.optimizer, group: group,
                    seed: UInt64(group.nodeIndex))
                let before = try communicator.allgather(hash(model.parameters.doubles))
                XCTAssertEqual(Set(before).count, group.nodeCount, "\(name), \(sharing)")
                if group.isLeader {
                    model.optimizerState.first?.fill(Float(group.nodeIndex + 2))
                    model.runningStatistics.fill(Float(group.nodeIndex + 3))
                }
                try model.broadcast(to: problem.products(model, rows: 1))
                XCTAssertEqual(hash(model.parameters.doubles), before[0])
                XCTAssertTrue(model.runningStatistics.array.allSatisfy { $0 == 3 })
                XCTAssertEqual(model.optimizerState.first?.array.allSatisfy { $0 == 2 }, true)
            }
        }
    }
}
