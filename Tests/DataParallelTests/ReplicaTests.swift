import Collectives
import DataParallel
import MLPEngine
import TensorTestSupport
import Tensors
import Testing

/// Training on several ranks, here threads.
@Suite struct ReplicaTests {
    private func check<Scalar: TensorScalar & CollectiveElement>(
        _ problem: TrainingProblem, ranks: Int, steps: Int, tolerance: Double, as type: Scalar.Type
    ) throws {
        let expected = try problem.reference(steps: steps, worldSize: ranks)
        let states = try ThreadCommunicator.run(size: ranks) {
            try problem.train(steps: steps, over: $0, as: Scalar.self)
        }
        #expect(states.count == ranks)
        for state in states {
            #expect(state.distance(to: expected) < tolerance, "\(Scalar.self)")
            #expect(state == states[0], "all ranks hold the same bits")
        }
    }

    @Test(
        "Ranks with different numbers of rows train as one pass over all rows does",
        arguments: TrainingProblem.all, [1, 2, 3, 4, 7, 8])
    func ranks(problem: TrainingProblem, ranks: Int) throws {
        for steps in [1, 6] {
            try check(problem, ranks: ranks, steps: steps, tolerance: 1e-12, as: Double.self)
            try check(problem, ranks: ranks, steps: steps, tolerance: 1e-5, as: Float.self)
        }
    }

    @Test("A process on its own is one rank", arguments: TrainingProblem.all)
    func singleProcess(problem: TrainingProblem) throws {
        let single = try problem.train(steps: 3, over: SingleProcessCommunicator(), as: Float.self)
        let threads = try ThreadCommunicator.run(size: 1) {
            try problem.train(steps: 3, over: $0, as: Float.self)
        }
        #expect(threads == [single])
    }

    @Test("Local batch norm is another model than the synchronised one as soon as there are two ranks")
    func modesDiffer() throws {
        func train(_ mode: BatchNormMode, ranks: Int) throws -> TrainingProblem.State {
            try ThreadCommunicator.run(size: ranks) {
                try TrainingProblem(mode: mode).train(steps: 3, over: $0, as: Double.self)
            }[0]
        }
        #expect(try train(.local, ranks: 1) == train(.sync, ranks: 1))
        let (local, synchronized) = (try train(.local, ranks: 2), try train(.sync, ranks: 2))
        func largest(_ first: [Double], _ second: [Double]) -> Double {
            zip(first, second).map { abs($0 - $1) }.max() ?? 0
        }
        #expect(largest(local.parameters, synchronized.parameters) > 1e-4)
        #expect(largest(local.statistics, synchronized.statistics) > 1e-4)
    }

    @Test("A broadcast makes parameters, velocities and running statistics those of the root")
    func broadcast() throws {
        let problem = TrainingProblem(mode: .sync, optimizer: SGD(momentum: 0.9))
        let copies = try ThreadCommunicator.run(size: 3) { communicator in
            let replica = Replica<Float>(
                mlp: problem.mlp, optimizer: problem.optimizer, rows: 1, parts: 1,
                seed: UInt64(communicator.rank))
            let velocity = try #require(replica.velocity)
            velocity.fill(Float(communicator.rank + 1))
            replica.runningStatistics.fill(Float(communicator.rank + 10))
            let before = replica.parameters.array
            try replica.broadcast(from: 1, over: communicator)
            return (
                before: before, parameters: replica.parameters.array, velocity: velocity.array,
                statistics: replica.runningStatistics.array
            )
        }
        #expect(copies[0].before != copies[1].before)
        for copy in copies {
            #expect(copy.parameters == copies[1].before)
            #expect(copy.velocity.allSatisfy { $0 == 2 } && !copy.velocity.isEmpty)
            #expect(copy.statistics.allSatisfy { $0 == 11 } && !copy.statistics.isEmpty)
        }
    }

    @Test("Parameters begin as the seed says, statistics at 0 and 1, velocities at 0")
    func start() throws {
        let problem = TrainingProblem(mode: .local, optimizer: SGD(momentum: 0.9))
        let replica = Replica<Float>(
            mlp: problem.mlp, optimizer: problem.optimizer, rows: 4, parts: 2, seed: 5)
        let scratch = Scratch()
        let layouts = (problem.mlp.network.parameterLayout, problem.mlp.network.statisticsLayout)
        let parameters: Vector<Float> = scratch.unset(layouts.0.count)
        layouts.0.initialize(parameters, seed: 5)
        #expect(replica.parameters.array == parameters.array)
        for entry in layouts.1.entries {
            let expected: Float = entry.name.hasSuffix("running_var") ? 1 : 0
            #expect(replica.runningStatistics[entry.range].array.allSatisfy { $0 == expected })
        }
        #expect(try #require(replica.velocity).array == Array(repeating: 0, count: parameters.count))
        let plain = Replica<Float>(mlp: problem.mlp, optimizer: SGD(), rows: 4, parts: 2, seed: 5)
        #expect(plain.velocity == nil)
    }
}
