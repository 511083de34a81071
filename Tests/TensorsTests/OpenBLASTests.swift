import OpenBLAS
import TensorTestSupport
import Tensors
import Testing

/// Products by OpenBLAS against double precision: their bits are its own affair.
@Suite(.serialized) struct OpenBLASTests {
    @Test("OpenBLAS tells its kernels, and takes a number of threads")
    func library() {
        #expect(!OpenBLAS.kernelName.isEmpty && OpenBLAS.kernelName != "unknown")
        let before = OpenBLAS.threadCount
        defer { OpenBLAS.threadCount = before }
        OpenBLAS.threadCount = 1
        #expect(OpenBLAS.threadCount == 1)
    }

    /// Columns 1 ..< 1 + columns of a matrix that is wider by three and holds NaN elsewhere.
    private func strided<Scalar: TensorScalar>(
        _ matrix: Matrix<Scalar>, _ scratch: borrowing Scratch
    ) -> StridedMatrix<Scalar> {
        let wide: Matrix<Scalar> = scratch.unset(matrix.rows, matrix.columns + 3)
        let view = StridedMatrix(wide, columns: 1..<1 + matrix.columns)
        view.copy(from: matrix)
        return view
    }

    private func check<Scalar: TensorScalar>(_ m: Int, _ n: Int, _ k: Int, _: Scalar.Type) {
        let product = PlainProduct<Scalar>(m, n, k)
        let scratch = Scratch()
        for (transposeA, transposeB) in ProductTests.transpositions {
            let wide: Matrix<Scalar> = scratch.unset(m, n + 3)
            OpenBLAS.gemm(
                strided(product.left(transposeA, scratch), scratch), transposeA,
                strided(product.right(transposeB, scratch), scratch), transposeB,
                into: StridedMatrix(wide, columns: 2..<2 + n))
            let entries = (0..<m * n).map { wide[$0 / n, 2 + $0 % n] }
            #expect(
                worstError(entries, product) <= Double(k + 2), "op \(transposeA), \(transposeB)")
            #expect((0..<m).allSatisfy { wide[$0, 1].isNaN && wide[$0, n + 2].isNaN })
        }
    }

    @Test(
        "Products of all transpositions are right, in both precisions, from and into columns of wider matrices",
        arguments: [(1, 1, 1), (13, 17, 129), (64, 33, 100)])
    func products(m: Int, n: Int, k: Int) {
        check(m, n, k, Float.self)
        check(m, n, k, Double.self)
    }
}
