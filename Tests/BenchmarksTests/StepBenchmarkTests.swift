import Benchmarks
import Collectives
import CollectivesTesting
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
}
