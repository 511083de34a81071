import TensorTestSupport
import Tensors
import Testing

@Suite struct ProductTests {
    private static let sizes = [1, 2, 3, 7, 16, 17, 128]
    private static let transpositions: [(Transposition, Transposition)] = [
        (.none, .none), (.none, .transposed), (.transposed, .none), (.transposed, .transposed),
    ]

    /// Compares α op(A) op(B) + β C with a loop in double precision. A sum of k products of numbers around 1, added
    /// in any order, is off by at most about k times the unit roundoff of the sum of their magnitudes.
    private func check<Scalar: TensorScalar>(
        _: Scalar.Type, _ m: Int, _ n: Int, _ k: Int, alpha: Scalar, beta: Scalar
    ) {
        let scratch = Scratch(seed: UInt64(m * 1_000_000 + n * 1000 + k))
        for (transposeA, transposeB) in Self.transpositions {
            let a: Matrix<Scalar> = scratch.normals(
                transposeA == .none ? m : k, transposeA == .none ? k : m, stream: 1)
            let b: Matrix<Scalar> = scratch.normals(
                transposeB == .none ? k : n, transposeB == .none ? n : k, stream: 2)
            let c: Matrix<Scalar> =
                beta == 0
                ? scratch.unset(m * n).matrix(rows: m, columns: n) : scratch.normals(m, n, stream: 3)
            let old = c.vector.array
            c.setProduct(a, transposeA, b, transposeB, alpha: alpha, beta: beta)
            var worst = 0.0
            for row in 0..<m {
                for column in 0..<n {
                    let before = Double(old[row * n + column])
                    var (sum, magnitude) = beta == 0 ? (0, 0) : (Double(beta) * before, abs(before))
                    for inner in 0..<k {
                        let left = transposeA == .none ? a[row, inner] : a[inner, row]
                        let right = transposeB == .none ? b[inner, column] : b[column, inner]
                        sum += Double(alpha) * Double(left) * Double(right)
                        magnitude += abs(Double(alpha) * Double(left) * Double(right))
                    }
                    let error = abs(Double(c[row, column]) - sum) / (magnitude * Double(Scalar.ulpOfOne))
                    // A NaN must not hide behind a comparison.
                    worst = error.isNaN ? .infinity : max(worst, error)
                }
            }
            #expect(worst <= Double(k + 2), "op \(transposeA), \(transposeB), [\(m), \(k)] · [\(k), \(n)]")
        }
    }

    @Test(
        "Products equal a plain loop for every transposition, and never read C when beta is 0",
        arguments: sizes, sizes)
    func products(m: Int, n: Int) {
        for k in Self.sizes {
            check(Float.self, m, n, k, alpha: 1, beta: 0)
            if k <= 17 { check(Double.self, m, n, k, alpha: 1, beta: 0) }
        }
    }

    @Test("Alpha and beta scale the product and what it is added to", arguments: [1, 3, 17, 128])
    func factors(size: Int) {
        check(Float.self, size, 5, size, alpha: -0.5, beta: 2)
        check(Double.self, size, 5, size, alpha: -0.5, beta: 2)
        check(Float.self, 5, size, 3, alpha: 0.25, beta: 0)
    }

    @Test("An inner size of 0 gives zeros, an outer size of 0 gives nothing")
    func empty() {
        let scratch = Scratch()
        let c: Matrix<Float> = scratch.unset(6).matrix(rows: 2, columns: 3)
        let nothing: Vector<Float> = scratch.unset(0)
        c.setProduct(nothing.matrix(rows: 2, columns: 0), .none, nothing.matrix(rows: 0, columns: 3))
        #expect(c.vector.array == [0, 0, 0, 0, 0, 0])
        nothing.matrix(rows: 0, columns: 3).setProduct(nothing.matrix(rows: 0, columns: 2), .none, c)
    }

    @Test("The same product gives the same bits again")
    func repeatable() {
        let scratch = Scratch()
        let (x, w): (Matrix<Float>, Matrix<Float>) = (
            scratch.normals(33, 257, stream: 1), scratch.normals(65, 257, stream: 2)
        )
        let (first, second): (Matrix<Float>, Matrix<Float>) = (
            scratch.unset(33 * 65).matrix(rows: 33, columns: 65),
            scratch.unset(33 * 65).matrix(rows: 33, columns: 65)
        )
        first.setProduct(x, .none, w, .transposed)
        second.setProduct(x, .none, w, .transposed)
        #expect(first.vector.array.map(\.bitPattern) == second.vector.array.map(\.bitPattern))
    }

    @Test("BLAS tells its kernels, its version and its threads")
    func library() {
        #expect(!BLAS.kernelName.isEmpty && BLAS.kernelName != "unknown")
        #expect(BLAS.configuration.contains("OpenBLAS"))
        #expect(BLAS.threadCount >= 1)
    }
}
