import TensorTestSupport
import Tensors
import Testing

@Suite struct StridedMatrixTests {
    private static func wide(_ scratch: borrowing Scratch) -> Matrix<Float> {
        scratch.vector((0..<5 * 7).map { Float($0) }).matrix(rows: 5, columns: 7)
    }

    private func values(_ matrix: StridedMatrix<Float>, _ scratch: borrowing Scratch) -> [Float] {
        let copy: Matrix<Float> = scratch.unset(matrix.rows, matrix.columns)
        copy.copy(from: matrix)
        return copy.vector.array
    }

    @Test("Rows and columns of columns are those of the matrix")
    func views() {
        let scratch = Scratch()
        let wide = Self.wide(scratch)
        #expect(values(StridedMatrix(wide), scratch) == wide.vector.array)
        let columns = StridedMatrix(wide, columns: 2..<6)
        #expect(columns.rows == 5 && columns.columns == 4 && columns.stride == 7)
        #expect(values(columns[rows: 3..<5], scratch) == [23, 24, 25, 26, 30, 31, 32, 33])
        #expect(values(columns[rows: 1..<3][columns: 1..<3], scratch) == [10, 11, 17, 18])
        #expect(values(columns[columns: 4..<4], scratch).isEmpty)
    }

    @Test("A copy writes its columns and no others")
    func copy() {
        let scratch = Scratch()
        let wide = Self.wide(scratch)
        StridedMatrix(wide, columns: 2..<4)[rows: 1..<3].copy(
            from: scratch.vector([-1, -2, -3, -4]).matrix(rows: 2, columns: 2))
        var expected = Self.wide(scratch).vector.array
        (expected[9], expected[10], expected[16], expected[17]) = (-1, -2, -3, -4)
        #expect(wide.vector.array == expected)
    }

    @Test("Columns are added entry by entry")
    func add() {
        let scratch = Scratch()
        let sum = scratch.vector([100, 200, 300, 400] as [Float]).matrix(rows: 2, columns: 2)
        sum.add(StridedMatrix(Self.wide(scratch), columns: 5..<7)[rows: 0..<2])
        #expect(sum.vector.array == [105, 206, 312, 413])
    }

    private func checkSums<Scalar: TensorScalar>(_ rows: Int, _ columns: Int, _: Scalar.Type) {
        let scratch = Scratch()
        let narrow: Matrix<Scalar> = scratch.normals(rows, columns, stream: 1)
        let wide: Matrix<Scalar> = scratch.unset(rows, columns + 9)
        let view = StridedMatrix(wide, columns: 4..<4 + columns)
        view.copy(from: narrow)
        let (found, expected): (Vector<Scalar>, Vector<Scalar>) = (
            scratch.unset(columns), scratch.unset(columns)
        )
        view.sumColumns(into: found)
        narrow.sumColumns(into: expected)
        #expect(haveSameBits(found.array, expected.array))
    }

    @Test(
        "Sums of some columns have the bits of those of a matrix without gaps", arguments: [1, 2, 17, 128],
        [1, 3, 16, 33, 100])
    func sums(rows: Int, columns: Int) {
        checkSums(rows, columns, Float.self)
        checkSums(rows, columns, Double.self)
    }
}
