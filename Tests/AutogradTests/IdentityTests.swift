import Autograd
import Testing

/// The identities that courses on matrix calculus work out, each against autograd.
@Suite struct IdentityTests {
    private let tape = Tape()

    private func expectEqual(
        _ first: Tensor, _ second: Tensor, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(relativeError([first], [second]) < 1e-12, sourceLocation: sourceLocation)
    }

    private func variable(_ name: String, _ shape: Int..., stream: UInt64) throws -> Value {
        tape.variable(
            name, try Tensor(shape: shape, values: numbers(shape.reduce(1, *), stream: stream)))
    }

    private func constant(_ shape: Int..., stream: UInt64) throws -> Value {
        tape.constant(try Tensor(shape: shape, values: numbers(shape.reduce(1, *), stream: stream)))
    }

    private func identity(_ size: Int) throws -> Value {
        tape.constant(
            try Tensor(
                shape: [size, size],
                values: (0..<size * size).map { $0 / size == $0 % size ? 1 : 0 }))
    }

    /// tr S = Σ S ∘ I.
    private func trace(_ s: Value) throws -> Value { try (s * identity(s.shape[0])).sum() }

    @Test("∂x_i/∂x_j = δ_ij, which sifts: Σ_j δ_ij a_j = a_i")
    func sifting() throws {
        let x = try variable("x", 4, stream: 1)
        let a = try constant(4, stream: 2)
        for i in 0..<4 {
            let unit = Tensor((0..<4).map { $0 == i ? 1.0 : 0 })
            let y = try x * 1
            let delta = try y.backward(seed: unit)[x]
            #expect(delta.tensor == unit)
            #expect(try (delta * a).sum().tensor == Tensor(a.tensor.values[i]))
        }
    }

    @Test("∂(x·a)/∂x = a")
    func innerProduct() throws {
        let (x, a) = (try variable("x", 5, stream: 1), try constant(5, stream: 2))
        expectEqual(try (x * a).sum().backward()[x].tensor, a.tensor)
    }

    @Test("∂(bᵀXc)/∂X = bcᵀ")
    func bilinearForm() throws {
        let x = try variable("X", 3, 4, stream: 1)
        let (b, c) = (try constant(3, 1, stream: 2), try constant(4, 1, stream: 3))
        let y = try b.transpose().matrixProduct(x).matrixProduct(c)
        expectEqual(try y.backward()[x].tensor, try b.matrixProduct(c.transpose()).tensor)
    }

    @Test("∂(xᵀBx)/∂x = (B + Bᵀ)x, and its Hessian is B + Bᵀ")
    func quadraticForm() throws {
        let (x, b) = (try variable("x", 4, 1, stream: 1), try constant(4, 4, stream: 2))
        let y = try x.transpose().matrixProduct(b).matrixProduct(x)
        let gradient = try y.backward(keepingGraph: true)[x]
        let symmetric = try b + b.transpose()
        expectEqual(gradient.tensor, try symmetric.matrixProduct(x).tensor)
        for row in 0..<4 {
            let unit = try Tensor(shape: [4, 1], values: (0..<4).map { $0 == row ? 1 : 0 })
            let second = try gradient.backward(seed: unit, keepingGraph: true)[x]
            expectEqual(second.tensor, try symmetric.matrixProduct(tape.constant(unit)).tensor)
        }
    }

    @Test("∂(QᵀQ)_ij/∂Q_mn = δ_in Q_mj + δ_jn Q_mi")
    func gramMatrix() throws {
        let q = try variable("Q", 3, 2, stream: 1)
        func entry(_ row: Int, _ column: Int) -> Double { q.tensor.values[row * 2 + column] }
        for i in 0..<2 {
            for j in 0..<2 {
                let gram = try q.transpose().matrixProduct(q)
                let unit = try Tensor(
                    shape: [2, 2], values: (0..<4).map { $0 == i * 2 + j ? 1 : 0 })
                let expected = (0..<3).flatMap { m in
                    (0..<2).map { n in (i == n ? entry(m, j) : 0) + (j == n ? entry(m, i) : 0) }
                }
                expectEqual(
                    try gram.backward(seed: unit)[q].tensor, try Tensor(shape: [3, 2], values: expected))
            }
        }
    }

    @Test("∂tr(VXW)/∂X = VᵀWᵀ")
    func traceOfProduct() throws {
        let x = try variable("X", 3, 4, stream: 1)
        let (v, w) = (try constant(2, 3, stream: 2), try constant(4, 2, stream: 3))
        let y = try trace(v.matrixProduct(x).matrixProduct(w))
        expectEqual(
            try y.backward()[x].tensor, try v.transpose().matrixProduct(w.transpose()).tensor)
    }

    @Test("∂‖w‖/∂w = w/‖w‖")
    func norm() throws {
        let w = try variable("w", 5, stream: 1)
        let norm = try (w * w).sum().power(0.5)
        expectEqual(try norm.backward()[w].tensor, try (w / norm).tensor)
    }

    @Test("∂tr(S)/∂S = I")
    func traceItself() throws {
        let s = try variable("S", 4, 4, stream: 1)
        expectEqual(try trace(s).backward()[s].tensor, try identity(4).tensor)
    }

    @Test("∂L/∂Z of softmax and cross-entropy is αM with α = 1/S and M = Y − T")
    func fusedLoss() throws {
        let z = try variable("Z", 3, 4, stream: 1)
        let targets = try Tensor(
            shape: [3, 4], values: [0, 1, 0, 0, 0.5, 0, 0.25, 0.25, 0, 0, 0, 1])
        let expected = try (z.softmax() - tape.constant(targets)) * (1.0 / 3)
        expectEqual(try z.crossEntropy(targets: targets).backward()[z].tensor, expected.tensor)
    }

    @Test("The linear layer Y = XWᵀ + b: ∂L/∂W = (∂L/∂Y)ᵀX, ∂L/∂b = 1ᵀ∂L/∂Y, ∂L/∂X = ∂L/∂Y W")
    func linearLayer() throws {
        let (x, w) = (try variable("X", 4, 3, stream: 1), try variable("W", 2, 3, stream: 2))
        let (b, dy) = (try variable("b", 2, stream: 3), try constant(4, 2, stream: 4))
        let y = try x.matrixProduct(w.transpose()) + b
        let gradients = try y.backward(seed: dy.tensor)
        expectEqual(try gradients[w].tensor, try dy.transpose().matrixProduct(x).tensor)
        expectEqual(try gradients[b].tensor, try dy.sum([0]).tensor)
        expectEqual(try gradients[x].tensor, try dy.matrixProduct(w).tensor)
    }

    @Test("Batch norm: ∂L/∂γ = Σ ∂L/∂Y ∘ X̂ and ∂L/∂β = Σ ∂L/∂Y")
    func batchNorm() throws {
        let x = try variable("X", 5, 3, stream: 1)
        let (gamma, beta) = (try variable("γ", 3, stream: 2), try variable("β", 3, stream: 3))
        let dy = try constant(5, 3, stream: 4)
        let normalized = try (x.batchNorm(gamma: gamma, beta: beta) - beta) / gamma
        let gradients = try x.batchNorm(gamma: gamma, beta: beta).backward(seed: dy.tensor)
        expectEqual(try gradients[gamma].tensor, try (dy * normalized).sum([0]).tensor)
        expectEqual(try gradients[beta].tensor, try dy.sum([0]).tensor)
    }
}
