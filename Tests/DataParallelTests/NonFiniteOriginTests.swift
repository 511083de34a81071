import Collectives
import CollectivesTesting
import DataParallel
import MLPEngine
import Tensors
import Testing

/// Where a step says that its numbers stopped being finite.
@Suite struct NonFiniteOriginTests {
    enum Strategy: CaseIterable { case factors, allreduce }

    static let places: [(Int, Int, SharingMode)] = [
        (1, 1, .shared), (3, 1, .shared), (4, 2, .shared), (3, 3, .separate),
        (4, 2, .sharedExchangingGradients),
    ]

    private static func train(
        _ problem: TrainingProblem, steps: Int, _ strategy: Strategy, ranks: Int, nodes: Int,
        _ sharing: SharingMode
    ) throws -> [TrainingProblem.State] {
        try ThreadCommunicator.run(size: ranks, nodes: nodes) { communicator in
            switch strategy {
            case .factors:
                try problem.trainReproducibly(steps: steps, over: communicator, sharing, as: Float.self)
            case .allreduce: try problem.train(steps: steps, over: communicator, sharing, as: Float.self)
            }
        }
    }

    private static func rank(ofRow row: Int, worldSize: Int) -> Int? {
        (0..<worldSize).first { TrainingProblem.rows(of: $0, worldSize: worldSize).contains(row) }
    }

    @Test(
        "A row whose numbers are none is found in the first layer's output, with its rank, and nothing is learned from it",
        arguments: Strategy.allCases, places)
    func forward(
        strategy: Strategy, place: (ranks: Int, nodes: Int, sharing: SharingMode)
    ) throws {
        let row = 29
        for mode in [BatchNormMode.none, .sync] {
            var problem = TrainingProblem(mode: mode)
            let good = try Self.train(
                problem, steps: 1, strategy, ranks: place.ranks, nodes: place.nodes, place.sharing)
            problem.fault = .input(row: row, step: 1)
            let states = try Self.train(
                problem, steps: 2, strategy, ranks: place.ranks, nodes: place.nodes, place.sharing)
            for state in states {
                #expect(state.results[0].origin == nil && !state.results[1].loss.lossSum.isFinite)
                let origin = try #require(state.results[1].origin)
                #expect(origin.pass == .forward && origin.layer == "layers.0" && origin.row == row)
                #expect(origin.rank == Self.rank(ofRow: row, worldSize: place.ranks))
                #expect(origin.parameter == nil)
                #expect(state.parameters == good[0].parameters && state.statistics == good[0].statistics)
            }
        }
    }

    @Test(
        "A gradient that overflows on the way back is found in the step itself, though the loss is finite",
        arguments: Strategy.allCases, places)
    func backward(
        strategy: Strategy, place: (ranks: Int, nodes: Int, sharing: SharingMode)
    ) throws {
        var problem = TrainingProblem(mode: .none)
        problem.fault = .gradient
        // That of the rows of other labels is half as large, and finite.
        let labels = TrainingProblem.labels(step: 0)
        let row = try #require(labels.firstIndex(of: 2))
        #expect(row > 0)
        for state in try Self.train(
            problem, steps: 1, strategy, ranks: place.ranks, nodes: place.nodes, place.sharing)
        {
            #expect(state.results[0].loss.lossSum.isFinite)
            let origin = try #require(state.results[0].origin)
            #expect(origin.pass == .backward && origin.layer == "layers.0" && origin.row == row)
            #expect(origin.rank == Self.rank(ofRow: row, worldSize: place.ranks))
        }
    }

    @Test(
        "A sum of gradients that overflows, each of which is finite, is found, without a row",
        arguments: Strategy.allCases, places)
    func sum(
        strategy: Strategy, place: (ranks: Int, nodes: Int, sharing: SharingMode)
    ) throws {
        var problem = TrainingProblem(mode: .none)
        problem.fault = .sumOfGradients
        let states = try Self.train(
            problem, steps: 1, strategy, ranks: place.ranks, nodes: place.nodes, place.sharing)
        for state in states {
            let origin = try #require(state.results[0].origin)
            #expect(origin == states[0].results[0].origin)
            #expect(origin.pass == .backward && origin.layer == "layers.0")
            #expect(origin.row == nil && origin.rank == nil)
        }
    }

    @Test(
        "A parameter that was not finite before the step is named as the reason", arguments: Strategy.allCases
    )
    func parameter(strategy: Strategy) throws {
        var problem = TrainingProblem(mode: .none)
        problem.fault = .parameter
        for state in try Self.train(problem, steps: 1, strategy, ranks: 2, nodes: 1, .shared) {
            let origin = try #require(state.results[0].origin)
            #expect(origin.pass == .forward && origin.layer == "layers.2")
            #expect(origin.parameter == "layers.2.weight")
        }
    }

    @Test(
        "A loss that overflows, of logits that are finite, is found with its row",
        arguments: Strategy.allCases)
    func loss(strategy: Strategy) throws {
        var problem = TrainingProblem(mode: .none)
        problem.fault = .loss
        let row = try #require(TrainingProblem.labels(step: 0).firstIndex(of: 2))
        for state in try Self.train(problem, steps: 1, strategy, ranks: 3, nodes: 1, .shared) {
            let origin = try #require(state.results[0].origin)
            #expect(origin.pass == .loss && origin.layer == "layers.4" && origin.row == row)
            #expect(origin.rank == Self.rank(ofRow: row, worldSize: 3))
        }
    }
}

/// What makes the numbers of a step infinite or NaN.
enum NumericFault: Sendable {
    /// The first input of a row of a batch is no number.
    case input(row: Int, step: Int)
    /// Weights by which a gradient overflows on its way to the first layer, at the rows of label 2.
    case gradient
    /// Weights by which the sum over rows of such gradients overflows, while each is finite.
    case sumOfGradients
    /// A weight of the second linear layer is no number.
    case parameter
    /// Biases of the last layer so far apart that the loss of label 2 overflows.
    case loss

    /// Makes a model's parameters such; all activations are tanh, there are 40 rows, 3 classes and layers of 6 and 5.
    func spoil(_ parameters: Vector<some TensorScalar>, _ layout: ParameterLayout) {
        func set<Scalar: TensorScalar>(
            _ name: String, in parameters: Vector<Scalar>, _ value: (Int) -> Double
        ) {
            guard let range = layout.entries.first(where: { $0.name == name })?.range else { return }
            for index in 0..<range.count { parameters[range.lowerBound + index] = Scalar(value(index)) }
        }
        switch self {
        case .input: break
        case .parameter: set("layers.2.weight", in: parameters) { $0 == 0 ? .nan : 0.1 }
        case .loss: set("layers.4.bias", in: parameters) { $0 == 2 ? -3e38 : 3e38 }
        case .gradient, .sumOfGradients:
            // All outputs but the last are 0, where tanh's slope is 1. The gradient of the first layer's output is 5/40 of the
            // product of the weights behind it: with equal logits at labels 0 and 1, and twice that at label 2; where all are
            // taken for class 0, at labels 1 and 2, with one sign.
            for entry in layout.entries { set(entry.name, in: parameters) { _ in 0 } }
            let isSum = if case .sumOfGradients = self { true } else { false }
            let factor = isSum ? 2.8e19 : 4e19
            set("layers.2.weight", in: parameters) { _ in factor }
            // Classes in rows of 5.
            set("layers.4.weight", in: parameters) {
                isSum ? ($0 < 5 ? factor : 0) : ($0 < 10 ? factor : -2 * factor)
            }
            if isSum { set("layers.4.bias", in: parameters) { $0 == 0 ? 50 : 0 } }
        }
    }
}
