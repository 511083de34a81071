import Foundation
import TensorTestSupport
import Tensors
import Testing

/// GELU, layer norm and dropout against double precision and plain loops.
@Suite struct LayerKernelTests {
    private static func cdf(_ x: Double) -> Double { 0.5 * erfc(-x * 0.5.squareRoot()) }
    private static func density(_ x: Double) -> Double {
        Foundation.exp(-x * x / 2) / (2 * Double.pi).squareRoot()
    }

    @Test(
        "GELU errs by little more than a unit in the last place of its input, over the whole range of Float")
    func gelu() {
        // A prime number of bit patterns apart, so that all mantissas and exponents get their share; and the middle densely.
        let patterns = stride(from: UInt64(0), through: UInt64(UInt32.max), by: 97 * 23)
        let x =
            patterns.map { Float(bitPattern: UInt32($0)) }.filter { $0.isFinite }
            + (-120_000...120_000).map { Float($0) * 1e-4 }
        var (y, gradient) = (x, [Float](repeating: 1, count: x.count))
        y.withUnsafeMutableBufferPointer { if let y = $0.baseAddress { Float.gelu(x.count, x, y) } }
        gradient.withUnsafeMutableBufferPointer {
            if let gradient = $0.baseAddress { Float.geluBackward(x.count, x, gradient) }
        }
        var (worst, worstSlope) = (0.0, 0.0)
        for (index, x) in x.enumerated() {
            let wide = Double(x)
            let error =
                abs(Double(y[index]) - wide * Self.cdf(wide)) / Double(max(x.ulp, .leastNonzeroMagnitude))
            worst = error.isNaN ? .infinity : max(worst, error)
            let slope = Self.cdf(wide) + wide * Self.density(wide)
            let slopeError = abs(Double(gradient[index]) - slope) / Double(Float.ulpOfOne)
            worstSlope = slopeError.isNaN ? .infinity : max(worstSlope, slopeError)
        }
        #expect(worst <= 1.5)
        #expect(worstSlope <= 2)
        #expect(
            y.contains { $0 < -0.16 } && gradient.contains { $0 < -0.12 } && gradient.contains { $0 > 1.12 })
    }

    @Test(
        "GELU has the C library's precision in Double, keeps NaN, and a gradient is multiplied by its derivative"
    )
    func geluDouble() {
        let scratch = Scratch()
        let x: Vector<Double> = scratch.normals(101, stream: 1)
        let (y, d): (Vector<Double>, Vector<Double>) = (scratch.unset(101), scratch.normals(101, stream: 2))
        let old = d.array
        Double.gelu(101, x.base, y.base)
        expect(y, equal: x.array.map { $0 * Self.cdf($0) }, units: 4, "GELU")
        Double.geluBackward(101, x.base, d.base)
        expect(
            d, equal: zip(x.array, old).map { $1 * (Self.cdf($0) + $0 * Self.density($0)) }, units: 4,
            "gradient")
        let nan = scratch.vector([Float](repeating: .nan, count: 33))
        let gradient = scratch.vector([Float](repeating: 1, count: 33))
        Float.geluBackward(33, nan.base, gradient.base)
        Float.gelu(33, nan.base, nan.base)
        #expect(nan.array.allSatisfy { $0.isNaN } && gradient.array.allSatisfy { $0.isNaN })
    }

    private func checkLayerNorm<Scalar: TensorScalar>(_ shape: KernelTests.Shape, _: Scalar.Type) {
        let scratch = Scratch()
        let (rows, width) = (shape.rows, shape.columns)
        let (gamma, beta): (Vector<Scalar>, Vector<Scalar>) = (
            scratch.normals(width, stream: 3), scratch.normals(width, stream: 4)
        )
        let x: Vector<Scalar> = scratch.normals(rows * width, stream: 5)
        let (y, scale): (Vector<Scalar>, Vector<Scalar>) = (scratch.unset(rows * width), scratch.unset(rows))
        let old = x.array.map(Double.init)
        Scalar.layerNorm(rows, width, 0.1, gamma.base, beta.base, x.base, y.base, scale.base)
        func means(_ values: [Double]) -> [Double] {
            (0..<rows).map { values[$0 * width..<($0 + 1) * width].reduce(0, +) / Double(width) }
        }
        let mean = means(old)
        let deviations = old.indices.map { old[$0] - mean[$0 / width] }
        let exactScale = means(deviations.map { $0 * $0 }).map { 1 / ($0 + Double(Scalar(0.1))).squareRoot() }
        expect(scale, equal: exactScale, units: 8, "scales")
        let normalized = deviations.indices.map { deviations[$0] * exactScale[$0 / width] }
        expect(x, equal: normalized, units: 8, "normalised")
        expect(
            y,
            equal: old.indices.map { Double(gamma[$0 % width]) * normalized[$0] + Double(beta[$0 % width]) },
            units: 16, "scaled and shifted")

        let d: Vector<Scalar> = scratch.normals(rows * width, stream: 6)
        let kept = x.array.map(Double.init)
        let g = d.array.enumerated().map { Double($1) * Double(gamma[$0 % width]) }
        Scalar.layerNormBackward(rows, width, gamma.base, scale.base, x.base, d.base)
        let (meanG, slope) = (means(g), means(zip(g, kept).map { $0 * $1 }))
        let exact = g.indices.map {
            Double(scale[$0 / width]) * (g[$0] - meanG[$0 / width] - kept[$0] * slope[$0 / width])
        }
        expect(d, equal: exact, units: 16, "gradient")
    }

    @Test("Layer norm's kernels equal plain loops", arguments: KernelTests.shapes)
    func layerNorm(shape: KernelTests.Shape) {
        checkLayerNorm(shape, Float.self)
        checkLayerNorm(shape, Double.self)
    }

    @Test("A row's layer norm does not depend on the rows around it, bit by bit")
    func layerNormRows() {
        let scratch = Scratch()
        let (gamma, beta): (Vector<Float>, Vector<Float>) = (
            scratch.normals(67, stream: 1), scratch.normals(67, stream: 2)
        )
        let x: Matrix<Float> = scratch.normals(9, 67, stream: 3)
        func outputs(_ rows: Range<Int>) -> [Float] {
            let copy = scratch.vector(x[rows: rows].vector.array)
            let (y, scale): (Vector<Float>, Vector<Float>) = (
                scratch.unset(copy.count), scratch.unset(rows.count)
            )
            Float.layerNorm(rows.count, 67, 1e-5, gamma.base, beta.base, copy.base, y.base, scale.base)
            return y.array
        }
        #expect(haveSameBits(outputs(0..<9), outputs(0..<4) + outputs(4..<9)))
    }

    /// The mask, written down with the generator in Swift.
    private func isKept(_ row: Int, _ column: Int, step: Int, layer: Int, probability: Double) -> Bool {
        let block = Philox4x32.block(
            counter: SIMD4(
                UInt32(column / 64 * 16 + column % 16), UInt32(row), UInt32(step), 8 | UInt32(layer) << 8),
            key: SIMD2(0x89AB_CDEF, 0x0123_4567))
        return Double(block[column / 16 % 4]) >= (probability * 0x1p32).rounded(.down)
    }

    private func masked<Scalar: TensorScalar>(
        _ rows: Range<Int>, _ columns: Int, _ probability: Double, step: Int = 3, layer: Int = 2,
        _: Scalar.Type
    ) -> [Scalar] {
        let scratch = Scratch()
        let ones = scratch.vector([Scalar](repeating: 1, count: rows.count * columns))
        Scalar.dropout(
            rows.count, columns, probability: probability, seed: 0x0123_4567_89AB_CDEF, layer: layer,
            step: step,
            firstRow: rows.lowerBound, ones.base)
        return ones.array
    }

    @Test("Dropout keeps what its Philox block says, whatever the shape", arguments: [1, 15, 64, 100, 200])
    func dropout(columns: Int) {
        for probability in [0, 0.2, 0.5, 0.9] {
            let expected = (5..<12).flatMap { row in
                (0..<columns).map {
                    isKept(row, $0, step: 3, layer: 2, probability: probability) ? 1 / (1 - probability) : 0
                }
            }
            #expect(masked(5..<12, columns, probability, Double.self) == expected)
            #expect(masked(5..<12, columns, probability, Float.self) == expected.map { Float($0) })
        }
    }

    @Test(
        "A mask depends on global rows alone: divided among ranks it is the same; steps and layers have others"
    )
    func dropoutRows() {
        let whole = masked(0..<32, 130, 0.5, Float.self)
        #expect(masked(0..<7, 130, 0.5, Float.self) + masked(7..<32, 130, 0.5, Float.self) == whole)
        #expect(masked(0..<32, 130, 0.5, step: 4, Float.self) != whole)
        #expect(masked(0..<32, 130, 0.5, layer: 1, Float.self) != whole)
        // Within five standard deviations of half of them.
        let kept = whole.count { $0 != 0 }
        #expect(abs(Double(kept) - 2080) < 5 * 2080.0.squareRoot() / 2.0.squareRoot())
    }
}
