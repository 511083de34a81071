import CollectivesTesting
import Collectives
import DataParallel
import MLPEngine
import TensorTestSupport
import Tensors
import Testing

/// Training by sums of gradients on several ranks, here threads, of one node or several pretended ones.
@Suite struct GradientAllreduceTests {
    private static let sharing = [SharingMode.shared, .separate]

    private func check<Scalar: TensorScalar & CollectiveElement>(
        _ problem: TrainingProblem, ranks: Int, nodes: Int, _ sharing: SharingMode, steps: Int,
        tolerance: Double, as type: Scalar.Type
    ) throws {
        // Batch norm that is local is each shard's own.
        let expected = try problem.reference(steps: steps, worldSize: TrainingProblem.shards)
        let alone = try problem.train(steps: steps, over: SingleProcessCommunicator(), as: Scalar.self)
        let states = try ThreadCommunicator.run(size: ranks, nodes: nodes) {
            try problem.train(steps: steps, over: $0, sharing, as: Scalar.self)
        }
        #expect(states.count == ranks)
        for state in states {
            #expect(
                state.distance(to: expected) < tolerance, "\(Scalar.self), \(nodes) nodes, \(sharing)")
            #expect(state.hasBits(of: alone), "the bits of one rank: \(nodes) nodes, \(sharing)")
        }
    }

    @Test(
        "Ranks with different numbers of rows, on any nodes, train as one pass over all rows does, to the bits of one rank",
        arguments: TrainingProblem.all, [1, 2, 3, 4, 7, 8])
    func ranks(problem: TrainingProblem, ranks: Int) throws {
        for nodes in Set([1, 2, 3, ranks]) where nodes <= ranks {
            for steps in [1, 5] {
                try check(
                    problem, ranks: ranks, nodes: nodes, .shared, steps: steps, tolerance: 1e-12,
                    as: Double.self)
                try check(
                    problem, ranks: ranks, nodes: nodes, .shared, steps: steps, tolerance: 2e-5,
                    as: Float.self)
            }
        }
        try check(problem, ranks: ranks, nodes: 1, .separate, steps: 5, tolerance: 1e-12, as: Double.self)
    }

    @Test(
        "The gradient is that of one pass over the whole batch in double precision",
        arguments: TrainingProblem.all.filter { $0.mode != .local }, [1, 2, 3, 7])
    func gradient(problem: TrainingProblem, ranks: Int) throws {
        // A step of plain gradient descent with rate 1 is the gradient.
        var problem = problem
        problem.optimizer = SGD()
        let plain = problem
        let scratch = Scratch()
        let start: Vector<Double> = scratch.unset(plain.mlp.parameterCount)
        plain.mlp.network.parameterLayout.initialize(start, seed: TrainingProblem.seed)
        let expected = try plain.reference(steps: 1, worldSize: 1, learningRate: 1).parameters
        for (nodes, sharing) in [(1, SharingMode.shared), (1, .separate), (min(2, ranks), .shared)] {
            let states = try ThreadCommunicator.run(size: ranks, nodes: nodes) {
                try plain.train(steps: 1, over: $0, sharing, learningRate: 1, as: Double.self)
            }
            for state in states {
                let worst = zip(state.parameters, expected).map { abs($0 - $1) }.max() ?? .infinity
                #expect(worst < 1e-13)
            }
            #expect(zip(expected, start.array).contains { abs($0 - $1) > 1e-3 })
        }
    }

    @Test(
        "Pixels in integers and bytes in all layers come to the bits of one rank, too, in several buckets",
        arguments: [3, 1])
    func integers(slices: Int) throws {
        // The first layer's gradient takes more than a megabyte.
        let problem = TrainingProblem(
            mode: .sync, optimizer: SGD(momentum: 0.9), inputs: 1536, hidden: [200, 130], asPixels: true,
            slices: slices)
        let alone = try problem.train(steps: 3, over: SingleProcessCommunicator(), as: Float.self)
        for nodeOfRank in [[0, 0, 0], [0, 1, 1], [0, 1, 2, 2, 3, 3, 3]] {
            let states = try ThreadCommunicator.run(nodeOfRank: nodeOfRank) {
                try problem.train(steps: 3, over: $0, threads: 2, as: Float.self)
            }
            for state in states { #expect(state.hasBits(of: alone), "\(nodeOfRank)") }
        }
    }

    @Test(
        "It is as close to the gradient in double precision as the exchange of factors is, within twice its error"
    )
    func error() throws {
        var problem = TrainingProblem(mode: .none, inputs: 301, hidden: [70, 33])
        problem.optimizer = SGD()
        let plain = problem
        let expected = try plain.reference(steps: 1, worldSize: 1, learningRate: 1).parameters
        func distance(_ state: TrainingProblem.State) -> Double {
            zip(state.parameters, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
        }
        let alone = SingleProcessCommunicator()
        let sums = try plain.train(steps: 1, over: alone, learningRate: 1, as: Float.self)
        let factors = try plain.trainReproducibly(steps: 1, over: alone, learningRate: 1, as: Float.self)
        #expect(distance(sums) < 2 * distance(factors))
        #expect(distance(sums) > 0)
    }

    @Test("Several threads compute the bits of one", arguments: TrainingProblem.all)
    func threads(problem: TrainingProblem) throws {
        let one = try problem.train(steps: 3, over: SingleProcessCommunicator(), as: Float.self)
        for threads in [2, 3] {
            let many = try problem.train(
                steps: 3, over: SingleProcessCommunicator(), threads: threads, as: Float.self)
            #expect(many.hasBits(of: one))
        }
    }

    @Test(
        "A stop that one rank asks for at one step is seen by all at that step and no other, and changes nothing",
        arguments: [[0], [2], [0, 1], [0, 1, 2]] as [Set<Int>], BatchNormMode.allCases)
    func stop(ranks: Set<Int>, mode: BatchNormMode) throws {
        for (nodes, sharing) in [(1, SharingMode.shared), (2, .shared), (1, .separate)] {
            func train(stopping: Set<Int>) throws -> [TrainingProblem.State] {
                try ThreadCommunicator.run(size: 3, nodes: nodes) { communicator in
                    try TrainingProblem(mode: mode).train(
                        steps: 4, over: communicator, sharing,
                        stopping: { $0 == 2 && stopping.contains(communicator.rank) }, as: Float.self)
                }
            }
            let (others, states) = (try train(stopping: []), try train(stopping: ranks))
            for (state, other) in zip(states, others) {
                #expect(state.results.map(\.requests.stop) == [false, false, true, false])
                #expect(other.results.allSatisfy { !$0.requests.stop })
                #expect(state.results.map(\.loss) == other.results.map(\.loss))
                #expect(state.parameters == other.parameters && state.statistics == other.statistics)
            }
        }
    }

    @Test("What one rank throws ends the run on all, in every mode", arguments: BatchNormMode.allCases)
    func failure(mode: BatchNormMode) {
        struct Failure: Error {}
        let problem = TrainingProblem(mode: mode)
        for sharing in Self.sharing {
            #expect(throws: Failure.self) {
                _ = try ThreadCommunicator.run(size: 3) { communicator in
                    if communicator.rank == 2 { throw Failure() }
                    return try problem.train(steps: 1, over: communicator, sharing, as: Float.self)
                }
            }
        }
    }
}
