import Benchmarks
import Collectives
import CollectivesTesting
import DataParallel
import Foundation
import Testing
import Training

@Suite struct StepBenchmarkTests {
    @Test("Nothing is on its way between nodes when a benchmark has ended", arguments: [[0, 1], [0, 0, 1]])
    func benchmark(nodeOfRank: [Int]) throws {
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = [8]
        configuration.batchSize = 16
        configuration.logicalShards = 8
        let settings = configuration
        let underWay = try ThreadCommunicator.run(nodeOfRank: nodeOfRank) { communicator in
            // Slower than all that a benchmark does behind its last step.
            let slow = DelayedCommunicator(communicator, idlePause: { Thread.sleep(forTimeInterval: 0.3) }) {}
            let benchmark = StepBenchmark(
                communicator: slow, threads: 1, rounds: 1, secondsPerRound: 1e-6, comparesWithMPI: false)
            _ = try benchmark.run(
                [settings], limits: MachineLimits(peaks: [], copies: []),
                machine: BenchmarkMachine(slow, threads: 1))
            return slow.idleAllgathersUnderWay
        }
        #expect(underWay == Array(repeating: 0, count: nodeOfRank.count))
    }

    @Test("A step that averages the weights allocates nothing, with either strategy")
    func averaging() async {
        // In a process of its own: what other tests allocate counts, too.
        await #expect(processExitsWith: .success) {
            let settings = TrainingConfiguration.Strategy.allCases.map { strategy in
                var configuration = TrainingConfiguration()
                configuration.hiddenDimensions = [24, 8]
                configuration.batchNorm = .sync
                configuration.batchSize = 16
                configuration.logicalShards = 8
                configuration.strategy = strategy
                configuration.averaging = .ema(decay: 0.9)
                return configuration
            }
            let communicator = SingleProcessCommunicator()
            let benchmark = StepBenchmark(
                communicator: communicator, threads: 1, rounds: 1, secondsPerRound: 0.01,
                comparesWithMPI: false)
            let steps = try benchmark.run(
                settings, limits: MachineLimits(peaks: [], copies: []),
                machine: BenchmarkMachine(communicator, threads: 1))
            // Nil where nobody can count them.
            for step in steps { precondition((step.allocationsPerStep ?? 0) == 0, "\(step)") }
        }
    }
}
