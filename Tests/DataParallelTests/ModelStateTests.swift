import CollectivesTesting
import Collectives
import DataParallel
import MLPEngine
import TensorTestSupport
import Tensors
import Testing

@Suite struct ModelStateTests {
    private static let problem = TrainingProblem(mode: .sync, optimizer: SGD(momentum: 0.9), inputs: 40)

    @Test("Parameters begin as the seed says, statistics at 0 and 1, velocities at 0")
    func start() throws {
        let problem = TrainingProblem(mode: .local, optimizer: SGD(momentum: 0.9))
        let group = try NodeGroup(SingleProcessCommunicator())
        let model = try ModelState<Float>(
            mlp: problem.mlp, optimizer: problem.optimizer, group: group, seed: 5)
        let scratch = Scratch()
        let layouts = (problem.mlp.network.parameterLayout, problem.mlp.network.statisticsLayout)
        let parameters: Vector<Float> = scratch.unset(layouts.0.count)
        layouts.0.initialize(parameters, seed: 5)
        #expect(model.parameters.array == parameters.array)
        for entry in layouts.1.entries {
            let expected: Float = entry.name.hasSuffix("running_var") ? 1 : 0
            #expect(model.runningStatistics[entry.range].array.allSatisfy { $0 == expected })
        }
        #expect(
            try #require(model.optimizerState.first).array == Array(repeating: 0, count: parameters.count))
        let plain = try ModelState<Float>(mlp: problem.mlp, optimizer: SGD(), group: group, seed: 5)
        #expect(plain.optimizerState.isEmpty)
        let other = try ModelState<Float>(mlp: problem.mlp, optimizer: SGD(), group: group, seed: 6)
        #expect(other.parameters.array != model.parameters.array)
    }

    @Test("Everything begins on a cache line, and nothing overlaps")
    func layout() throws {
        let model = try Self.problem.model(NodeGroup(SingleProcessCommunicator()), as: Float.self)
        let vectors = [
            model.parameters, try #require(model.optimizerState.first), model.runningStatistics,
            model.packedWeights,
        ]
        for (index, vector) in vectors.enumerated() {
            #expect(UInt(bitPattern: vector.base) % 64 == 0 && vector.count > 0)
            vector.fill(Float(index))
        }
        for (index, vector) in vectors.enumerated() {
            #expect(vector.array.allSatisfy { $0 == Float(index) })
        }
    }

    @Test("What a rank writes all ranks of its node see, and no others", arguments: [1, 2, 3])
    func sharing(nodes: Int) throws {
        let seen = try ThreadCommunicator.run(size: 3, nodes: nodes) { communicator in
            let group = try NodeGroup(communicator)
            let model = try Self.problem.model(group, as: Float.self)
            try communicator.barrier()
            model.parameters[communicator.rank] = 100 + Float(communicator.rank)
            try communicator.barrier()
            return (0..<3).map { model.parameters[$0] == 100 + Float($0) }
        }
        let nodeOfRank = (0..<3).map { (($0 + 1) * nodes - 1) / 3 }
        for rank in 0..<3 {
            #expect(seen[rank] == (0..<3).map { nodeOfRank[$0] == nodeOfRank[rank] })
        }
    }

    @Test(
        "A broadcast brings rank 0's state to all ranks, with its weights packed",
        arguments: [1, 2, 3], [SharingMode.shared, .separate])
    func broadcast(nodes: Int, sharing: SharingMode) throws {
        let copies = try ThreadCommunicator.run(size: 3, nodes: nodes) { communicator in
            let scratch = Scratch(seed: 9)
            let (group, _) = try sharing.form(communicator)
            let model = try ModelState<Float>(
                mlp: Self.problem.mlp, optimizer: Self.problem.optimizer, group: group,
                seed: UInt64(communicator.rank))
            let velocity = try #require(model.optimizerState.first)
            if communicator.rank == 0 {
                // As from a checkpoint, which only rank 0 has read.
                model.parameters.copy(from: scratch.normals(model.parameters.count, stream: 1))
                velocity.copy(from: scratch.normals(velocity.count, stream: 2))
                model.runningStatistics.copy(from: scratch.normals(model.runningStatistics.count, stream: 3))
            }
            try model.broadcast(to: Self.problem.products(model, rows: 1))
            return (
                model.parameters.array == scratch.normals(model.parameters.count, stream: 1).array,
                velocity.array == scratch.normals(velocity.count, stream: 2).array,
                model.runningStatistics.array
                    == scratch.normals(model.runningStatistics.count, stream: 3).array,
                try Self.problem.hasPackedWeights(model)
            )
        }
        for copy in copies { #expect(copy == (true, true, true, true)) }
    }
}
