import Foundation
import TensorTestSupport
import Tensors
import Testing

/// Products with the kernels of other instruction sets than the best.
///
/// Other tests may multiply meanwhile: they cannot notice, as kernels that fuse multiply-adds give the same bits. Those
/// that do not are tried in a process of their own.
@Suite(.serialized) struct InstructionSetTests {
    static let fusing = InstructionSet.allCases.filter {
        $0.fusesMultiplyAdd && available.contains($0)
    }
    /// All up to the best.
    private static let available = InstructionSet.allCases.prefix { $0 != InstructionSet.best } + [.best]

    private func products<Scalar: TensorScalar>(_ kernels: InstructionSet, _: Scalar.Type) -> [[Scalar]] {
        let before = InstructionSet.used
        defer { InstructionSet.used = before }
        InstructionSet.used = kernels
        #expect(InstructionSet.used == kernels)
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

    @Test("Kernels that fuse multiply-adds give the same bits, in both precisions", arguments: fusing)
    func sameBits(kernels: InstructionSet) {
        #expect(
            zip(products(kernels, Float.self), products(.best, Float.self)).allSatisfy {
                haveSameBits($0, $1)
            })
        #expect(
            zip(products(kernels, Double.self), products(.best, Double.self)).allSatisfy {
                haveSameBits($0, $1)
            })
    }

    @Test("Pixels become the same numbers, and products of them the same bits", arguments: fusing)
    func pixels(kernels: InstructionSet) {
        func results(_ kernels: InstructionSet) -> [[Float]] {
            let before = InstructionSet.used
            defer { InstructionSet.used = before }
            InstructionSet.used = kernels
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
        #expect(zip(results(kernels), results(.best)).allSatisfy { haveSameBits($0, $1) })
    }

    /// Results of all kinds of element-wise kernels that round more than once, with a remainder of every length.
    private static func elementwise<Scalar: TensorScalar>(
        _ kernels: InstructionSet, _: Scalar.Type
    ) -> [[Scalar]] {
        let before = InstructionSet.used
        defer { InstructionSet.used = before }
        InstructionSet.used = kernels
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
                    Scalar.sgd(1, count, 0.1, 0.9, true, 0.01, other.base, 0, x.base, $0.base, 0)
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
                    let (m, v) = (scratch.vector(x.array), scratch.vector(x.array.map { $0 * $0 }))
                    Scalar.adamW(
                        1, count, rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01,
                        correction1: 0.19, correction2: 0.002, other.base, 0, m: m.base, v: v.base, $0.base,
                        0)
                },
                result {
                    let m = scratch.vector(x.array)
                    Scalar.lion(
                        1, count, rate: 0.01, beta1: 0.9, beta2: 0.99, weightDecay: 0.01, other.base, 0,
                        m: m.base, $0.base, 0)
                },
            ]
        }
    }

    @Test(
        "Element-wise kernels follow the same choice, and those that fuse give the same bits",
        arguments: fusing)
    func elementwise(kernels: InstructionSet) {
        #expect(
            zip(Self.elementwise(kernels, Float.self), Self.elementwise(.best, Float.self)).allSatisfy {
                haveSameBits($0, $1)
            })
        #expect(
            zip(Self.elementwise(kernels, Double.self), Self.elementwise(.best, Double.self)).allSatisfy {
                haveSameBits($0, $1)
            })
    }

    @Test("Element-wise kernels of every CPU round as all others of theirs do: separately where products do")
    func elementwiseBaseline() async {
        await #expect(processExitsWith: .success) {
            let scratch = Scratch()
            func blended(_ kernels: InstructionSet) -> [Float] {
                InstructionSet.used = kernels
                let y: Vector<Float> = scratch.normals(333, stream: 3)
                Float.blend(333, 0.1, scratch.normals(333, stream: 1).base, y.base)
                return y.array
            }
            let x: Vector<Float> = scratch.normals(333, stream: 1)
            let y: Vector<Float> = scratch.normals(333, stream: 3)
            // Swift never fuses by itself.
            let separately = (0..<333).map { (1 - Float(0.1)) * y[$0] + Float(0.1) * x[$0] }
            for kernels in InstructionSet.allCases where Self.available.contains(kernels) {
                guard (blended(kernels) == separately) != kernels.fusesMultiplyAdd else { exit(1) }
            }
        }
    }

    @Test("At most the best is taken")
    func atMostTheBest() {
        let before = InstructionSet.used
        defer { InstructionSet.used = before }
        InstructionSet.used = .amx
        #expect(InstructionSet.used == .best)
        #expect(Self.available.contains(before))
    }

    @Test("Kernels that every CPU has compute the same up to rounding")
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
