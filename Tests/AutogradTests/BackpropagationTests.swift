import Autograd
import Foundation
import Testing

/// What each module does on the way back, against autograd, which knows the way forward alone.
@Suite struct BackpropagationTests {
    private let tape = Tape()

    @Test("The linear layer Y = XWᵀ + b: ∂L/∂W = (∂L/∂Y)ᵀX, ∂L/∂b = 1ᵀ∂L/∂Y, ∂L/∂X = ∂L/∂Y W")
    func linearLayer() throws {
        let (x, w) = (try tape.variable("X", 4, 3, stream: 1), try tape.variable("W", 2, 3, stream: 2))
        let (b, dy) = (try tape.variable("b", 2, stream: 3), try tape.constant(4, 2, stream: 4))
        let y = try x.matrixProduct(w.transpose()) + b
        let gradients = try y.backward(seed: dy.tensor)
        expectEqual(try gradients[w].tensor, try dy.transpose().matrixProduct(x).tensor)
        expectEqual(try gradients[b].tensor, try dy.sum([0]).tensor)
        expectEqual(try gradients[x].tensor, try dy.matrixProduct(w).tensor)
    }

    /// A function of each element, and its derivative by hand.
    struct Elementwise: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let function: @Sendable (Value) throws -> Value
        let derivative: @Sendable (Double) -> Double

        static let all = [
            Elementwise(testDescription: "Tanh", function: { try $0.tanh() }) { 1 - tanh($0) * tanh($0) },
            Elementwise(testDescription: "ELU", function: { try $0.elu(alpha: 0.3) }) {
                $0 > 0 ? 1 : 0.3 * exp($0)
            },
            Elementwise(testDescription: "ReLU", function: { try $0.relu() }) { $0 > 0 ? 1 : 0 },
            Elementwise(testDescription: "GELU", function: { try $0.gelu() }) { x in
                let (share, density) = (1 + erf(x / 2.0.squareRoot()), exp(-x * x / 2))
                return share / 2 + x * density / (2 * Double.pi).squareRoot()
            },
        ]
    }

    @Test(
        "Element by element ∂L/∂X = ∂L/∂Y ∘ f′(X): the Jacobian has f′(X) on its diagonal, 0 elsewhere",
        arguments: Elementwise.all)
    func elementwise(_ activation: Elementwise) throws {
        let x = try tape.variable("X", 2, 3, stream: 1)
        let y = try activation.function(x)
        let slopes = x.tensor.values.map(activation.derivative)
        var diagonal = [Double](repeating: 0, count: 36)
        for (place, slope) in slopes.enumerated() { diagonal[place * 7] = slope }
        expectEqual(try y.jacobian(x), try Tensor(shape: [6, 6], values: diagonal))
        let dy = try tape.constant(2, 3, stream: 2)
        let product = try dy * tape.constant(Tensor(shape: [2, 3], values: slopes))
        expectEqual(try y.backward(seed: dy.tensor)[x].tensor, product.tensor)
    }

    @Test("The Jacobian of softmax is ∂y_i/∂x_j = y_i (δ_ij − y_j), symmetric, and its columns sum to 0")
    func softmaxJacobian() throws {
        let x = try tape.variable("x", 1, 5, stream: 1)
        let y = try x.softmax()
        let (found, p) = (try y.jacobian(x), y.tensor.values)
        var expected: [Double] = []
        for i in 0..<5 {
            for j in 0..<5 { expected.append(p[i] * ((i == j ? 1.0 : 0.0) - p[j])) }
        }
        expectEqual(found, try Tensor(shape: [5, 5], values: expected))
        expectEqual(found, try tape.constant(found).transpose().tensor)
        expectZero(try tape.constant(found).sum([0]).tensor)
    }

    @Test("Softmax of each row: ∂L/∂X = Y ∘ (∂L/∂Y − (∂L/∂Y ∘ Y) 1 1ᵀ)")
    func softmax() throws {
        let (x, dy) = (try tape.variable("X", 3, 4, stream: 1), try tape.constant(3, 4, stream: 2))
        let y = try x.softmax()
        let expected = try y * (dy - (dy * y).sum([1], keepingAxes: true))
        expectEqual(try y.backward(seed: dy.tensor)[x].tensor, expected.tensor)
    }

    private func targets() throws -> Tensor {
        try matrix([0, 1, 0, 0], [0.5, 0, 0.25, 0.25], [0, 0, 0, 1])
    }

    @Test("Cross-entropy L = −(1/S) Σ T ∘ ln Y has ∂L/∂Y = −(1/S) T ⊘ Y")
    func crossEntropy() throws {
        let t = tape.constant(try targets())
        let y = tape.variable("Y", try tape.constant(3, 4, stream: 1).softmax().tensor)
        let loss = try -(t * y.log()).sum() / 3
        expectEqual(try loss.backward()[y].tensor, try (t / y * (-1.0 / 3)).tensor)
    }

    @Test("∂L/∂Z of softmax and cross-entropy is αM with α = 1/S and M = Y − T, whose rows sum to 0")
    func fusedLoss() throws {
        let (z, t) = (try tape.variable("Z", 3, 4, stream: 1), tape.constant(try targets()))
        let y = try z.softmax()
        let expected = try (y - t) * (1.0 / 3)
        expectEqual(try z.crossEntropy(targets: t.tensor).backward()[z].tensor, expected.tensor)
        expectZero(try expected.sum([1]).tensor)
        // One module behind the other, as the courses' NumPy networks have them.
        let composed = try -(t * y.log()).sum() / 3
        expectEqual(try composed.backward()[z].tensor, expected.tensor)
    }

    // MARK: Norms

    private struct Norm {
        let x, gamma, beta, dy: Value
        /// 1/√(σ² + ε), and X̂.
        let scale, normalized: Value

        init(_ tape: Tape, over axis: Int) throws {
            x = try tape.variable("X", 5, 3, stream: 1)
            gamma = try tape.variable("γ", 3, stream: 2)
            beta = try tape.variable("β", 3, stream: 3)
            dy = try tape.constant(5, 3, stream: 4)
            let centred = try x - x.mean([axis], keepingAxes: true)
            let variance = try (centred * centred).mean([axis], keepingAxes: true)
            scale = try (variance + 1e-5).power(-0.5)
            normalized = try centred * scale
        }
    }

    @Test("Batch norm: ∂L/∂γ = Σ ∂L/∂Y ∘ X̂ and ∂L/∂β = Σ ∂L/∂Y")
    func batchNormParameters() throws {
        let norm = try Norm(tape, over: 0)
        let gradients = try norm.x.batchNorm(gamma: norm.gamma, beta: norm.beta).backward(
            seed: norm.dy.tensor)
        expectEqual(try gradients[norm.gamma].tensor, try (norm.dy * norm.normalized).sum([0]).tensor)
        expectEqual(try gradients[norm.beta].tensor, try norm.dy.sum([0]).tensor)
    }

    @Test(
        "Batch norm: ∂L/∂X = γ/√(σ² + ε) ∘ (∂L/∂Y − mean(∂L/∂Y) − X̂ ∘ mean(∂L/∂Y ∘ X̂)), whose columns sum to 0"
    )
    func batchNormInput() throws {
        let norm = try Norm(tape, over: 0)
        let dx = try norm.x.batchNorm(gamma: norm.gamma, beta: norm.beta).backward(
            seed: norm.dy.tensor)[norm.x]
        let along = try norm.normalized * (norm.dy * norm.normalized).mean([0])
        let expected = try norm.gamma * norm.scale * (norm.dy - norm.dy.mean([0]) - along)
        expectEqual(dx.tensor, expected.tensor)
        expectZero(try dx.sum([0]).tensor)
    }

    @Test("Layer norm: with G = γ ∘ ∂L/∂Y, ∂L/∂X = (G − mean(G) − X̂ ∘ mean(G ∘ X̂))/√(σ² + ε) in each row")
    func layerNorm() throws {
        let norm = try Norm(tape, over: 1)
        let gradients = try norm.x.layerNorm(gamma: norm.gamma, beta: norm.beta).backward(
            seed: norm.dy.tensor)
        let g = try norm.gamma * norm.dy
        let along = try norm.normalized * (g * norm.normalized).mean([1], keepingAxes: true)
        expectEqual(
            try gradients[norm.x].tensor,
            try ((g - g.mean([1], keepingAxes: true) - along) * norm.scale).tensor)
        expectEqual(try gradients[norm.gamma].tensor, try (norm.dy * norm.normalized).sum([0]).tensor)
        expectEqual(try gradients[norm.beta].tensor, try norm.dy.sum([0]).tensor)
    }

    // MARK: The residual block

    /// f(X) = tanh(X W₁ᵀ) W₂ᵀ.
    private func branch(_ x: Value, _ first: Int, _ second: Int) throws -> Value {
        let w1 = try tape.variable("W₁", first, x.shape[1], stream: 11)
        let w2 = try tape.variable("W₂", second, first, stream: 12)
        return try x.matrixProduct(w1.transpose()).tanh().matrixProduct(w2.transpose())
    }

    @Test("The residual block X + f(X) has the Jacobian I + ∂f/∂X, whatever the branch's width N₁")
    func residualJacobian() throws {
        let x = try tape.variable("X", 1, 4, stream: 1)
        for width in [1, 2, 4, 9] {
            let f = try branch(x, width, 4)
            let expected = try tape.identity(4) + tape.constant(f.jacobian(x))
            expectEqual(try (x + f).jacobian(x), expected.tensor)
        }
    }

    @Test("The addition of the residual block forces N₂ = F")
    func residualWidths() throws {
        let x = try tape.variable("X", 3, 4, stream: 1)
        #expect(try (x + branch(x, 2, 4)).shape == [3, 4])
        for second in [2, 3, 5, 8] {
            #expect(throws: AutogradError.self) { try x + branch(x, 2, second) }
        }
    }

    @Test("Through 30 layers of slope 0.1 a gradient becomes 0.1³⁰, around them 1.1³⁰")
    func residualDepth() throws {
        func slope(residual: Bool) throws -> Double {
            let x = tape.variable("x", Tensor(1))
            var y = x
            for _ in 0..<30 { y = try residual ? y + y * 0.1 : y * 0.1 }
            return try y.backward()[x].tensor.values[0]
        }
        let (without, with) = (try slope(residual: false), try slope(residual: true))
        #expect(abs(without / 1e-30 - 1) < 1e-12 && abs(with / pow(1.1, 30) - 1) < 1e-12)
    }

    // MARK: Parts of a batch

    @Test("The gradient of the mean over the batch weighs each part's by its rows: equal parts, their mean")
    func parts() throws {
        let w = try tape.variable("W", 4, 3, stream: 1)
        let rows = try (0..<8).map { try tape.constant(1, 3, stream: 10 + UInt64($0)) }
        func gradient(_ part: Range<Int>) throws -> Value {
            var sum = tape.constant(Tensor(0))
            for row in part {
                let logits = try rows[row].matrixProduct(w.transpose())
                sum = try sum + logits.crossEntropy(labels: [row % 4])
            }
            return try (sum / Double(part.count)).backward()[w]
        }
        let whole = try gradient(0..<8)
        let equal = try (gradient(0..<4) + gradient(4..<8)) / 2
        expectEqual(equal.tensor, whole.tensor)
        let (three, five) = (try gradient(0..<3), try gradient(3..<8))
        expectEqual(try (three * (3.0 / 8) + five * (5.0 / 8)).tensor, whole.tensor)
        #expect(relativeError([try ((three + five) / 2).tensor], [whole.tensor]) > 1e-2)
    }
}
