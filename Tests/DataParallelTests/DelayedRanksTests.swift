import CollectivesTesting
import Collectives
import DataParallel
import MLPEngine
import MultiRankSupport
import Testing
import XCTest

/// Training whose ranks are late at every barrier and collective, each time by another amount: a rank that reads what
/// another one already overwrites, or does not yet write, comes to other bits.
enum DelayedTraining {
    /// Weights that move so fast that the units in which they are counted change nearly every step: ranks pack them anew
    /// while others, without a barrier between, would still read the magnitudes from which the units follow.
    ///
    /// A magnitude stands elsewhere after that packing, and for some time nowhere, where the threads of the update had
    /// divided the columns in another way: the panels of 32 columns must not come in eights for any thread of any number
    /// of ranks. With many rows it takes long.
    static let fastWeights = TrainingProblem(
        mode: .none, optimizer: SGD(momentum: 0.9), inputs: 2976, hidden: [512], asPixels: true, slices: 3)
    /// Statistics that travel in the middle of the passes.
    static let batchNorm = TrainingProblem(
        mode: .sync, optimizer: SGD(momentum: 0.9), inputs: 96, hidden: [18, 5], asPixels: true, slices: 3)
    static let problems = [fastWeights, batchNorm]
    static let steps = 40
    static let learningRate = 0.5

    static func train(
        _ problem: TrainingProblem, over communicator: any Communicator, seed: UInt64,
        _ sharing: SharingMode = .shared
    ) throws -> TrainingProblem.State {
        // How threads divide the columns decides which magnitudes can be missed.
        try problem.trainReproducibly(
            steps: steps, over: DelayedCommunicator(communicator, seed: seed, longest: .milliseconds(1)),
            sharing, threads: [2, 2, 3, 5][Int(seed % 4)], learningRate: learningRate, as: Float.self)
    }

    /// The same by sums of gradients, in fewer steps.
    static func trainBySums(
        _ problem: TrainingProblem, over communicator: any Communicator, _ sharing: SharingMode = .shared
    ) throws -> TrainingProblem.State {
        try problem.train(
            steps: 10, over: communicator, sharing, threads: 2, learningRate: learningRate, as: Float.self)
    }

    static func alone(_ problem: TrainingProblem) throws -> TrainingProblem.State {
        try problem.trainReproducibly(
            steps: steps, over: SingleProcessCommunicator(), learningRate: learningRate, as: Float.self)
    }
}

@Suite struct DelayedRanksTests {
    @Test(
        "Ranks that are late here and there, on one node and several, come to the bits of one",
        arguments: DelayedTraining.problems,
        [[0, 0], [0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0], [0, 0, 1, 1]])
    func sameBits(problem: TrainingProblem, nodeOfRank: [Int]) throws {
        let alone = try DelayedTraining.alone(problem)
        let sharing: [SharingMode] =
            nodeOfRank.contains(1) ? [.shared, .sharedExchangingGradients] : [.shared]
        for mode in sharing {
            let states = try ThreadCommunicator.run(nodeOfRank: nodeOfRank) {
                try DelayedTraining.train(problem, over: $0, seed: UInt64(nodeOfRank.count), mode)
            }
            for state in states { #expect(state.hasBits(of: alone), "\(mode)") }
        }
    }
}

extension DelayedRanksTests {
    @Test(
        "So do those that sum gradients, on a thread beside them", arguments: DelayedTraining.problems,
        [[0, 0, 0], [0, 1, 2], [0, 0, 1, 1]])
    func sums(problem: TrainingProblem, nodeOfRank: [Int]) throws {
        let alone = try DelayedTraining.trainBySums(problem, over: SingleProcessCommunicator())
        let states = try ThreadCommunicator.run(nodeOfRank: nodeOfRank) {
            try DelayedTraining.trainBySums(
                problem,
                over: DelayedCommunicator($0, seed: UInt64(nodeOfRank.count), longest: .milliseconds(1)))
        }
        for state in states { #expect(state.hasBits(of: alone)) }
    }
}

/// The same on the ranks of the launcher.
final class DelayedRanksMultiRankTests: XCTestCase {
    func testRanksThatAreLateComeToTheBitsOfOne() throws {
        let communicator = try MultiRankWorld.communicator()
        for problem in DelayedTraining.problems {
            let alone = try DelayedTraining.alone(problem)
            for seed in 0..<4 {
                let state = try DelayedTraining.train(problem, over: communicator, seed: UInt64(seed))
                XCTAssertTrue(state.hasBits(of: alone), "\(problem), seed \(seed)")
            }
            let sums = try DelayedTraining.trainBySums(problem, over: SingleProcessCommunicator())
            let delayed = DelayedCommunicator(communicator, seed: 4, longest: .milliseconds(1))
            for sharing in [SharingMode.shared, .separate] {
                let state = try DelayedTraining.trainBySums(problem, over: delayed, sharing)
                XCTAssertTrue(state.hasBits(of: sums), "\(problem), \(sharing)")
            }
        }
    }
}
