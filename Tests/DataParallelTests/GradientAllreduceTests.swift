import CollectivesTesting
import Collectives
import DataParallel
import MLPEngine
import TensorTestSupport
import Tensors
import Testing

/// Fast arithmetic on several ranks, here threads, of one node or several pretended ones.
@Suite struct GradientAllreduceTests {
    private static let sharing = [SharingMode.shared, .separate]

    private func check<Scalar: TensorScalar & CollectiveElement>(
        _ problem: TrainingProblem, ranks: Int, nodes: Int, _ sharing: SharingMode, steps: Int,
        tolerance: Double, as type: Scalar.Type
    ) throws {
        let expected = try problem.reference(steps: steps, worldSize: ranks)
        let states = try ThreadCommunicator.run(size: ranks, nodes: nodes) {
            try problem.train(steps: steps, over: $0, sharing, as: Scalar.self)
        }
        #expect(states.count == ranks)
        for state in states {
            #expect(
                state.distance(to: expected) < tolerance, "\(Scalar.self), \(nodes) nodes, \(sharing)")
            #expect(state.hasBits(of: states[0]), "all ranks hold the same bits: \(nodes) nodes, \(sharing)")
        }
    }

    @Test(
        "Ranks with different numbers of rows, on any nodes, train as one pass over all rows does",
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

    @Test(
        "Moments of ranks with different numbers of rows become those of all rows, on every rank",
        arguments: [1, 2, 3])
    func moments(nodes: Int) throws {
        let problem = TrainingProblem(mode: .sync)
        let width = 3
        let batch = Scratch.normals(TrainingProblem.batch * width, seed: 1, stream: 1)
        let merged = try ThreadCommunicator.run(size: 3, nodes: nodes) { base in
            let scratch = Scratch()
            let range = TrainingProblem.rows(of: base.rank, worldSize: 3)
            let x = scratch.vector(Array(batch[range.lowerBound * width..<range.upperBound * width])).matrix(
                rows: range.count, columns: width)
            let moments: Matrix<Double> = scratch.unset(1, 2 * width)
            x.moments(mean: moments.vector[0..<width], m2: moments.vector[width..<2 * width])
            let (group, communicator) = try SharingMode.shared.form(base)
            let model = try problem.model(group, as: Double.self)
            let method = try problem.allreduce(over: communicator, group: group, model)
            let rows = try method.mergeMoments(moments, partRows: range.count)
            return (rows: rows, moments: moments.vector.array)
        }
        for result in merged {
            #expect(result.rows == TrainingProblem.batch)
            #expect(result.moments == merged[0].moments)
        }
        for column in 0..<width {
            let values = (0..<TrainingProblem.batch).map { batch[$0 * width + column] }
            let mean = values.reduce(0, +) / Double(values.count)
            let deviations = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            #expect(abs(merged[0].moments[column] - mean) < 1e-13)
            #expect(abs(merged[0].moments[width + column] - deviations) < 1e-12)
        }
    }

    @Test("Sums over parts become those of all ranks", arguments: BatchNormMode.allCases)
    func sums(mode: BatchNormMode) throws {
        let results = try ThreadCommunicator.run(size: 3) { base in
            let scratch = Scratch()
            let sums = scratch.vector((0..<4).map { Float($0 + 10 * base.rank) }).matrix(rows: 1, columns: 4)
            let problem = TrainingProblem(mode: mode)
            let (group, communicator) = try SharingMode.shared.form(base)
            let model = try problem.model(group, as: Float.self)
            try problem.allreduce(over: communicator, group: group, model).sum(sums)
            return sums.vector.array
        }
        for result in results { #expect(result == [30, 33, 36, 39]) }
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
