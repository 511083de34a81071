import Collectives
import CollectivesTesting
import Curvature
import MLPEngine
import Testing

/// Loss, gradient and Hessian-vector products against autograd's, and what must not change them.
@Suite struct HessianProductTests {
    static let problems: [SmallProblem] =
        [Activation.elu(alpha: 1), .elu(alpha: 0.4), .relu, .tanh, .gelu].flatMap { activation in
            [
                SmallProblem(activation, hidden: [5, 4]),
                SmallProblem(activation, batchNorm: true),
                SmallProblem(activation, layerNorm: true, residual: true),
                SmallProblem(activation, hidden: [4, 3], batchNorm: true, layerNorm: true, residual: true),
            ]
        } + [SmallProblem(.tanh, hidden: [])]

    private func expectNear(
        _ found: [Double], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(found.count == expected.count, sourceLocation: sourceLocation)
        let scale = expected.reduce(1e-3) { max($0, abs($1)) }
        let worst = zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
        #expect(worst <= 1e-11 * scale, sourceLocation: sourceLocation)
    }

    private func compare(
        _ problem: SmallProblem, chunkRows: Int, running: [Double]? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let tape = try TapeLoss(problem, chunkRows: chunkRows, running: running)
        let loss = try problem.loss(
            chunkRows: chunkRows, batchNorm: running.map { .running($0) } ?? .chunks)
        let w = problem.parameters
        let (value, gradient) = try loss.gradient(at: w)
        expectNear([value], [tape.loss], sourceLocation: sourceLocation)
        expectNear(gradient, tape.gradient, sourceLocation: sourceLocation)
        for stream in 4...5 {
            let v = SmallProblem.numbers(w.count, stream)
            expectNear(
                try loss.hessianProduct(at: w, v), try tape.hessianProduct(v), sourceLocation: sourceLocation)
        }
    }

    @Test("They equal autograd's, with batch norm by the statistics of the sample", arguments: problems)
    func autograd(problem: SmallProblem) throws {
        try compare(problem, chunkRows: problem.rows)
    }

    @Test(
        "With batch norm by each chunk's statistics, the last chunk a smaller one, or by running ones",
        arguments: problems.filter(\.model.batchNorm))
    func chunks(problem: SmallProblem) throws {
        try compare(problem, chunkRows: 5)
        try compare(problem, chunkRows: 5, running: problem.runningStatistics)
    }

    @Test("The Hessian is symmetric: u · H v = v · H u", arguments: problems)
    func symmetry(problem: SmallProblem) throws {
        let loss = try problem.loss()
        let w = problem.parameters
        let (u, v) = (SmallProblem.numbers(w.count, 6), SmallProblem.numbers(w.count, 7))
        func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        let (left, right) = (
            dot(u, try loss.hessianProduct(at: w, v)), dot(v, try loss.hessianProduct(at: w, u))
        )
        #expect(abs(left - right) <= 1e-11 * max(1, abs(left)))
        #expect(loss.productCount == 2)
    }

    @Test("Products are differences of gradients")
    func differences() throws {
        let problem = SmallProblem(.gelu, hidden: [5, 4], layerNorm: true, residual: true)
        let loss = try problem.loss()
        let (w, v) = (problem.parameters, SmallProblem.numbers(problem.layout.count, 8))
        func gradient(_ step: Double) throws -> [Double] {
            try loss.gradient(at: zip(w, v).map { $0 + step * $1 }).gradient
        }
        let step = 1e-5
        let difference = zip(try gradient(step), try gradient(-step)).map { ($0 - $1) / (2 * step) }
        let product = try loss.hessianProduct(at: w, v)
        let worst = zip(difference, product).reduce(0) { max($0, abs($1.0 - $1.1)) }
        #expect(worst < 1e-7 * product.reduce(0) { max($0, abs($1)) })
    }

    @Test("Weight decay adds λ/2 ‖w‖², λ w and λ v")
    func weightDecay() throws {
        let problem = SmallProblem(.tanh)
        let (plain, decayed) = (try problem.loss(), try problem.loss(weightDecay: 0.25))
        let (w, v) = (problem.parameters, SmallProblem.numbers(problem.layout.count, 9))
        let (a, b) = (try plain.gradient(at: w), try decayed.gradient(at: w))
        expectNear([b.loss - a.loss], [w.reduce(0) { $0 + $1 * $1 } / 8])
        expectNear(b.gradient, zip(a.gradient, w).map { $0 + $1 / 4 })
        expectNear(
            try decayed.hessianProduct(at: w, v),
            zip(try plain.hessianProduct(at: w, v), v).map { $0 + $1 / 4 })
    }

    @Test("The whole Hessian has the products as its columns, and the bits of its transpose")
    func wholeHessian() throws {
        let problem = SmallProblem(.elu(alpha: 1), hidden: [3])
        let loss = try problem.loss()
        let (w, n) = (problem.parameters, problem.layout.count)
        let hessian = try loss.hessian(at: w)
        let v = SmallProblem.numbers(n, 10)
        expectNear(EigenvalueTests.product(hessian, v), try loss.hessianProduct(at: w, v))
        for row in 0..<n {
            for column in 0..<row { #expect(hessian[row * n + column] == hessian[column * n + row]) }
        }
    }

    @Test("Any number of ranks and threads gives the same bits", arguments: 1...9)
    func sameBits(ranks: Int) throws {
        let problem = SmallProblem(.gelu, hidden: [6], batchNorm: true, residual: true, rows: 29)
        let (w, v) = (problem.parameters, SmallProblem.numbers(problem.layout.count, 12))
        // 8 chunks, of which 9 ranks leave one without.
        let alone = try problem.loss(chunkRows: 4)
        let (expected, product) = (try alone.gradient(at: w), try alone.hessianProduct(at: w, v))
        let found = try ThreadCommunicator.run(size: ranks) { communicator in
            // The least number counts.
            let loss = try problem.loss(
                chunkRows: 4, communicator: communicator, threads: communicator.rank == 0 ? 2 : 3)
            let (value, gradient) = try loss.gradient(at: w)
            return [[value], gradient, try loss.hessianProduct(at: w, v)]
        }
        for rank in found { #expect(rank == [[expected.loss], expected.gradient, product]) }
    }

    @Test("A rank that cannot read its records makes all fail")
    func unreadable() throws {
        struct Unreadable: Error {}
        let problem = SmallProblem(.tanh)
        let failures = try ThreadCommunicator.run(size: 2) { communicator -> Bool in
            do {
                _ = try SampleLoss(
                    problem.model, recordCount: 4, chunkRows: 2, communicator: communicator
                ) { range in
                    if range.lowerBound == 2 { throw Unreadable() }
                    return .init(
                        inputs: SmallProblem.numbers(range.count * SmallProblem.inputs, 1), labels: [0, 1])
                }
                return false
            } catch is any AgreedFailure {
                return true
            }
        }
        #expect(failures == [true, true])
    }
}
