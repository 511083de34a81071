import TensorTestSupport
import Tensors
import Testing

@Suite struct ProductTests {
    /// Around the sizes of tiles, panels, blocks, runs and chunks: 6, 12, 32, 96, 128, 512.
    static let sizes = [1, 2, 3, 5, 7, 11, 12, 13, 16, 17, 31, 32, 33, 64, 97, 127, 128, 129, 513]
    static let transpositions: [(Transposition, Transposition)] = [
        (.none, .none), (.none, .transposed), (.transposed, .none), (.transposed, .transposed),
    ]

    private func check<Scalar: TensorScalar>(_ product: PlainProduct<Scalar>) {
        let scratch = Scratch()
        let exact = product.exact
        let defined = product.defined
        for (transposeA, transposeB) in Self.transpositions {
            let c: Matrix<Scalar> = scratch.unset(product.m, product.n)
            c.gemm(
                product.left(transposeA, scratch), transposeA, product.right(transposeB, scratch), transposeB)
            let what: Comment = """
                op \(transposeA), \(transposeB), [\(product.m), \(product.k)] · [\(product.k), \(product.n)]
                """
            #expect(haveSameBits(c.vector.array, defined), what)
            // A sum of k products of numbers around 1 is off by at most about k times the unit roundoff of the sum of
            // their magnitudes, which is below 8 each here.
            let bound = Double(product.k + 2) * Double(product.k) * 32 * Double(Scalar.ulpOfOne)
            let worst = zip(c.vector.array, exact).map { abs(Double($0) - $1) }
                .reduce(0) { $1.isNaN ? .infinity : max($0, $1) }
            #expect(worst <= bound, what)
        }
    }

    @Test(
        "Products of every shape and transposition equal plain loops; each entry is the defined sum, bit by bit",
        arguments: sizes)
    func products(m: Int) {
        for (column, n) in Self.sizes.enumerated() {
            for (inner, k) in Self.sizes.enumerated() where (m + column + inner) % 4 == 0 {
                check(PlainProduct<Float>(m, n, k))
                if m * n * k < 1 << 20 { check(PlainProduct<Double>(m, n, k)) }
            }
        }
    }

    @Test("Also over several chunks and blocks", arguments: [(193, 70, 1025), (25, 3, 1600), (200, 33, 640)])
    func large(m: Int, n: Int, k: Int) {
        check(PlainProduct<Float>(m, n, k))
        check(PlainProduct<Double>(m, n, k))
    }

    private func checkHostile<Scalar: TensorScalar>(_ m: Int, _ n: Int, _ k: Int, _: Scalar.Type) {
        let hostile: [Scalar] = [
            0, -0.0, .leastNonzeroMagnitude, -.leastNormalMagnitude / 2, .leastNormalMagnitude,
            .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .infinity, -.infinity, .nan,
        ]
        var random = RandomStream(seed: 31, purpose: .testing, shard: m)
        // Few enough that some sums stay finite.
        func values(_ count: Int) -> [Scalar] {
            (0..<count).map { _ in
                let draw = random.integer(below: 16 * k)
                return draw < 10 ? hostile[draw] : Scalar(draw % 7) - 3
            }
        }
        let product = PlainProduct(m, n, k, left: values(m * k), right: values(n * k))
        let defined = product.defined
        #expect(
            defined.contains { $0.isNaN } && defined.contains { $0.isInfinite }
                && defined.contains { $0.isFinite })
        let scratch = Scratch()
        for (transposeA, transposeB) in Self.transpositions {
            let c: Matrix<Scalar> = scratch.unset(m, n)
            c.gemm(
                product.left(transposeA, scratch), transposeA, product.right(transposeB, scratch), transposeB)
            #expect(haveSameBits(c.vector.array, defined), "op \(transposeA), \(transposeB)")
        }
    }

    @Test(
        "Zeros, denormals, huge numbers, infinities and NaN go where a plain loop takes them, and nowhere else",
        arguments: [(64, 65, 1), (13, 33, 7), (100, 17, 129), (25, 31, 513), (97, 95, 640)])
    func hostileValues(m: Int, n: Int, k: Int) {
        checkHostile(m, n, k, Float.self)
        checkHostile(m, n, k, Double.self)
    }

    @Test("Denormal products are not flushed to 0")
    func denormals() {
        let scratch = Scratch()
        let c: Matrix<Float> = scratch.unset(7, 33)
        let tiny = scratch.vector([Float](repeating: .leastNonzeroMagnitude, count: 7 * 2))
        let ones = scratch.vector([Float](repeating: 1, count: 2 * 33))
        c.gemm(tiny.matrix(rows: 7, columns: 2), .none, ones.matrix(rows: 2, columns: 33))
        #expect(c.vector.array.allSatisfy { $0 == 2 * .leastNonzeroMagnitude })
    }

    @Test("An inner size of 0 gives zeros, an outer size of 0 gives nothing")
    func empty() {
        let scratch = Scratch()
        let c: Matrix<Float> = scratch.unset(6).matrix(rows: 2, columns: 3)
        let nothing: Vector<Float> = scratch.unset(0)
        c.gemm(nothing.matrix(rows: 2, columns: 0), .none, nothing.matrix(rows: 0, columns: 3))
        #expect(c.vector.array == [0, 0, 0, 0, 0, 0])
        nothing.matrix(rows: 0, columns: 3).gemm(nothing.matrix(rows: 0, columns: 2), .none, c)
        nothing.matrix(rows: 2, columns: 0).gemm(c, .none, nothing.matrix(rows: 3, columns: 0))

        // Into some columns, others stay.
        let wide: Matrix<Float> = scratch.unset(2, 4)
        let product = Product<Float>()
        wide.gemm(
            StridedMatrix(nothing.matrix(rows: 2, columns: 0)),
            product.pack(nothing.matrix(rows: 0, columns: 2)), at: 1, scratch: product.room)
        #expect(wide.vector.array.map { $0 == 0 } == [false, true, true, false, false, true, true, false])
    }

    @Test(
        "Errors are no larger than the order of the sums allows, each by itself and in the root mean square",
        arguments: [(64, 128, 3072), (128, 512, 3072), (128, 3072, 128), (128, 128, 1024)])
    func accuracy(m: Int, n: Int, k: Int) {
        let product = PlainProduct<Float>(m, n, k)
        let scratch = Scratch()
        let (exact, magnitudes) = (product.exact, product.magnitudes)
        let limits = SumErrors(terms: k)
        for (transposeA, transposeB) in Self.transpositions {
            let c: Matrix<Float> = scratch.unset(m, n)
            c.gemm(
                product.left(transposeA, scratch), transposeA, product.right(transposeB, scratch), transposeB)
            let errors = zip(c.vector.array, exact).map { Double($0) - $1 }
            let what: Comment = "\(transposeA), \(transposeB)"
            #expect(zip(errors, magnitudes).allSatisfy { abs($0) <= limits.largest * $1 }, what)
            let rootMeanSquare = (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
            #expect(rootMeanSquare > 0 && rootMeanSquare <= limits.rootMeanSquare, what)
        }
    }
}
