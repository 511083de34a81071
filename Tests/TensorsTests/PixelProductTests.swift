import TensorTestSupport
import Tensors
import Testing

/// Products with pixels, which stand for numbers that are nowhere in memory.
@Suite struct PixelProductTests {
    private struct Image<Scalar: TensorScalar>: ~Copyable {
        let scratch = Scratch()
        let pixels: PixelMatrix<Scalar>
        /// The same as numbers.
        let numbers: Matrix<Scalar>

        /// Random bytes, all values of a byte among them where there is room.
        init(rows: Int, channels: Int, plane: Int) {
            var random = RandomStream(seed: 1, purpose: .testing, shard: rows)
            let columns = channels * plane
            let bytes = (0..<rows * columns).map { UInt8($0 < 256 ? $0 : random.integer(below: 256)) }
            let scale: Vector<Scalar> = scratch.normals(channels, stream: 1)
            let shift: Vector<Scalar> = scratch.normals(channels, stream: 2)
            pixels = PixelMatrix(
                scratch.vector(bytes).matrix(rows: rows, columns: columns), scale: scale, shift: shift)
            numbers = scratch.vector(
                bytes.enumerated().map { index, byte in
                    let p = index % columns / plane
                    return shift[p].addingProduct(Scalar(byte), scale[p])
                }
            ).matrix(rows: rows, columns: columns)
        }
    }

    private func checkProduct<Scalar: TensorScalar>(
        rows: Int, channels: Int, plane: Int, outputs: Int, _: Scalar.Type
    ) {
        let image = Image<Scalar>(rows: rows, channels: channels, plane: plane)
        #expect(image.pixels.rows == rows && image.pixels.columns == channels * plane)
        #expect(image.pixels.channelSize == plane)
        let product = Product<Scalar>()
        let right = product.pack(image.scratch.normals(channels * plane, outputs, stream: 3))
        let (found, expected): (Matrix<Scalar>, Matrix<Scalar>) = (
            product.scratch.unset(rows, outputs + 2), product.scratch.unset(rows, outputs + 2)
        )
        for matrix in [found, expected] { matrix.vector.fill(3) }
        found.gemm(image.pixels, right, at: 1, scratch: product.room)
        expected.gemm(StridedMatrix(image.numbers), right, at: 1, scratch: product.room)
        #expect(haveSameBits(found.vector.array, expected.vector.array))
        #expect(expected.vector.array.contains { $0 != 3 })

        // Any rows give the bits of the whole.
        let middle = rows / 3..<rows
        found.vector.fill(3)
        found[rows: middle].gemm(
            image.pixels[rows: middle], right, at: 1, scratch: product.room)
        #expect(haveSameBits(found[rows: middle].vector.array, expected[rows: middle].vector.array))
    }

    @Test(
        "A product with pixels has the bits of the product with their numbers",
        arguments: [(1, 1, 1, 1), (5, 3, 7, 33), (97, 3, 171, 40), (128, 3, 1024, 128), (13, 4, 300, 10)])
    func product(rows: Int, channels: Int, plane: Int, outputs: Int) {
        checkProduct(rows: rows, channels: channels, plane: plane, outputs: outputs, Float.self)
        checkProduct(rows: rows, channels: channels, plane: plane, outputs: outputs, Double.self)
    }

    private func checkPacking<Scalar: TensorScalar>(_ range: Range<Int>, _: Scalar.Type) {
        let image = Image<Scalar>(rows: 9, channels: 3, plane: 50)
        let count = PackedMatrix<Scalar>.count(rows: 9, columns: range.count)
        let (found, expected): (Vector<Scalar>, Vector<Scalar>) = (
            image.scratch.unset(count + 1), image.scratch.unset(count + 1)
        )
        PackedMatrix(found, rows: 9, columns: range.count).pack(image.pixels, columns: range)
        PackedMatrix(expected, rows: 9, columns: range.count)
            .pack(StridedMatrix(image.numbers, columns: range))
        #expect(haveSameBits(found.array, expected.array) && found[count].isNaN)
    }

    @Test(
        "Packed pixels are p · scale + shift of their plane, rounded once, for any columns",
        arguments: [
            0..<150, 0..<50, 50..<100, 100..<150, 0..<1, 49..<51, 99..<150, 17..<66, 32..<64, 32..<145,
            149..<150,
        ])
    func packing(range: Range<Int>) {
        checkPacking(range, Float.self)
        checkPacking(range, Double.self)
    }
}
