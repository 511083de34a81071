import Curvature
import MLPEngine
import Testing

/// Saddles in the plane, in random matrices, and of a network's loss.
@Suite struct SaddleTests {
    @Test("Plain descent on x² − y² is x_t = (1 − 2η)ᵗ x₀, y_t = (1 + 2η)ᵗ y₀")
    func closedForm() {
        let path = PlanarSaddle.quadratic.path(from: .init(x: 1, y: 1e-3), .init(rate: 0.1), steps: 30)
        #expect(path.count == 31)
        var (x, y) = (1.0, 1e-3)
        for point in path {
            #expect(abs(point.x - x) < 1e-14 && abs(point.y - y) < 1e-14 * max(1, y))
            (x, y) = (x * 0.8, y * 1.2)
        }
        #expect(PlanarSaddle.quadratic.value(path[30]) < PlanarSaddle.quadratic.value(path[0]))
    }

    @Test("With momentum it is the recurrence w_{t+1} = w_t + m (w_t − w_{t−1}) − η ∇f")
    func momentum() {
        let descent = PlanarSaddle.Descent(rate: 0.05, momentum: 0.9)
        for saddle in PlanarSaddle.allCases {
            let path = saddle.path(from: .init(x: 0.8, y: 0.01), descent, steps: 40)
            for step in 1..<40 {
                let (before, now, next) = (path[step - 1], path[step], path[step + 1])
                let slope = saddle.gradient(now)
                #expect(abs(next.x - (now.x + 0.9 * (now.x - before.x) - 0.05 * slope.x)) < 1e-13)
                #expect(abs(next.y - (now.y + 0.9 * (now.y - before.y) - 0.05 * slope.y)) < 1e-13)
            }
        }
    }

    @Test("Each gradient is the difference of its function", arguments: PlanarSaddle.allCases)
    func gradients(saddle: PlanarSaddle) {
        let (x, y, step) = (0.3, -0.7, 1e-6)
        let slope = saddle.gradient(.init(x: x, y: y))
        let across = saddle.value(.init(x: x + step, y: y)) - saddle.value(.init(x: x - step, y: y))
        let along = saddle.value(.init(x: x, y: y + step)) - saddle.value(.init(x: x, y: y - step))
        #expect(abs(across / (2 * step) - slope.x) < 1e-9 && abs(along / (2 * step) - slope.y) < 1e-9)
    }

    @Test("From the ridge plain descent comes to the saddle; noise, or any offset, takes it to a minimum")
    func ridge() throws {
        let saddle = PlanarSaddle.withMinima
        let start = PlanarSaddle.Point(x: 1, y: 0)
        let stuck = try #require(saddle.path(from: start, .init(rate: 0.1), steps: 2000).last)
        #expect(stuck.y == 0 && stuck.distance < 1e-12)
        let noisy = saddle.path(from: start, .init(rate: 0.1, noise: 1e-6), steps: 2000)
        let end = try #require(noisy.last)
        #expect(abs(abs(end.y) - 1) < 1e-3 && abs(saddle.value(end) + 0.25) < 1e-6)
        #expect(noisy == saddle.path(from: start, .init(rate: 0.1, noise: 1e-6), steps: 2000))
        let beside = try #require(
            saddle.path(from: .init(x: 1, y: -1e-9), .init(rate: 0.1), steps: 2000).last)
        #expect(abs(beside.y + 1) < 1e-9)
    }

    @Test("The steps near the saddle grow with the logarithm of 1/offset")
    func logarithm() throws {
        let descent = PlanarSaddle.Descent(rate: 0.1)
        let counts = try (1...12).map { digits in
            try #require(
                PlanarSaddle.quadratic.stepsToLeave(offset: 0.5 * power(0.1, digits) * 1.0001, descent))
        }
        // ln 10 / ln 1.2 = 12.63 steps for each digit.
        for (index, count) in counts.enumerated() {
            #expect(abs(Double(count) - 12.629 * Double(index + 1)) <= 1.01)
        }
        let quicker = try #require(
            PlanarSaddle.quadratic.stepsToLeave(offset: 1e-9, .init(rate: 0.1, momentum: 0.9)))
        let plain = try #require(PlanarSaddle.quadratic.stepsToLeave(offset: 1e-9, descent))
        #expect(quicker < plain / 2)
        #expect(PlanarSaddle.quadratic.stepsToLeave(offset: 0, descent, limit: 1000) == nil)
    }

    private func power(_ base: Double, _ exponent: Int) -> Double {
        (0..<exponent).reduce(1) { product, _ in product * base }
    }

    @Test("One curvature is a coin: half of the 1 × 1 matrices are minima")
    func oneDimension() throws {
        let flips = try CoinFlips(dimension: 1, trials: 10_000, seed: 1)
        #expect(abs(flips.minimaShare - 0.5) < 0.02 && abs(flips.headsShare - 0.5) < 0.02)
        #expect(flips.naiveShare == 0.5 && flips.minimaShare + flips.negativeShare == 1)
    }

    @Test("Eigenvalues repel one another: minima are rarer than coins say, of 2 × 2 matrices (2 − √2)/4")
    func coinFlips() throws {
        let flips = try (1...8).map { try CoinFlips(dimension: $0, trials: 10_000, seed: 2) }
        #expect(abs(flips[1].minimaShare - (2 - 2.0.squareRoot()) / 4) < 0.015)
        #expect(abs(flips[2].minimaShare - 0.0249) < 0.007, "(π − 2√2)/4π of 3 × 3 matrices")
        for (index, flip) in flips.enumerated() {
            #expect(abs(flip.headsShare - flip.naiveShare) < 0.02)
            #expect(abs(flip.negativeShare - 0.5) < 0.02)
            if index > 0 {
                #expect(flip.minimaShare < flip.naiveShare * 0.7)
                #expect(flip.minima <= flips[index - 1].minima)
            }
        }
        #expect(
            try CoinFlips(dimension: 3, trials: 500, seed: 2) == CoinFlips(dimension: 3, trials: 500, seed: 2)
        )
        #expect(
            try CoinFlips(dimension: 3, trials: 500, seed: 3) != CoinFlips(dimension: 3, trials: 500, seed: 2)
        )
    }

    @Test("A search ends where the gradient is 0: at a saddle from one place, at a minimum from another")
    func stationaryPoints() throws {
        let problem = SmallProblem(.tanh, hidden: [3])
        // The decay's minimum holds the parameters in place.
        let loss = try problem.loss(weightDecay: 0.02)
        // With all parameters 0 but the last biases every gradient of a weight is 0, and hidden units can leave either way.
        var near = [Double](repeating: 0, count: problem.layout.count)
        near[near.count - 1] = 1e-3
        let saddle = try StationaryPoint(near: near, of: loss)
        #expect(saddle.gradientNorm < 1e-8)
        #expect(saddle.negativeCount > 0 && saddle.positiveCount > 0)
        #expect(saddle.negativeShare == Double(saddle.negativeCount) / Double(near.count))

        // Down from there by gradient descent, and on by the search.
        var w = problem.parameters
        for _ in 0..<2000 {
            let slope = try loss.gradient(at: w).gradient
            w = zip(w, slope).map { $0 - 0.5 * $1 }
        }
        let minimum = try StationaryPoint(near: w, of: loss)
        #expect(minimum.gradientNorm < 1e-8 && minimum.negativeCount == 0)
        #expect(minimum.loss < saddle.loss)
        for point in [saddle, minimum] {
            #expect(zip(point.gradientNorms, point.gradientNorms.dropFirst()).allSatisfy { $0 > $1 })
            #expect(point.eigenvalues == point.eigenvalues.sorted())
        }
    }
}
