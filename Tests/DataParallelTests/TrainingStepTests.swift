import CollectivesTesting
import Collectives
import DataParallel
import MLPEngine
import TensorTestSupport
import Tensors
import Testing

@Suite struct TrainingStepTests {
    @Test("A process on its own is one rank", arguments: TrainingProblem.all)
    func singleProcess(problem: TrainingProblem) throws {
        let single = try problem.train(steps: 3, over: SingleProcessCommunicator(), as: Float.self)
        let threads = try ThreadCommunicator.run(size: 1) {
            try problem.train(steps: 3, over: $0, as: Float.self)
        }
        #expect(threads.count == 1 && threads[0].hasBits(of: single))
    }

    @Test(
        "Local batch norm, of each shard, is another model than the synchronised one on any number of ranks",
        arguments: [1, 2])
    func modesDiffer(ranks: Int) throws {
        func train(_ mode: BatchNormMode) throws -> TrainingProblem.State {
            try ThreadCommunicator.run(size: ranks) {
                try TrainingProblem(mode: mode).train(steps: 3, over: $0, as: Double.self)
            }[0]
        }
        let (local, synchronized) = (try train(.local), try train(.sync))
        func largest(_ first: [Double], _ second: [Double]) -> Double {
            zip(first, second).map { abs($0 - $1) }.max() ?? 0
        }
        #expect(largest(local.parameters, synchronized.parameters) > 1e-4)
        #expect(largest(local.statistics, synchronized.statistics) > 1e-4)
    }

    @Test("A parameter that no rule covers is refused by name, not left as it was initialised")
    func uncoveredParameter() throws {
        var layout = ParameterLayout()
        _ = layout.appendVector(name: "norm.weight", count: 3, initialization: .constant(1))
        try layout.checkGradientRules()
        for (shape, rule) in [([3, 2], nil), ([3, 2], GradientRule.partSums), ([6], .product(linear: 0))] {
            var uncovered = layout
            _ = uncovered.append(
                name: "embedding.weight", shape: shape, initialization: .constant(0), gradient: rule)
            let error = #expect(throws: ParameterWithoutRule.self) { try uncovered.checkGradientRules() }
            #expect(error?.description.contains("embedding.weight") == true)
            #expect(error?.description.contains("\(shape)") == true)
        }
    }
}
