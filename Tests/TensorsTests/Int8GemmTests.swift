import Foundation
import TensorTestSupport
import Tensors
import TileEmulation
import Testing

/// Products with pixels in integers, against double precision.
@Suite(.serialized) struct Int8GemmTests {
    /// Pixels, weights and everything a product of them needs.
    private struct Problem: ~Copyable {
        let scratch: Scratch
        let pixels: PixelMatrix<Float>
        let weights: Matrix<Float>
        let bias: Vector<Float>
        let packed: Int8Weights

        init(rows: Int, outputs: Int, columns: Int, channels: Int, slices: Int, weight: (Double) -> Float) {
            scratch = Scratch(seed: UInt64(rows * 1000 + outputs))
            var random = RandomStream(seed: 7, purpose: .testing, shard: rows)
            let bytes = (0..<rows * columns).map { _ in UInt8(truncatingIfNeeded: random.nextUInt32() >> 8) }
            pixels = PixelMatrix(
                scratch.vector(bytes).matrix(rows: rows, columns: columns),
                scale: scratch.vector((0..<channels).map { 0.015 + 0.001 * Float($0) }),
                shift: scratch.vector((0..<channels).map { -1.9 - 0.1 * Float($0) }))
            let normals = Scratch.normals(outputs * columns, seed: 3, stream: outputs)
            weights = scratch.vector(normals.map(weight)).matrix(rows: outputs, columns: columns)
            bias = scratch.normals(outputs, stream: 5)
            let slots = Int8Weights.slotCount(rows: outputs, columns: columns)
            let count = Int8Weights.packedCount(rows: outputs, columns: columns, slices: slices)
            packed = Int8Weights(
                rows: outputs, columns: columns, channels: channels, slices: slices,
                packed: scratch.vector([Int8](repeating: 0, count: count)),
                maxima: scratch.vector([Float](repeating: 0, count: slots)),
                sums: scratch.vector([Int32](repeating: 0, count: slots)))
        }

        /// The product, with the weights packed in pieces of the given number of slots.
        func forward(slotsAtOnce: Int = 3) -> [Float] {
            packed.measure(weights)
            let largest: Vector<Float> = scratch.unset(weights.rows)
            packed.largest(into: largest)
            let scales = Int8Scales(largest: largest, slices: packed.slices)
            let step = slotsAtOnce * Int8Weights.slotWidth
            for start in stride(from: 0, to: weights.columns, by: step) {
                packed.pack(weights, columns: start..<min(start + step, weights.columns), scales: scales)
            }
            let constants: Vector<Float> = scratch.unset(weights.rows)
            packed.constants(
                scales: scales, shift: pixels.shift, bias: bias,
                totals: scratch.vector([Double](repeating: 0, count: weights.rows)), into: constants)
            let y: Matrix<Float> = scratch.unset(pixels.rows, weights.rows)
            y.gemm(
                pixels, packed, scales: scales, constants: constants, weights: weights, bias: bias)
            return y.vector.array
        }

        /// Some columns of the weight gradient for ∂L/∂Y = `dy` [rows, outputs].
        func gradient(_ dy: Matrix<Float>, columns: Range<Int>) throws -> [Float] {
            let samples = try Int8Gradient(capacity: dy.rows, columns: dy.columns, slices: packed.slices)
            samples.pack(StridedMatrix(dy))
            let factors = scratch.vector((0..<pixels.columns).map { pixels.scale[$0 / pixels.channelSize] })
            let zeroPoints = scratch.vector(
                (0..<pixels.columns).map {
                    pixels.shift[$0 / pixels.channelSize] + 128 * pixels.scale[$0 / pixels.channelSize]
                })
            let room = scratch.vector(
                [UInt8](
                    repeating: 0,
                    count: Int8Gradient.pixelCount(rows: pixels.rows, columns: columns.count)))
            let g: Matrix<Float> = scratch.unset(dy.columns, columns.count)
            g.gemm(
                samples, pixels, columns: columns, at: 0, factors: factors, zeroPoints: zeroPoints,
                scratch: room)
            return g.vector.array
        }

        func pixel(_ row: Int, _ column: Int) -> Double {
            let plane = column / pixels.channelSize
            return Double(pixels.pixels[row, column]) * Double(pixels.scale[plane])
                + Double(pixels.shift[plane])
        }

        /// Y and, for each entry, the sum of the magnitudes of what makes it up.
        func exactForward() -> [(value: Double, magnitude: Double)] {
            (0..<pixels.rows * weights.rows).map { index in
                let (row, output) = (index / weights.rows, index % weights.rows)
                var (sum, magnitude) = (Double(bias[output]), abs(Double(bias[output])))
                for column in 0..<weights.columns {
                    let product = pixel(row, column) * Double(weights[output, column])
                    sum += product
                    magnitude += abs(product)
                }
                return (sum, magnitude)
            }
        }
    }

    private static let shapes = [
        (1, 1, 32, 1), (7, 10, 96, 3), (8, 16, 96, 3), (9, 17, 64, 2), (64, 33, 192, 3), (70, 128, 288, 3),
    ]

    @Test("A product with pixels is as exact as its slices, for all shapes", arguments: shapes)
    func forward(rows: Int, outputs: Int, columns: Int, channels: Int) {
        for slices in 2...3 {
            let problem = Problem(
                rows: rows, outputs: outputs, columns: columns, channels: channels, slices: slices
            ) { Float($0) }
            // Numbers are rounded to about 2⁻¹⁵ or 2⁻²³ of the largest of a few hundred normal ones; the rest is a
            // handful of roundings of the result.
            let unit = slices == 3 ? 0x1p-20 : 0x1p-12
            for (found, exact) in zip(problem.forward(), problem.exactForward()) {
                #expect(abs(Double(found) - exact.value) <= unit * exact.magnitude, "\(slices) bytes")
            }
        }
    }

    @Test(
        "A weight gradient with pixels is as exact as its slices, for all shapes and columns",
        arguments: shapes)
    func gradient(rows: Int, outputs: Int, columns: Int, channels: Int) throws {
        for slices in 2...3 {
            let problem = Problem(
                rows: rows, outputs: outputs, columns: columns, channels: channels, slices: slices
            ) { Float($0) }
            let dy: Matrix<Float> = problem.scratch.normals(rows, outputs, stream: 9)
            let range = columns / 3..<columns
            let found = try problem.gradient(dy, columns: range)
            let unit = slices == 3 ? 0x1p-20 : 0x1p-12
            for output in 0..<outputs {
                let largest = (0..<rows).map { abs(Double(dy[$0, output])) }.max() ?? 0
                for (index, column) in range.enumerated() {
                    var (sum, magnitude) = (0.0, 0.0)
                    for row in 0..<rows {
                        sum += problem.pixel(row, column) * Double(dy[row, output])
                        // Around the middle of the pixels' range.
                        magnitude += 2.5 * largest
                    }
                    let error = abs(Double(found[output * range.count + index]) - sum)
                    #expect(error <= unit * magnitude, "\(slices) bytes, column \(column)")
                }
            }
        }
    }

    @Test("Three bytes are at least as exact as plain sums of Floats, at the first layer's shape")
    func exactness() throws {
        let problem = Problem(rows: 128, outputs: 128, columns: 3072, channels: 3, slices: 3) {
            Float($0 / 3072.0.squareRoot())
        }
        let exact = problem.exactForward()
        let x: Matrix<Float> = problem.scratch.unset(128, 3072)
        for row in 0..<128 { for column in 0..<3072 { x[row, column] = Float(problem.pixel(row, column)) } }
        // One chain of roundings: the same on every machine.
        let sums = (0..<128 * 128).map { index in
            let (row, output) = (index / 128, index % 128)
            var sum: Float = 0
            for column in 0..<3072 { sum += x[row, column] * problem.weights[output, column] }
            return sum + problem.bias[output]
        }
        func rootMeanSquare(_ values: [Float]) -> Double {
            zip(values, exact).reduce(0.0) { $0 + (Double($1.0) - $1.1.value) * (Double($1.0) - $1.1.value) }
                .squareRoot()
        }
        #expect(rootMeanSquare(problem.forward()) <= rootMeanSquare(sums))

        let dy: Matrix<Float> = problem.scratch.normals(128, 128, stream: 4)
        let found = try problem.gradient(dy, columns: 0..<3072)
        var (ours, theirs) = (0.0, 0.0)
        for output in stride(from: 0, to: 128, by: 5) {
            for column in stride(from: 0, to: 3072, by: 7) {
                let sum = (0..<128).reduce(0.0) { $0 + problem.pixel($1, column) * Double(dy[$1, output]) }
                let plain = (0..<128).reduce(Float(0)) { $0 + x[$1, column] * dy[$1, output] }
                ours +=
                    (Double(found[output * 3072 + column]) - sum)
                    * (Double(found[output * 3072 + column]) - sum)
                theirs += (Double(plain) - sum) * (Double(plain) - sum)
            }
        }
        #expect(ours <= theirs)
    }

    @Test("No division of the columns changes a bit", arguments: shapes)
    func sameBits(rows: Int, outputs: Int, columns: Int, channels: Int) throws {
        for slices in 2...3 {
            let problem = Problem(
                rows: rows, outputs: outputs, columns: columns, channels: channels, slices: slices
            ) { Float($0) }
            let dy: Matrix<Float> = problem.scratch.normals(rows, outputs, stream: 9)
            let whole = (problem.forward(), try problem.gradient(dy, columns: 0..<columns))
            for slots in [1, 2, 100] { #expect(problem.forward(slotsAtOnce: slots) == whole.0) }
            let half = columns / 2
            let right = try problem.gradient(dy, columns: half..<columns)
            for output in 0..<outputs {
                #expect(
                    Array(right[output * (columns - half)..<(output + 1) * (columns - half)])
                        == Array(whole.1[output * columns + half..<(output + 1) * columns]))
            }
        }
    }

    /// Among them channels, and batches, whose sums of bytes are no Floats, and those that halves of numbers take in several runs.
    private static let manyShapes =
        shapes + [(5, 18, 3072, 3), (3, 20, 2048, 1), (600, 19, 64, 1), (1300, 7, 96, 3)]

    @Test("Products have the same bits with every instruction set", arguments: 2...3)
    func instructionSets(slices: Int) async {
        await #expect(processExitsWith: .success) { [slices] in
            for (rows, outputs, columns, channels) in Self.manyShapes {
                // Numbers of one sign besides those of both, so that sums are as large as can be.
                for sign in [Float(0), 1] {
                    func results() throws -> [[Float]] {
                        let problem = Problem(
                            rows: rows, outputs: outputs, columns: columns, channels: channels, slices: slices
                        ) {
                            sign == 0
                                ? Float($0) : 0.99 + 0.009 * Float(abs($0)).truncatingRemainder(dividingBy: 1)
                        }
                        let dy: Matrix<Float> = problem.scratch.normals(rows, outputs, stream: 9)
                        if sign > 0 {
                            for index in 0..<dy.vector.count { dy.vector[index] = abs(dy.vector[index]) }
                            problem.pixels.pixels.vector.fill(255)
                        }
                        return [problem.forward(), try problem.gradient(dy, columns: 0..<columns)]
                    }
                    InstructionSet.used = .best
                    let expected = try results()
                    for set in InstructionSet.available {
                        InstructionSet.used = set
                        guard try results() == expected else {
                            print("\(set), [\(rows), \(columns)] with \(outputs) outputs, \(slices) bytes")
                            exit(1)
                        }
                    }
                }
            }
        }
    }

    @Test("Sums of W keep their bits where all weights of a row have one sign", arguments: [1, 8, 96])
    func largeSums(slotsAtOnce: Int) {
        // 3,072 numbers just below the largest one.
        let problem = Problem(rows: 3, outputs: 17, columns: 3072, channels: 3, slices: 3) {
            0.98 + 0.01 * Float(abs($0)).truncatingRemainder(dividingBy: 1)
        }
        for (found, exact) in zip(problem.forward(slotsAtOnce: slotsAtOnce), problem.exactForward()) {
            #expect(abs(Double(found) - exact.value) <= 0x1p-21 * exact.magnitude)
        }
    }

    @Test("Rows of zeros, denormals and huge numbers keep their precision, each row by itself")
    func magnitudes() {
        let sizes: [Float] = [0, 0x1p-140, 0x1p-126, 1, 0x1p100]
        var index = 0
        let problem = Problem(rows: 3, outputs: sizes.count, columns: 96, channels: 3, slices: 3) { normal in
            defer { index += 1 }
            return Float(normal) * sizes[index / 96]
        }
        problem.bias.fill(0)
        let found = problem.forward()
        for (index, exact) in problem.exactForward().enumerated() {
            let size = Double(sizes[index % sizes.count])
            // The smallest denormal limits what a Float can say.
            let tolerance = 0x1p-19 * exact.magnitude + (size > 0 && size < 0x1p-100 ? 0x1p-148 : 0)
            #expect(abs(Double(found[index]) - exact.value) <= tolerance, "row of size \(size)")
        }
    }

    @Test("Infinities and NaN pass through as in Float, and stay in their row or column")
    func hostile() throws {
        for hostile in [Float.infinity, -.infinity, .nan] {
            let problem = Problem(rows: 5, outputs: 18, columns: 96, channels: 3, slices: 3) { Float($0) }
            let clean = problem.forward()
            problem.weights[17, 40] = hostile
            let found = problem.forward()
            for index in found.indices {
                let (row, output) = (index / 18, index % 18)
                if output != 17 {
                    #expect(found[index] == clean[index])
                } else if hostile.isNaN {
                    #expect(found[index].isNaN)
                } else {
                    let expected = problem.pixel(row, 40) > 0 ? hostile : -hostile
                    #expect(found[index] == expected)
                }
            }
            let dy: Matrix<Float> = problem.scratch.normals(5, 18, stream: 2)
            let cleanGradient = try problem.gradient(dy, columns: 0..<96)
            dy[3, 4] = hostile
            let gradient = try problem.gradient(dy, columns: 0..<96)
            for index in gradient.indices {
                if index / 96 != 4 {
                    #expect(gradient[index] == cleanGradient[index])
                } else {
                    #expect(!gradient[index].isFinite)
                }
            }
        }
    }

    @Test("Products on emulated tiles have the bits of the baseline", arguments: 2...3)
    func tiles(slices: Int) {
        let shapes = [
            (1, 1, 64, 1, 1), (16, 16, 64, 1, 16), (17, 20, 192, 3, 40), (33, 47, 128, 2, 31),
            (64, 128, 3072, 3, 256), (130, 10, 384, 3, 33),
        ]
        for (index, (m, n, k, channels, columns)) in shapes.enumerated() {
            #expect(
                dp_emulated_tiles_agree(m, n, k, channels, columns, Int32(slices), UInt32(index)) == 1,
                "[\(m), \(k)] times [\(k), \(n)]")
        }
    }
}
