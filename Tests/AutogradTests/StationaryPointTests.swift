import Autograd
import Testing

/// Why most points where a gradient vanishes are saddles.
@Suite struct StationaryPointTests {
    /// The gradient and the Hessian of a function of one vector.
    private func derivatives(
        at point: [Double], of function: (Value) throws -> Value
    ) throws -> (gradient: Tensor, hessian: Tensor) {
        let x = Tape().variable("x", Tensor(point))
        let gradient = try function(x).backward(keepingGraph: true)[x]
        return (gradient.tensor, try gradient.jacobian(x))
    }

    @Test(
        "Of the 2ⁿ sign patterns of a Hessian's n eigenvalues two are extrema, all others saddles",
        arguments: [1, 2, 5])
    func coinFlips(dimensions: Int) throws {
        var (minima, maxima, saddles) = (0, 0, 0)
        for pattern in 0..<1 << dimensions {
            let signs = (0..<dimensions).map { pattern >> $0 & 1 == 0 ? 1.0 : -1 }
            let (gradient, hessian) = try derivatives(at: Array(repeating: 0, count: dimensions)) { x in
                try (x.tape.constant(Tensor(signs)) * x * x).sum()
            }
            #expect(gradient.values.allSatisfy { $0 == 0 })
            let curvatures = (0..<dimensions).map { hessian.values[$0 * dimensions + $0] }
            #expect(curvatures == signs.map { 2 * $0 })
            if curvatures.allSatisfy({ $0 > 0 }) {
                minima += 1
            } else if curvatures.allSatisfy({ $0 < 0 }) {
                maxima += 1
            } else {
                saddles += 1
            }
        }
        #expect(minima == 1 && maxima == 1 && saddles == 1 << dimensions - 2)
    }

    @Test("With all weights 0 two linear layers stand on a saddle: no gradient, curvatures of both signs")
    func zeroWeights() throws {
        // L = (w₂ w₁ − 1)²/2: the Hessian [[0, −1], [−1, 0]] has the eigenvalues 1 and −1.
        let first = try Tensor(shape: [2, 1], values: [1, 0])
        let second = try Tensor(shape: [2, 1], values: [0, 1])
        let (gradient, hessian) = try derivatives(at: [0, 0]) { w in
            let row = try w.reshape([1, 2])
            let (w1, w2) = (
                try row.matrixProduct(w.tape.constant(first)), try row.matrixProduct(w.tape.constant(second))
            )
            return try (w1 * w2 - 1).power(2).sum() / 2
        }
        #expect(gradient.values.allSatisfy { $0 == 0 })
        #expect(try hessian == matrix([0, -1], [-1, 0]))
    }
}
