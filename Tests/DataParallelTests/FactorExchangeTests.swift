import CollectivesTesting
import Collectives
import DataParallel
import MLPEngine
import TensorTestSupport
import Tensors
import Testing

/// Reproducible training on several ranks, here threads, of one node or several pretended ones.
@Suite struct FactorExchangeTests {
    @Test(
        "Any number of ranks up to that of the shards, on any number of nodes, gives the same bits",
        arguments: TrainingProblem.all, 1...TrainingProblem.shards)
    func sameBits(problem: TrainingProblem, ranks: Int) throws {
        let alone = try problem.trainReproducibly(steps: 4, over: SingleProcessCommunicator(), as: Float.self)
        #expect(alone.weightsArePacked && alone.results.count == 4)
        for nodes in 1...ranks {
            for sharing in SharingMode.allCases where sharing.sharesMemory || nodes == 1 {
                if nodes == 1 && sharing == .sharedExchangingGradients { continue }
                let states = try ThreadCommunicator.run(size: ranks, nodes: nodes) {
                    try problem.trainReproducibly(steps: 4, over: $0, sharing, as: Float.self)
                }
                #expect(states.count == ranks)
                for state in states {
                    #expect(state.hasBits(of: alone), "\(ranks) ranks on \(nodes) nodes, \(sharing)")
                }
            }
        }
    }

    @Test(
        "So do products with pixels in integers, in whatever units the weights come to be counted",
        arguments: [2, 3], [0.05, 4])
    func pixelsInIntegers(slices: Int, learningRate: Double) throws {
        for mode in [BatchNormMode.none, .sync] {
            let problem = TrainingProblem(
                mode: mode, optimizer: SGD(momentum: 0.9), inputs: 96, hidden: [18, 5], asPixels: true,
                slices: slices)
            let alone = try problem.trainReproducibly(
                steps: 6, over: SingleProcessCommunicator(), learningRate: learningRate, as: Float.self)
            for ranks in 1...TrainingProblem.shards {
                for sharing in SharingMode.allCases {
                    let states = try ThreadCommunicator.run(
                        size: ranks, nodes: sharing == .sharedExchangingGradients ? min(ranks, 2) : 1
                    ) {
                        try problem.trainReproducibly(
                            steps: 6, over: $0, sharing, threads: 2, learningRate: learningRate,
                            as: Float.self)
                    }
                    for state in states { #expect(state.hasBits(of: alone), "\(ranks) ranks, \(sharing)") }
                }
            }
        }
    }

    @Test(
        "So do products of bytes in all layers, however ranks and threads divide them", arguments: [0.05, 4])
    func productsOfBytes(learningRate: Double) throws {
        for (mode, residual) in [(BatchNormMode.none, false), (.sync, true)] {
            // The first hidden layer reads pixels, the second one bytes; its width is no multiple of a block.
            let problem = TrainingProblem(
                mode: mode, residual: residual, optimizer: SGD(momentum: 0.9), inputs: 384,
                hidden: residual ? [130] : [300, 130], asPixels: true, slices: 1)
            let alone = try problem.trainReproducibly(
                steps: 3, over: SingleProcessCommunicator(), learningRate: learningRate, as: Float.self)
            for (ranks, threads) in [(1, 2), (2, 1), (3, 2), (8, 1)] {
                for sharing in SharingMode.allCases {
                    let states = try ThreadCommunicator.run(
                        size: ranks, nodes: sharing == .sharedExchangingGradients ? min(ranks, 2) : 1
                    ) {
                        try problem.trainReproducibly(
                            steps: 3, over: $0, sharing, threads: threads, learningRate: learningRate,
                            as: Float.self)
                    }
                    for state in states { #expect(state.hasBits(of: alone), "\(ranks) ranks, \(sharing)") }
                }
            }
        }
    }

    @Test(
        "Products of bytes, and of bfloat16 numbers, train as numbers do, up to their rounding, also where gradients are summed",
        arguments: [(1, 384, 0.05), (2, 96, 0.02)])
    func roundedAgainstNumbers(slices: Int, inputs: Int, tolerance: Double) throws {
        let problem = TrainingProblem(
            mode: .sync, optimizer: SGD(momentum: 0.9), inputs: inputs, hidden: [160, 130], asPixels: true,
            slices: slices)
        let rounded = try problem.trainReproducibly(
            steps: 6, over: SingleProcessCommunicator(), as: Float.self)
        let summed = try ThreadCommunicator.run(size: 3) {
            try problem.train(steps: 6, over: $0, as: Float.self)
        }
        var ofNumbers = problem
        ofNumbers.slices = nil
        let numbers = try ofNumbers.trainReproducibly(
            steps: 6, over: SingleProcessCommunicator(), as: Float.self)
        #expect(!rounded.hasBits(of: numbers))
        for state in [rounded] + summed {
            for (found, expected) in zip(state.results, numbers.results) {
                let loss = expected.loss.lossSum
                #expect(
                    abs(found.loss.lossSum - loss) < tolerance * loss, "\(found.loss.lossSum), \(loss)")
            }
        }
    }

    @Test(
        "So do products of bfloat16 numbers in all hidden layers, of any division into ranks, threads and nodes",
        arguments: [(BatchNormMode.none, false), (.sync, false), (.local, true)])
    func hiddenLayersInBFloat16(mode: BatchNormMode, residual: Bool) throws {
        // Widths that are odd, or no multiples of panels.
        let problem = TrainingProblem(
            mode: mode, residual: residual, optimizer: SGD(momentum: 0.9), inputs: 96,
            hidden: residual ? [131, 131] : [200, 131, 130], asPixels: true, slices: 2)
        let alone = try problem.trainReproducibly(
            steps: 3, over: SingleProcessCommunicator(), as: Float.self)
        for (ranks, threads) in [(1, 2), (2, 1), (3, 2), (8, 1)] {
            for sharing in SharingMode.allCases {
                let states = try ThreadCommunicator.run(
                    size: ranks, nodes: sharing == .sharedExchangingGradients ? min(ranks, 2) : 1
                ) {
                    try problem.trainReproducibly(
                        steps: 3, over: $0, sharing, threads: threads, as: Float.self)
                }
                for state in states { #expect(state.hasBits(of: alone), "\(ranks) ranks, \(sharing)") }
            }
        }
    }

    @Test("Pixels times three bytes train as numbers do")
    func integersAgainstNumbers() throws {
        var problem = TrainingProblem(
            mode: .none, inputs: 96, hidden: [18, 5], asPixels: true, slices: 3)
        let integers = try problem.trainReproducibly(
            steps: 6, over: SingleProcessCommunicator(), as: Float.self)
        problem.slices = nil
        let numbers = try problem.trainReproducibly(
            steps: 6, over: SingleProcessCommunicator(), as: Float.self)
        #expect(integers.parameters != numbers.parameters)
        for (one, other) in zip(integers.parameters, numbers.parameters) { #expect(abs(one - other) < 1e-5) }
    }

    @Test("Weights that outgrow their units are counted in new ones: integers keep close to numbers")
    func outgrownUnits() throws {
        // Without hidden layers the loss is convex: two runs that begin together stay together.
        var problem = TrainingProblem(mode: .none, inputs: 96, hidden: [], asPixels: true, slices: 3)
        func train(steps: Int) throws -> [Double] {
            try problem.trainReproducibly(
                steps: steps, over: SingleProcessCommunicator(), learningRate: 4, as: Float.self
            ).parameters
        }
        let (start, integers) = try (train(steps: 0), train(steps: 8))
        for row in 0..<TrainingProblem.classes {
            func largest(_ weights: [Double]) -> Double {
                weights[row * problem.inputs..<(row + 1) * problem.inputs].map(abs).max() ?? 0
            }
            // Two doublings at least, of which each is another unit.
            #expect(largest(integers) > 4 * largest(start))
        }
        problem.slices = nil
        let numbers = try train(steps: 8)
        let worst = zip(integers, numbers).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst < 1e-4 * (numbers.map(abs).max() ?? 0) && integers != numbers, "\(worst)")
    }

    @Test(
        "Nodes with any numbers of ranks give the same bits",
        arguments: [[0, 0, 0, 1], [0, 1, 1, 1, 1], [0, 1, 1, 2, 2, 2], [0, 0, 0, 0, 0, 1, 2]])
    func unequalNodes(nodeOfRank: [Int]) throws {
        for problem in TrainingProblem.all {
            let alone = try problem.trainReproducibly(
                steps: 3, over: SingleProcessCommunicator(), as: Float.self)
            for sharing in [SharingMode.shared, .sharedExchangingGradients] {
                let states = try ThreadCommunicator.run(nodeOfRank: nodeOfRank) {
                    try problem.trainReproducibly(steps: 3, over: $0, sharing, as: Float.self)
                }
                for state in states { #expect(state.hasBits(of: alone), "\(sharing)") }
            }
        }
    }

    @Test("Any number of threads gives the same bits", arguments: TrainingProblem.all, [2, 3, 8])
    func threads(problem: TrainingProblem, threads: Int) throws {
        let one = try problem.trainReproducibly(steps: 4, over: SingleProcessCommunicator(), as: Float.self)
        let many = try problem.trainReproducibly(
            steps: 4, over: SingleProcessCommunicator(), threads: threads, as: Float.self)
        #expect(many.hasBits(of: one))
        let ranks = try ThreadCommunicator.run(size: 3, nodes: 2) {
            try problem.trainReproducibly(steps: 4, over: $0, threads: threads, as: Float.self)
        }
        for state in ranks { #expect(state.hasBits(of: one)) }
    }

    @Test("Weights large enough for several threads are the same bits on any number of them")
    func largeProducts() throws {
        let problem = TrainingProblem(
            mode: .sync, optimizer: SGD(momentum: 0.9), inputs: 1025, hidden: [193, 97], asPixels: true)
        let one = try problem.trainReproducibly(steps: 2, over: SingleProcessCommunicator(), as: Float.self)
        for threads in [2, 3] {
            let many = try problem.trainReproducibly(
                steps: 2, over: SingleProcessCommunicator(), threads: threads, as: Float.self)
            #expect(many.hasBits(of: one))
            let ranks = try ThreadCommunicator.run(size: 3) {
                try problem.trainReproducibly(steps: 2, over: $0, threads: threads, as: Float.self)
            }
            for state in ranks { #expect(state.hasBits(of: one)) }
        }
    }

    @Test("Pixels give the bits of the numbers they stand for", arguments: TrainingProblem.all)
    func pixels(problem: TrainingProblem) throws {
        var other = problem
        other.asPixels.toggle()
        let first = try problem.trainReproducibly(steps: 3, over: SingleProcessCommunicator(), as: Float.self)
        let second = try other.trainReproducibly(steps: 3, over: SingleProcessCommunicator(), as: Float.self)
        #expect(first.hasBits(of: second))
    }

    @Test("Where nobody decides, a measurement does, and the bits are the same", arguments: [1, 2, 4])
    func measuredExchange(nodes: Int) throws {
        let problem = TrainingProblem(mode: .sync, inputs: 301, hidden: [70, 33])
        let alone = try problem.trainReproducibly(steps: 2, over: SingleProcessCommunicator(), as: Float.self)
        let states = try ThreadCommunicator.run(size: 4, nodes: nodes) {
            try problem.trainReproducibly(steps: 2, over: $0, .measured, as: Float.self)
        }
        for state in states { #expect(state.hasBits(of: alone)) }
    }

    @Test(
        "The result is that of passes over the whole batch, or over each shard",
        arguments: TrainingProblem.all)
    func values(problem: TrainingProblem) throws {
        // Local batch norm normalises each shard by itself, as it would on as many ranks.
        let expected = try problem.reference(steps: 6, worldSize: TrainingProblem.shards)
        for sharing in SharingMode.allCases {
            let double = try ThreadCommunicator.run(size: 3, nodes: 2) {
                try problem.trainReproducibly(steps: 6, over: $0, sharing, as: Double.self)
            }
            #expect(double[2].distance(to: expected) < 1e-12)
            let float = try ThreadCommunicator.run(size: 3, nodes: 2) {
                try problem.trainReproducibly(steps: 6, over: $0, sharing, as: Float.self)
            }
            #expect(float[1].distance(to: expected) < 2e-5)
        }
    }

    @Test(
        "A stop requested on any rank at one step reaches all at that step and at no other",
        arguments: SharingMode.allCases)
    func stop(sharing: SharingMode) throws {
        for culprit in -1..<4 {
            let answers = try ThreadCommunicator.run(size: 4, nodes: 2) { communicator in
                try TrainingProblem(mode: .local).trainReproducibly(
                    steps: 3, over: communicator, sharing,
                    stopping: { $0 == 1 && communicator.rank == culprit }, as: Float.self
                ).results.map(\.requests.stop)
            }
            #expect(answers == Array(repeating: [false, culprit >= 0, false], count: 4))
        }
    }

    @Test("What one rank throws ends the run on all", arguments: BatchNormMode.allCases)
    func failure(mode: BatchNormMode) {
        struct Failure: Error {}
        for sharing in SharingMode.allCases {
            #expect(throws: Failure.self) {
                _ = try ThreadCommunicator.run(size: 3) { communicator in
                    if communicator.rank == 0 { throw Failure() }
                    return try TrainingProblem(mode: mode).trainReproducibly(
                        steps: 1, over: communicator, sharing, as: Float.self)
                }
            }
        }
    }
}
