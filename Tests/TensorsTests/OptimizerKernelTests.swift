import TensorTestSupport
import Tensors
import Testing

/// Steps of AdamW and Lion against double precision, on some columns of wider matrices.
@Suite struct OptimizerKernelTests {
    private static let (rows, columns, stride) = (3, 37, 41)

    /// Entries of a wide matrix that a step on its first columns changes, and those that it must leave.
    private func split<Scalar: TensorScalar>(_ values: Vector<Scalar>) -> (changed: [Scalar], left: [Scalar])
    {
        let indices = 0..<values.count
        return (
            indices.filter { $0 % Self.stride < Self.columns }.map { values[$0] },
            indices.filter { $0 % Self.stride >= Self.columns }.map { values[$0] }
        )
    }

    private func check<Scalar: TensorScalar>(
        _: Scalar.Type,
        step: (Int, UnsafePointer<Scalar>, [Vector<Scalar>]) -> Void,
        reference: (Int, Double, inout [Double]) -> Void
    ) {
        let scratch = Scratch()
        let count = Self.rows * Self.stride
        let values: [Vector<Scalar>] = (0..<3).map { scratch.normals(count, stream: $0) }
        // A second moment is no less than 0.
        for index in 0..<count { values[2][index] = values[2][index].magnitude }
        let before = values.map { split($0) }
        var exact = before.map { $0.changed.map(Double.init) }
        for round in 1...4 {
            let gradient: Matrix<Scalar> = scratch.normals(Self.rows, Self.columns, stream: 10 + round)
            step(round, gradient.base, values)
            for index in exact[0].indices {
                var entry = exact.map { $0[index] }
                reference(round, Double(gradient.vector[index]), &entry)
                for which in exact.indices { exact[which][index] = entry[which] }
            }
        }
        for (which, value) in values.enumerated() {
            let after = split(value)
            #expect(haveSameBits(after.left, before[which].left))
            let scratchVector = scratch.vector(after.changed)
            expect(scratchVector, equal: exact[which], units: 40, "value \(which)")
        }
    }

    private func checkAdamW<Scalar: TensorScalar>(_: Scalar.Type, l1: Double) {
        let (beta1, beta2) = (0.9, 0.999)
        func correction(_ beta: Double, _ step: Int) -> Double {
            1 - (0..<step).reduce(1.0) { power, _ in power * beta }
        }
        check(
            Scalar.self,
            step: { step, gradient, values in
                Scalar.adamW(
                    Self.rows, Self.columns, rate: 0.01, beta1: beta1, beta2: beta2, epsilon: 1e-8,
                    weightDecay: 0.1, l1: l1, correction1: correction(beta1, step),
                    correction2: correction(beta2, step), gradient, Self.columns, m: values[1].base,
                    v: values[2].base, values[0].base, Self.stride)
            },
            reference: { step, gradient, entry in
                entry[0] -= 0.01 * 0.1 * entry[0]
                entry[1] = beta1 * entry[1] + (1 - beta1) * gradient
                entry[2] = beta2 * entry[2] + (1 - beta2) * gradient * gradient
                let root = (entry[2] / correction(beta2, step)).squareRoot() + 1e-8
                let next = entry[0] - 0.01 * (entry[1] / correction(beta1, step)) / root
                entry[0] = (next < 0 ? -1 : 1) * max(abs(next) - 0.01 * l1, 0)
            })
    }

    @Test("AdamW's step is the one of its paper, and leaves other columns alone")
    func adamW() {
        for l1 in [0, 0.5, 30] {
            checkAdamW(Float.self, l1: l1)
            checkAdamW(Double.self, l1: l1)
        }
    }

    private func checkLion<Scalar: TensorScalar>(_: Scalar.Type) {
        let (beta1, beta2) = (0.9, 0.99)
        check(
            Scalar.self,
            step: { _, gradient, values in
                Scalar.lion(
                    Self.rows, Self.columns, rate: 0.01, beta1: beta1, beta2: beta2, weightDecay: 0.1,
                    gradient, Self.columns, m: values[1].base, values[0].base, Self.stride)
            },
            reference: { _, gradient, entry in
                let direction = beta1 * entry[1] + (1 - beta1) * gradient
                entry[0] -= 0.01 * ((direction > 0 ? 1 : direction < 0 ? -1 : 0) + 0.1 * entry[0])
                entry[1] = beta2 * entry[1] + (1 - beta2) * gradient
            })
    }

    @Test("Lion's step is the one of its paper, and leaves other columns alone")
    func lion() {
        checkLion(Float.self)
        checkLion(Double.self)
    }

    @Test(
        "A gradient of 0 moves nothing but by decay, and NaN reaches the parameters, so that it cannot vanish"
    )
    func edges() {
        let scratch = Scratch()
        for count in [1, 33] {
            func vector(_ value: Float) -> Vector<Float> {
                scratch.vector([Float](repeating: value, count: count))
            }
            for (gradient, isExpected) in [
                (vector(0), { (p: Float) in p == 1 }), (vector(.nan), { (p: Float) in p.isNaN }),
            ] {
                let (p, q, m, n, v) = (vector(1), vector(1), vector(0), vector(0), vector(0))
                Float.lion(
                    1, count, rate: 0.1, beta1: 0.9, beta2: 0.99, weightDecay: 0, gradient.base, count,
                    m: m.base,
                    p.base, count)
                let sparse = (p: vector(1.25), m: vector(0), v: vector(0))
                for (l1, adam) in [(0, (p: q, m: n, v: v)), (2.5, sparse)] {
                    Float.adamW(
                        1, count, rate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, l1: l1,
                        correction1: 0.1, correction2: 0.01, gradient.base, count, m: adam.m.base,
                        v: adam.v.base, adam.p.base, count)
                    #expect(adam.p.array.allSatisfy(isExpected))
                }
                #expect(p.array.allSatisfy(isExpected))
            }
        }
    }
}
