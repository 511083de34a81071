import Foundation
import TensorTestSupport
import Tensors
import Testing

/// Row, column and element-wise kernels against plain loops, in both precisions.
@Suite struct KernelTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        let rows: Int
        let columns: Int
        var testDescription: String { "[\(rows), \(columns)]" }
    }

    static let shapes = [1, 2, 7, 17, 128].flatMap { rows in
        [1, 2, 3, 10, 16, 17, 67, 128].map { Shape(rows: rows, columns: $0) }
    }

    private func columns(_ shape: Shape, _ body: (_ column: Int, _ indices: [Int]) -> Double) -> [Double] {
        (0..<shape.columns).map { column in
            body(column, (0..<shape.rows).map { $0 * shape.columns + column })
        }
    }

    private func checkColumns<Scalar: TensorScalar>(_ shape: Shape, _: Scalar.Type) {
        let scratch = Scratch()
        let (rows, width) = (shape.rows, shape.columns)
        let x: Matrix<Scalar> = scratch.normals(rows, width, stream: 1)
        let old = x.vector.array.map(Double.init)
        let units = Double(rows + 4)

        let sums: Vector<Scalar> = scratch.unset(width)
        x.sumColumns(into: sums)
        let exactSums = columns(shape) { _, indices in indices.reduce(0) { $0 + old[$1] } }
        expect(sums, equal: exactSums, units: units * 2, "column sums")

        let (mean, m2): (Vector<Scalar>, Vector<Scalar>) = (scratch.unset(width), scratch.unset(width))
        x.moments(mean: mean, m2: m2)
        let exactMean = exactSums.map { $0 / Double(rows) }
        expect(mean, equal: exactMean, units: units, "column means")
        let exactM2 = columns(shape) { column, indices in
            indices.reduce(0) { $0 + pow(old[$1] - exactMean[column], 2) }
        }
        expect(m2, equal: exactM2, units: units, "sums of squared deviations")

        let bias: Vector<Scalar> = scratch.normals(width, stream: 2)
        x.addBias(bias)
        expect(x.vector, equal: old.indices.map { old[$0] + Double(bias[$0 % width]) }, units: 1, "bias")
    }

    @Test("Column sums, moments and biases equal plain loops", arguments: shapes)
    func columns(shape: Shape) {
        checkColumns(shape, Float.self)
        checkColumns(shape, Double.self)
    }

    @Test("Moments of a column far from 0 keep their precision, as one pass of squares would not")
    func offsetMoments() {
        let scratch = Scratch()
        let x: Matrix<Float> = scratch.vector((0..<64).map { Float(10_000 + $0 % 2) }).matrix(
            rows: 64, columns: 1)
        let (mean, m2): (Vector<Float>, Vector<Float>) = (scratch.unset(1), scratch.unset(1))
        x.moments(mean: mean, m2: m2)
        #expect(mean[0] == 10_000.5)
        #expect(m2[0] == 16)
    }

    private func checkBatchNorm<Scalar: TensorScalar>(_ shape: Shape, _: Scalar.Type) {
        let scratch = Scratch()
        let (rows, width) = (shape.rows, shape.columns)
        let (mean, scale): (Vector<Scalar>, Vector<Scalar>) = (
            scratch.normals(width, stream: 1), scratch.normals(width, stream: 2)
        )
        let (gamma, beta): (Vector<Scalar>, Vector<Scalar>) = (
            scratch.normals(width, stream: 3), scratch.normals(width, stream: 4)
        )
        let x: Vector<Scalar> = scratch.normals(rows * width, stream: 5)
        let y: Vector<Scalar> = scratch.unset(rows * width)
        let old = x.array.map(Double.init)
        Scalar.batchNorm(rows, width, mean.base, scale.base, gamma.base, beta.base, x.base, y.base)
        let normalized = old.indices.map { (old[$0] - Double(mean[$0 % width])) * Double(scale[$0 % width]) }
        expect(x, equal: normalized, units: 4, "normalised")
        expect(
            y,
            equal: old.indices.map { Double(gamma[$0 % width]) * normalized[$0] + Double(beta[$0 % width]) },
            units: 8, "scaled and shifted")

        let d: Vector<Scalar> = scratch.normals(rows * width, stream: 6)
        let (sums, products): (Vector<Scalar>, Vector<Scalar>) = (scratch.unset(width), scratch.unset(width))
        let oldD = d.array.map(Double.init)
        let kept = x.array.map(Double.init)
        Scalar.batchNormSums(rows, width, d.base, x.base, sums.base, products.base)
        let exactSums = columns(shape) { _, indices in indices.reduce(0) { $0 + oldD[$1] } }
        let exactProducts = columns(shape) { _, indices in indices.reduce(0) { $0 + oldD[$1] * kept[$1] } }
        expect(sums, equal: exactSums, units: Double(2 * rows + 4), "sums")
        expect(products, equal: exactProducts, units: Double(2 * rows + 4), "products")

        let count = Double(rows + 3)
        Scalar.batchNormBackward(
            rows, width, Scalar(count), gamma.base, scale.base, sums.base, products.base, x.base, d.base)
        let exact = oldD.indices.map {
            let column = $0 % width
            let centred =
                oldD[$0] - Double(sums[column]) / count - kept[$0] * Double(products[column]) / count
            return Double(gamma[column]) * Double(scale[column]) * centred
        }
        expect(d, equal: exact, units: 16, "gradient")
    }

    @Test("Batch norm's kernels equal plain loops", arguments: shapes)
    func batchNorm(shape: Shape) {
        checkBatchNorm(shape, Float.self)
        checkBatchNorm(shape, Double.self)
    }

    private func checkElements<Scalar: TensorScalar>(_ count: Int, _: Scalar.Type) {
        let scratch = Scratch()
        let x: Vector<Scalar> = scratch.normals(count, stream: 1)
        let y: Vector<Scalar> = scratch.unset(count)
        let (old, gradient): ([Double], Vector<Scalar>) = (
            x.array.map(Double.init), scratch.normals(count, stream: 2)
        )
        let oldGradient = gradient.array
        func backward(
            _ kernel: (UnsafeMutablePointer<Scalar>) -> Void, _ factor: (Double) -> Double, _ what: Comment
        ) {
            gradient.copy(from: scratch.vector(oldGradient))
            kernel(gradient.base)
            let exact = zip(oldGradient, y.array).map { Double($0) * factor(Double($1)) }
            expect(gradient, equal: exact, units: 4, what)
        }
        Scalar.relu(count, x.base, y.base)
        #expect(y.array == x.array.map { max($0, 0) })
        backward({ Scalar.reluBackward(count, y.base, $0) }, { $0 > 0 ? 1 : 0 }, "relu")
        Scalar.elu(count, 0.7, x.base, y.base)
        backward(
            { Scalar.eluBackward(count, 0.7, y.base, $0) }, { $0 > 0 ? 1 : $0 + Double(Scalar(0.7)) }, "elu")
        Scalar.tanh(count, x.base, y.base)
        backward({ Scalar.tanhBackward(count, y.base, $0) }, { 1 - $0 * $0 }, "tanh")

        x.scale(by: 0.5)
        #expect(x.array.map(Double.init) == old.map { $0 * 0.5 })
        x.add(gradient)
        expect(x, equal: zip(old, gradient.array).map { $0 * 0.5 + Double($1) }, units: 1, "sum")
    }

    @Test(
        "Activations' gradients, sums and scales equal plain loops", arguments: [1, 2, 15, 16, 17, 67, 1000])
    func elements(count: Int) {
        checkElements(count, Float.self)
        checkElements(count, Double.self)
    }

    @Test("A gradient through ReLU is NaN where the output is NaN, so that it cannot vanish")
    func reluNaN() {
        let scratch = Scratch()
        for count in [1, 33] {
            let y: Vector<Float> = scratch.unset(count)
            let gradient = scratch.vector([Float](repeating: .nan, count: count))
            Float.reluBackward(count, y.base, gradient.base)
            #expect(gradient.array.allSatisfy { $0.isNaN })
        }
    }

    private func checkSoftmax<Scalar: TensorScalar>(_ shape: Shape, _: Scalar.Type) {
        let scratch = Scratch()
        let (rows, width) = (shape.rows, shape.columns)
        let x: Vector<Scalar> = scratch.normals(rows * width, stream: 1)
        let y: Vector<Scalar> = scratch.unset(rows * width)
        let d: Vector<Scalar> = scratch.normals(rows * width, stream: 2)
        let oldD = d.array.map(Double.init)
        Scalar.softmax(rows, width, x.base, y.base)
        var exact: [Double] = []
        for row in 0..<rows {
            let powers = (0..<width).map { exp(Double(x[row * width + $0])) }
            exact += powers.map { $0 / powers.reduce(0, +) }
        }
        expect(y, equal: exact, units: 8, "softmax")
        Scalar.softmax(rows, width, x.base, x.base)
        #expect(x.array == y.array)

        let kept = y.array.map(Double.init)
        Scalar.softmaxBackward(rows, width, y.base, d.base)
        let gradient = oldD.indices.map { index in
            let row = index / width * width
            let dot = (row..<row + width).reduce(0) { $0 + oldD[$1] * kept[$1] }
            return kept[index] * (oldD[index] - dot)
        }
        expect(d, equal: gradient, units: Double(width + 4), "gradient")
    }

    @Test("Softmax and its gradient equal plain loops, in place too", arguments: shapes)
    func softmax(shape: Shape) {
        checkSoftmax(shape, Float.self)
        checkSoftmax(shape, Double.self)
    }
}

/// Expects `values` to equal the double-precision `exact` up to `units` roundoffs of the largest magnitude.
func expect<Scalar: TensorScalar>(
    _ values: Vector<Scalar>, equal exact: [Double], units: Double, _ what: Comment,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let size = max(1, exact.map(abs).max() ?? 0)
    let worst = zip(values.array, exact).map { abs(Double($0) - $1) }.max() ?? 0
    #expect(values.count == exact.count, sourceLocation: sourceLocation)
    #expect(
        worst <= units * size * Double(Scalar.ulpOfOne) && values.array.allSatisfy { $0.isFinite }, what,
        sourceLocation: sourceLocation)
}
