import Autograd
import Testing

/// The identities that courses on matrix calculus work out, each against autograd.
@Suite struct IdentityTests {
    private let tape = Tape()

    /// tr S = Σ S ∘ I.
    private func trace(_ s: Value) throws -> Value { try (s * tape.identity(s.shape[0])).sum() }

    @Test("∂x_i/∂x_j = δ_ij, which sifts: Σ_j δ_ij a_j = a_i")
    func sifting() throws {
        let x = try tape.variable("x", 4, stream: 1)
        let a = try tape.constant(4, stream: 2)
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
        let (x, a) = (try tape.variable("x", 5, stream: 1), try tape.constant(5, stream: 2))
        expectEqual(try (x * a).sum().backward()[x].tensor, a.tensor)
    }

    @Test("∂(bᵀXc)/∂X = bcᵀ")
    func bilinearForm() throws {
        let x = try tape.variable("X", 3, 4, stream: 1)
        let (b, c) = (try tape.constant(3, 1, stream: 2), try tape.constant(4, 1, stream: 3))
        let y = try b.transpose().matrixProduct(x).matrixProduct(c)
        expectEqual(try y.backward()[x].tensor, try b.matrixProduct(c.transpose()).tensor)
    }

    @Test("∂(xᵀBx)/∂x = (B + Bᵀ)x, and its Hessian is B + Bᵀ")
    func quadraticForm() throws {
        let (x, b) = (try tape.variable("x", 4, 1, stream: 1), try tape.constant(4, 4, stream: 2))
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
        let q = try tape.variable("Q", 3, 2, stream: 1)
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
        let x = try tape.variable("X", 3, 4, stream: 1)
        let (v, w) = (try tape.constant(2, 3, stream: 2), try tape.constant(4, 2, stream: 3))
        let y = try trace(v.matrixProduct(x).matrixProduct(w))
        expectEqual(
            try y.backward()[x].tensor, try v.transpose().matrixProduct(w.transpose()).tensor)
    }

    @Test("∂‖w‖/∂w = w/‖w‖")
    func norm() throws {
        let w = try tape.variable("w", 5, stream: 1)
        let norm = try (w * w).sum().power(0.5)
        expectEqual(try norm.backward()[w].tensor, try (w / norm).tensor)
    }

    @Test("∂tr(S)/∂S = I")
    func traceItself() throws {
        let s = try tape.variable("S", 4, 4, stream: 1)
        expectEqual(try trace(s).backward()[s].tensor, try tape.identity(4).tensor)
    }

    @Test("∂tr(QᵀQ)/∂Q = 2Q, which the derivatives of its entries add up to")
    func traceOfGramMatrix() throws {
        let q = try tape.variable("Q", 3, 2, stream: 1)
        expectEqual(
            try trace(q.transpose().matrixProduct(q)).backward()[q].tensor, try (q * 2).tensor)
    }

    @Test("The chain rule of matrices: ∂L/∂X_mn = Σ_ij ∂L/∂U_ij ∂U_ij/∂X_mn, and Jacobians multiply")
    func chainRule() throws {
        let x = try tape.variable("X", 2, 3, stream: 1)
        let (a, b) = (try tape.constant(3, 2, stream: 2), try tape.constant(2, 4, stream: 3))
        let u = try x.matrixProduct(a).tanh()
        let y = try (u * u).matrixProduct(b)
        let outer = tape.constant(try y.jacobian(u))
        let inner = tape.constant(try u.jacobian(x))
        expectEqual(try y.jacobian(x), try outer.matrixProduct(inner).tensor)
        let loss = try (y * y).sum()
        let du = try loss.backward(keepingGraph: true)[u]
        expectEqual(
            try loss.backward()[x].tensor,
            try du.reshape([1, 4]).matrixProduct(inner).reshape([2, 3]).tensor)
    }
}
