import Foundation
import TensorTestSupport
import Tensors
import Testing

/// The kernels of all instruction sets that the CPU has, against those of the best, in processes of their own: other tests
/// share memory between kernels that pack numbers in an order of their set.
@Suite struct InstructionSetTests {
    /// Ends the process where a set does not give the bits of the best.
    private static func compare<Scalar: TensorScalar>(_ results: () -> [[Scalar]]) {
        InstructionSet.used = .best
        let expected = results()
        for set in InstructionSet.available {
            InstructionSet.used = set
            guard InstructionSet.used == set, zip(results(), expected).allSatisfy({ haveSameBits($0, $1) })
            else {
                print("\(set) differs from \(InstructionSet.best)")
                exit(1)
            }
        }
    }

    private static func products<Scalar: TensorScalar>(_: Scalar.Type) -> [[Scalar]] {
        let scratch = Scratch()
        return [(1, 1, 1), (13, 17, 129), (97, 95, 513), (128, 33, 1025)].flatMap { m, n, k in
            let plain = PlainProduct<Scalar>(m, n, k)
            return ProductTests.transpositions.map { transposeA, transposeB in
                let c: Matrix<Scalar> = scratch.unset(m, n)
                c.gemm(
                    plain.left(transposeA, scratch), transposeA, plain.right(transposeB, scratch), transposeB)
                return c.vector.array
            }
        }
    }

    @Test("Products have the same bits with every instruction set, in both precisions")
    func products() async {
        await #expect(processExitsWith: .success) {
            Self.compare { Self.products(Float.self) }
            Self.compare { Self.products(Double.self) }
        }
    }

    @Test("Pixels become the same numbers, and products of them the same bits, with every instruction set")
    func pixels() async {
        await #expect(processExitsWith: .success) {
            Self.compare {
                let product = Product<Float>()
                let bytes = product.scratch.vector((0..<40 * 300).map { UInt8(truncatingIfNeeded: $0 * 37) })
                let pixels = PixelMatrix<Float>(
                    bytes.matrix(rows: 40, columns: 300), scale: product.scratch.normals(3, stream: 1),
                    shift: product.scratch.normals(3, stream: 2))
                let c: Matrix<Float> = product.scratch.unset(40, 50)
                c.gemm(
                    pixels, product.pack(product.scratch.normals(300, 50, stream: 3)), scratch: product.room)
                let packed: Vector<Float> = product.scratch.unset(
                    PackedMatrix<Float>.count(rows: 40, columns: 300))
                PackedMatrix(packed, rows: 40, columns: 300).pack(pixels, columns: 0..<300)
                return [c.vector.array, packed.array]
            }
        }
    }

    /// Results of all kinds of element-wise kernels that round more than once, with a remainder of every length.
    private static func elementwise<Scalar: TensorScalar>(_: Scalar.Type) -> [[Scalar]] {
        let scratch = Scratch()
        return [1, 15, 33, 250].flatMap { count in
            let x: Vector<Scalar> = scratch.normals(count, stream: 1)
            let other: Vector<Scalar> = scratch.normals(count, stream: 2)
            func result(_ body: (Vector<Scalar>) -> Void) -> [Scalar] {
                let y: Vector<Scalar> = scratch.normals(count, stream: 3)
                body(y)
                return y.array
            }
            let labels = scratch.vector([Int32](repeating: 0, count: 1))
            return [
                result { Scalar.exp(count, x.base, $0.base) },
                result { Scalar.elu(count, 0.7, x.base, $0.base) },
                result { Scalar.tanh(count, x.base, $0.base) },
                result { Scalar.tanhBackward(count, x.base, $0.base) },
                result { Scalar.blend(count, 0.1, x.base, $0.base) },
                result { Scalar.mergeMoments(count / 2, 0.3, 7, x.base, $0.base) },
                result { Scalar.variances(count, 9, 8, 1e-5, other.base, $0.base, x.base) },
                result { Scalar.softmax(1, count, other.base, $0.base) },
                result { Scalar.softmaxBackward(1, count, other.base, $0.base) },
                result {
                    var correct = 0
                    let loss = Scalar.softmaxCrossEntropy(
                        1, count, other.base, labels.base, 0.1, $0.base, &correct)
                    $0[count - 1] = Scalar(loss)
                },
                result {
                    Scalar.sgd(
                        1, count, 0.1, 0.9, true, 0.01, l1: 0, other.base, 0, x.base, $0.base, 0)
                },
                result {
                    Scalar.sgd(
                        1, count, 0.1, 0.9, true, 0.01, l1: 0.02, other.base, 0, x.base, $0.base, 0)
                },
                result { Scalar.gelu(count, other.base, $0.base) },
                result { Scalar.geluBackward(count, other.base, $0.base) },
                result {
                    Scalar.dropout(
                        1, count, probability: 0.3, seed: 5, layer: 1, step: 2, firstRow: 3, $0.base)
                },
                result {
                    let (row, scale) = (scratch.vector(other.array), scratch.vector([Scalar(0)]))
                    Scalar.layerNorm(1, count, 1e-5, x.base, other.base, row.base, $0.base, scale.base)
                },
                result {
                    let scale = scratch.vector([Scalar(1.7)])
                    Scalar.layerNormBackward(1, count, x.base, scale.base, other.base, $0.base)
                },
                result {
                    let m = scratch.vector(x.array)
                    Scalar.lion(
                        1, count, rate: 0.01, beta1: 0.9, beta2: 0.99, weightDecay: 0.01, other.base, 0,
                        m: m.base, $0.base, 0)
                },
            ]
                + [0, 50].map { l1 in
                    result {
                        let (m, v) = (scratch.vector(x.array), scratch.vector(x.array.map { $0 * $0 }))
                        Scalar.adamW(
                            1, count, rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8,
                            weightDecay: 0.01, l1: l1, correction1: 0.19, correction2: 0.002, other.base, 0,
                            m: m.base, v: v.base, $0.base, 0)
                    }
                }
        }
    }

    @Test("Element-wise kernels have the same bits with every instruction set, in both precisions")
    func elementwise() async {
        await #expect(processExitsWith: .success) {
            Self.compare { Self.elementwise(Float.self) }
            Self.compare { Self.elementwise(Double.self) }
        }
    }

    private static func kinksHold<Scalar: TensorScalar>(_: Scalar.Type) -> Bool {
        let scratch = Scratch()
        return [1, 15, 33].allSatisfy { count in
            let x = scratch.vector((0..<count).map { $0 % 2 == 0 ? Scalar(0) : -Scalar(0) })
            let (y, ones): (Vector<Scalar>, [Scalar]) = (
                scratch.unset(count), Array(repeating: 1, count: count)
            )
            let (relu, elu) = (scratch.vector(ones), scratch.vector(ones))
            Scalar.relu(count, x.base, y.base)
            Scalar.reluBackward(count, y.base, relu.base)
            Scalar.elu(count, 0.25, x.base, y.base)
            Scalar.eluBackward(count, 0.25, y.base, elu.base)
            return relu.array.allSatisfy { $0 == 0 } && elu.array.allSatisfy { $0 == 0.25 }
        }
    }

    @Test("At the kink 0 ReLU's derivative is 0 and ELU's α with every instruction set, in both precisions")
    func kinks() async {
        await #expect(processExitsWith: .success) {
            for set in InstructionSet.available {
                InstructionSet.used = set
                guard Self.kinksHold(Float.self), Self.kinksHold(Double.self) else { exit(1) }
            }
        }
    }

    @Test("A multiply-add is rounded once with every instruction set, denormal and huge numbers among them")
    func multiplyAdd() async {
        await #expect(processExitsWith: .success) {
            var random = RandomStream(seed: 1, purpose: .testing)
            let scratch = Scratch()
            let count = 100_003
            // Anything but NaN, infinities and what overflows to them; sums that nearly cancel, and those that do not.
            func number(_ exponents: ClosedRange<Int>) -> Float {
                let exponent = exponents.lowerBound + random.integer(below: exponents.count)
                return Float(bitPattern: random.nextUInt32() & 0x807f_ffff | UInt32(exponent) << 23)
            }
            let g = scratch.vector((0..<count).map { _ in number(0...190) })
            let p = (0..<count).map { index in
                index % 3 == 0 ? number(0...250) : -0.75 * g[index] * (index % 3 == 1 ? 1 : 1 + .ulpOfOne)
            }
            let expected = (0..<count).map { p[$0].addingProduct(-0.75, g[$0]) }
            for set in InstructionSet.available {
                InstructionSet.used = set
                let found = scratch.vector(p)
                Float.sgd(1, count, 0.75, 0, false, 0, l1: 0, g.base, 0, nil, found.base, 0)
                guard haveSameBits(found.array, expected) else { exit(1) }
            }
        }
    }

    @Test("A set that the CPU lacks is not taken")
    func missing() async {
        await #expect(processExitsWith: .success) {
            guard InstructionSet.available.last == .best, InstructionSet.used == .best else { exit(1) }
            for set in InstructionSet.allCases where !InstructionSet.available.contains(set) {
                InstructionSet.used = set
                guard InstructionSet.used == .best else { exit(2) }
            }
        }
    }

    @Test("Kernels that every CPU has err no more than rounding does")
    func baseline() async {
        await #expect(processExitsWith: .success) {
            InstructionSet.used = .baseline
            let scratch = Scratch()
            for (m, n, k) in [(1, 1, 1), (13, 17, 129), (97, 95, 513), (128, 33, 1025), (7, 32, 12)] {
                let (single, double) = (PlainProduct<Float>(m, n, k), PlainProduct<Double>(m, n, k))
                for (transposeA, transposeB) in ProductTests.transpositions {
                    let (c, d): (Matrix<Float>, Matrix<Double>) = (scratch.unset(m, n), scratch.unset(m, n))
                    c.gemm(
                        single.left(transposeA, scratch), transposeA, single.right(transposeB, scratch),
                        transposeB)
                    d.gemm(
                        double.left(transposeA, scratch), transposeA, double.right(transposeB, scratch),
                        transposeB)
                    guard worstError(c.vector.array, single) <= Double(min(k, 128) + 20),
                        // A plain loop in double precision errs as much itself.
                        worstError(d.vector.array, double) <= Double(k + 2)
                    else { exit(1) }
                }
            }
        }
    }
}
