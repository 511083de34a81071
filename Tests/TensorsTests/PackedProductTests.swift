import TensorTestSupport
import Tensors
import Testing

/// Products with packed factors, of parts of matrices and into parts of matrices.
@Suite struct PackedProductTests {
    static let shapes = [(1, 1, 1), (5, 33, 7), (12, 64, 128), (13, 40, 129), (97, 95, 513), (128, 130, 640)]

    private func checkStrided<Scalar: TensorScalar>(_ m: Int, _ n: Int, _ k: Int, _: Scalar.Type) {
        let plain = PlainProduct<Scalar>(m, n, k)
        let product = Product<Scalar>()
        let expected: Matrix<Scalar> = product.scratch.unset(m, n)
        expected.gemm(plain.left(.none, product.scratch), .none, plain.right(.none, product.scratch))
        for (before, behind) in [(0, 3), (1, 0), (17, 5)] {
            for transposition in [Transposition.none, .transposed] {
                let narrow = plain.left(transposition, product.scratch)
                let wide: Matrix<Scalar> = product.scratch.unset(
                    narrow.rows, before + narrow.columns + behind)
                let left = StridedMatrix(wide, columns: before..<before + narrow.columns)
                left.copy(from: narrow)
                // More rows than are multiplied, and columns on both sides of the product.
                let c: Matrix<Scalar> = product.scratch.unset(m + 1, before + n + behind)
                c.vector.fill(7)
                let right = product.pack(plain.right(.transposed, product.scratch), .transposed)
                switch transposition {
                case .none: c[rows: 0..<m].gemm(left, right, at: before, scratch: product.room)
                case .transposed:
                    c[rows: 0..<m].gemm(transposeOf: left, right, at: before, scratch: product.room)
                }
                let found: Matrix<Scalar> = product.scratch.unset(m, n)
                found.copy(from: StridedMatrix(c[rows: 0..<m], columns: before..<before + n))
                #expect(haveSameBits(found.vector.array, expected.vector.array))
                let others = (0..<c.count).filter { index in
                    let (row, column) = (index / c.columns, index % c.columns)
                    return row == m || column < before || column >= before + n
                }
                #expect(others.allSatisfy { c.vector[$0] == 7 })
            }
        }
    }

    @Test(
        "A factor may be columns of a wider matrix, a product too: all other entries stay as they are",
        arguments: shapes)
    func strided(m: Int, n: Int, k: Int) {
        checkStrided(m, n, k, Float.self)
        checkStrided(m, n, k, Double.self)
    }

    @Test(
        "Whatever stands in the columns beside a factor does not get into the product",
        arguments: [1, 15, 16, 17, 31, 32, 33])
    func neighbours(n: Int) {
        let plain = PlainProduct<Float>(13, n, 130)
        let product = Product<Float>()
        // B between columns of NaN.
        let wide: Matrix<Float> = product.scratch.unset(130, n + 40)
        let right = StridedMatrix(wide, columns: 20..<20 + n)
        right.copy(from: plain.right(.none, product.scratch))
        let packed = PackedMatrix<Float>(
            product.scratch.unset(PackedMatrix<Float>.count(rows: 130, columns: n)), rows: 130, columns: n)
        packed.pack(right)
        let c: Matrix<Float> = product.scratch.unset(13, n)
        c.gemm(StridedMatrix(plain.left(.none, product.scratch)), packed, scratch: product.room)
        let expected: Matrix<Float> = product.scratch.unset(13, n)
        expected.gemm(plain.left(.none, product.scratch), .none, plain.right(.none, product.scratch))
        #expect(haveSameBits(c.vector.array, expected.vector.array))
    }

    private func checkDivision<Scalar: TensorScalar>(_ m: Int, _ n: Int, _ k: Int, _: Scalar.Type) {
        let plain = PlainProduct<Scalar>(m, n, k)
        let product = Product<Scalar>()
        let (left, right) = (plain.left(.none, product.scratch), plain.right(.none, product.scratch))
        let transposedLeft = plain.left(.transposed, product.scratch)
        let whole: Matrix<Scalar> = product.scratch.unset(m, n)
        whole.gemm(left, .none, right)
        for rowsOfPart in [1, 5, 6, 11, 12, 96, m] {
            for columnsOfPart in [1, 3, 16, 32, 33, n] {
                let (c, d): (Matrix<Scalar>, Matrix<Scalar>) = (
                    product.scratch.unset(m, n), product.scratch.unset(m, n)
                )
                for column in stride(from: 0, to: n, by: columnsOfPart) {
                    let columns = column..<min(n, column + columnsOfPart)
                    let packed = PackedMatrix<Scalar>(
                        product.scratch.unset(PackedMatrix<Scalar>.count(rows: k, columns: columns.count)),
                        rows: k, columns: columns.count)
                    packed.pack(StridedMatrix(right, columns: columns))
                    for row in stride(from: 0, to: m, by: rowsOfPart) {
                        let rows = row..<min(m, row + rowsOfPart)
                        c[rows: rows].gemm(
                            StridedMatrix(left)[rows: rows], packed, at: column, scratch: product.room)
                        d[rows: rows].gemm(
                            transposeOf: StridedMatrix(transposedLeft, columns: rows), packed, at: column,
                            scratch: product.room)
                    }
                }
                #expect(haveSameBits(c.vector.array, whole.vector.array), "\(rowsOfPart) by \(columnsOfPart)")
                #expect(haveSameBits(d.vector.array, whole.vector.array), "\(rowsOfPart) by \(columnsOfPart)")
            }
        }
    }

    @Test(
        "Any division into rows and columns gives the same bits", arguments: [(37, 70, 140), (14, 35, 520)])
    func division(m: Int, n: Int, k: Int) {
        checkDivision(m, n, k, Float.self)
        checkDivision(m, n, k, Double.self)
    }

    private func checkPacking<Scalar: TensorScalar>(_ rows: Int, _ columns: Int, _: Scalar.Type) {
        let scratch = Scratch()
        let (width, panels) = (
            PackedMatrix<Scalar>.panelWidth, PackedMatrix<Scalar>.panelCount(columns)
        )
        let transposed: Matrix<Scalar> = scratch.normals(columns, rows, stream: 1)
        let count = PackedMatrix<Scalar>.count(rows: rows, columns: columns)
        #expect(count == panels * width * rows && panels == (columns + width - 1) / width)
        let expected = (0..<count).map { index -> Scalar in
            let column = index / (rows * width) * width + index % width
            return column < columns ? transposed[column, index / width % rows] : 0
        }
        // One scalar behind the panels must stay as it is.
        let memory: Vector<Scalar> = scratch.unset(count + 1)
        let packed = PackedMatrix(memory, rows: rows, columns: columns)
        packed.pack(transposeOf: transposed, columns: 0..<rows)
        #expect(Array(memory.array.dropLast()) == expected && memory[count].isNaN)

        memory.fill(.nan)
        for cut in [0, 1, rows / 3, rows - 1, rows] {
            for range in [0..<cut, cut..<rows] { packed.pack(transposeOf: transposed, columns: range) }
            #expect(Array(memory.array.dropLast()) == expected && memory[count].isNaN)
        }

        memory.fill(.nan)
        packed.pack(
            StridedMatrix(
                scratch.vector((0..<rows * columns).map { transposed[$0 % columns, $0 / columns] }).matrix(
                    rows: rows, columns: columns)))
        #expect(Array(memory.array.dropLast()) == expected && memory[count].isNaN)
    }

    @Test(
        "A factor is packed into panels, filled up with zeros, from itself or its transpose, whole or piece by piece",
        arguments: [1, 7, 8, 9, 64, 65], [1, 8, 16, 31, 32, 33, 96, 100])
    func packing(rows: Int, columns: Int) {
        checkPacking(rows, columns, Float.self)
        checkPacking(rows, columns, Double.self)
    }

    @Test("Packing some rows of a transpose leaves the others as they are")
    func packingSomeRows() {
        let scratch = Scratch()
        let memory: Vector<Float> = scratch.unset(PackedMatrix<Float>.count(rows: 20, columns: 40))
        let packed = PackedMatrix(memory, rows: 20, columns: 40)
        packed.pack(transposeOf: scratch.normals(40, 20, stream: 1), columns: 3..<12)
        for index in 0..<memory.count {
            #expect(memory[index].isNaN == !(3..<12).contains(index / 32 % 20))
        }
    }
}
