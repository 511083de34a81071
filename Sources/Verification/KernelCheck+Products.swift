internal import Tensors

// Matrix products of Floats and of bytes.

extension KernelCheck {
    /// Rows, columns and inner dimensions: edges of tiles, panels, runs and blocks.
    private static let productShapes = [(1, 1, 1), (5, 3, 7), (97, 33, 129), (13, 67, 1037)]

    static let products = [
        KernelCheck("gemm_nn") { trial in
            for (m, n, k) in productShapes {
                let product = trial.zeros(m, n)
                product.gemm(trial.numbers(m, k), .none, trial.numbers(k, n))
                trial.add(product)
            }
        },
        KernelCheck("gemm_tn") { trial in
            for (m, n, k) in productShapes {
                let product = trial.zeros(m, n)
                product.gemm(trial.numbers(k, m), .transposed, trial.numbers(n, k), .transposed)
                trial.add(product)
            }
        },
        KernelCheck("gemm_pixels") { trial in
            for (m, n, k, channels) in [(1, 1, 3, 3), (5, 3, 7, 1), (97, 33, 129, 3), (13, 67, 1041, 3)] {
                let packed = PackedMatrix(
                    trial.zeros(PackedMatrix<Float>.count(rows: k, columns: n)), rows: k, columns: n)
                packed.pack(StridedMatrix(trial.numbers(k, n)))
                let product = trial.zeros(m, n)
                product.gemm(
                    trial.pixels(m, k, channels: channels), packed, scratch: trial.zeros(Float.gemmScratch))
                trial.add(product)
            }
        },
        KernelCheck("convert_pixels") { trial in
            for (rows, columns, channels) in [(1, 1, 1), (3, 15, 3), (7, 261, 3)] {
                let numbers = trial.zeros(rows, columns)
                trial.pixels(rows, columns, channels: channels).copy(into: numbers)
                trial.add(numbers)
            }
        },
        KernelCheck("pack_b") { trial in
            let (rows, columns) = (37, 67)
            let storage = trial.zeros(PackedMatrix<Float>.count(rows: rows, columns: columns))
            PackedMatrix(storage, rows: rows, columns: columns).pack(
                StridedMatrix(trial.numbers(rows, columns)))
            trial.add(storage)
        },
        KernelCheck("pack_b_transposed") { trial in
            let (rows, columns) = (37, 67)
            let storage = trial.zeros(PackedMatrix<Float>.count(rows: rows, columns: columns))
            let packed = PackedMatrix(storage, rows: rows, columns: columns)
            let matrix = trial.numbers(columns, rows)
            for range in [0..<5, 5..<37] { packed.pack(transposeOf: matrix, columns: range) }
            trial.add(storage)
        },
        KernelCheck("pack_b_pixels") { trial in
            let (rows, columns) = (37, 99)
            let pixels = trial.pixels(rows, columns, channels: 3)
            let storage = trial.zeros(PackedMatrix<Float>.count(rows: rows, columns: 67))
            PackedMatrix(storage, rows: rows, columns: 67).pack(pixels, columns: 30..<97)
            trial.add(storage)
        },
    ]

    /// Products of pixels with whole numbers of two and three bytes.
    static let integerProducts = [2, 3].flatMap { slices in
        [
            KernelCheck("int8_gemm_nt/\(slices)") { trial in
                for problem in IntegerProblem.all(trial, slices: slices) { problem.forward(trial) }
            },
            KernelCheck("int8_gemm_tn/\(slices)") { trial in
                for problem in IntegerProblem.all(trial, slices: slices) { try problem.gradient(trial) }
            },
        ]
    }

    /// Products of two factors of one byte a number.
    static let byteProducts = [
        KernelCheck("bytes_forward") { trial in
            for (rows, outputs, inputs) in byteShapes {
                let (weights, x) = byteFactors(trial, rows, outputs, inputs)
                let y = trial.zeros(rows, outputs)
                y.gemm(x, weights, bias: trial.numbers(outputs))
                trial.add(y)
            }
        },
        KernelCheck("bytes_backward") { trial in
            for (rows, outputs, inputs) in byteShapes {
                let (weights, _) = byteFactors(trial, rows, outputs, inputs)
                let (dy, dx) = (byteRows(trial, rows, outputs), trial.zeros(rows, inputs))
                dx.gemm(backward: dy, weights, zeros: trial.zeros(inputs))
                trial.add(dx)
            }
        },
        KernelCheck("bytes_gradient") { trial in
            for (rows, outputs, inputs) in byteShapes {
                let columns = try ByteColumns(columns: outputs, rows: rows)
                let x = byteRows(trial, rows, inputs)
                columns.quantize(
                    StridedMatrix(trial.numbers(rows, outputs)), columns: 0..<outputs, times: x)
                let gradient = trial.zeros(outputs, inputs)
                let ones = trial.zeros(PackedMatrix<Float>.count(rows: 1, columns: inputs))
                ones.fill(1)
                gradient.gemm(
                    columns, x, columns: 0..<inputs, at: 0, ones: ones,
                    scratch: trial.zeros(ByteColumns.panelCount(rows: rows, columns: inputs), of: UInt8.self))
                trial.add(gradient)
            }
        },
        KernelCheck("bytes_pixels") { trial in
            let (rows, outputs, inputs) = (13, 37, 768)
            let (weights, _) = byteFactors(trial, rows, outputs, inputs)
            let pixels = trial.pixels(rows, inputs, channels: 3)
            let counts = ByteWeights.counts(rows: outputs, columns: inputs, hasBackward: false)
            let (scales, constants) = (trial.zeros(counts.scales), trial.zeros(outputs))
            weights.pixelTerms(
                scale: pixels.scale, shift: pixels.shift, bias: trial.numbers(outputs), scales: scales,
                constants: constants)
            let y = trial.zeros(rows, outputs)
            y.gemm(pixels, weights, scales: scales, constants: constants)
            trial.add(y)
            let columns = try ByteColumns(columns: outputs, rows: rows)
            columns.quantize(StridedMatrix(trial.numbers(rows, outputs)), columns: 0..<outputs)
            let gradient = trial.zeros(outputs, inputs)
            gradient.gemm(
                columns, pixels, columns: 0..<inputs, at: 0,
                factors: trial.numbers(inputs, range: 0x1p-6), zeroPoints: trial.numbers(inputs),
                scratch: trial.zeros(ByteColumns.panelCount(rows: rows, columns: inputs), of: UInt8.self))
            trial.add(gradient)
        },
    ]

    /// Products of bfloat16 numbers.
    static let bfloat16Products = [
        KernelCheck("bfloat16_round") { trial in
            let x = trial.spread(KernelTrial.length)
            trial.forEachPart { start, count in
                let storage = trial.zeros(1, BFloat16Rows.rowCount(columns: count))
                let rows = BFloat16Rows(StridedMatrix(storage), columns: count)
                rows.round(x[start..<start + count].matrix(rows: 1, columns: count))
                for column in 0..<count { trial.add(UInt64(rows.number(0, column).bitPattern)) }
            }
        },
        KernelCheck("bfloat16_forward") { trial in
            for (rows, outputs, inputs) in bfloat16Shapes {
                let (weights, x) = bfloat16Factors(trial, rows, outputs, inputs)
                let y = trial.zeros(rows, outputs)
                y.gemm(x, weights, bias: trial.numbers(outputs), scratch: trial.zeros(Float.gemmScratch))
                trial.add(y)
            }
        },
        KernelCheck("bfloat16_backward") { trial in
            for (rows, outputs, inputs) in bfloat16Shapes {
                let (weights, _) = bfloat16Factors(trial, rows, outputs, inputs)
                let dx = trial.zeros(rows, inputs)
                dx.gemm(
                    backward: bfloat16Rows(trial, rows, outputs), weights,
                    scratch: trial.zeros(Float.gemmScratch))
                trial.add(dx)
            }
        },
        KernelCheck("bfloat16_gradient") { trial in
            for (rows, outputs, inputs) in bfloat16Shapes {
                let (dy, x) = (bfloat16Rows(trial, rows, outputs), bfloat16Rows(trial, rows, inputs))
                let gradient = trial.zeros(outputs, inputs)
                gradient.gemm(
                    transposeOf: dy, x, columns: 0..<inputs, at: 0,
                    room: trial.zeros(PackedMatrix<Float>.count(rows: rows, columns: inputs)),
                    scratch: trial.zeros(Float.gemmScratch))
                trial.add(gradient)
                let sums = trial.zeros(outputs)
                dy.sumColumns(into: sums)
                trial.add(sums)
            }
        },
    ]

    private static let bfloat16Shapes = [(1, 1, 1), (13, 37, 300), (97, 130, 1037), (515, 21, 65)]

    /// Weights [outputs, inputs] packed in two pieces, and an input [rows, inputs].
    private static func bfloat16Factors(
        _ trial: KernelTrial, _ rows: Int, _ outputs: Int, _ inputs: Int
    ) -> (weights: BFloat16Weights, x: BFloat16Rows) {
        let weights = BFloat16Weights(
            rows: outputs, columns: inputs,
            trial.zeros(BFloat16Weights.count(rows: outputs, columns: inputs), of: UInt32.self))
        let (matrix, split) = (trial.numbers(outputs, inputs), inputs / 64 * 32)
        weights.pack(matrix, columns: 0..<split)
        weights.pack(matrix, columns: split..<inputs)
        return (weights, bfloat16Rows(trial, rows, inputs))
    }

    private static func bfloat16Rows(_ trial: KernelTrial, _ rows: Int, _ columns: Int) -> BFloat16Rows {
        let width = BFloat16Rows.alignedRowCount(columns: columns)
        let all = BFloat16Rows(StridedMatrix(trial.zeros(rows, width)), columns: columns)
        all.round(trial.numbers(rows, columns))
        return all
    }

    private static let byteShapes = [(1, 1, 1), (13, 37, 300), (29, 130, 1160)]

    /// Weights [outputs, inputs] packed both ways, and an input [rows, inputs].
    private static func byteFactors(
        _ trial: KernelTrial, _ rows: Int, _ outputs: Int, _ inputs: Int
    ) -> (weights: ByteWeights, x: ByteRows) {
        let counts = ByteWeights.counts(rows: outputs, columns: inputs, hasBackward: true)
        let weights = ByteWeights(
            rows: outputs, columns: inputs, hasBackward: true,
            packed: trial.zeros(counts.packed, of: Int8.self), scales: trial.zeros(counts.scales))
        weights.pack(trial.numbers(outputs, inputs), columns: 0..<inputs)
        return (weights, byteRows(trial, rows, inputs))
    }

    private static func byteRows(_ trial: KernelTrial, _ rows: Int, _ columns: Int) -> ByteRows {
        let width = ByteRows.alignedRowCount(columns: columns)
        let bytes = ByteRows(StridedMatrix(trial.zeros(rows, width)), columns: columns)
        bytes.quantize(trial.numbers(rows, columns))
        return bytes
    }
}

extension KernelTrial {
    /// Pixels of so many channels, the numbers that they stand for about as large as those of images.
    fileprivate func pixels(_ rows: Int, _ columns: Int, channels: Int) -> PixelMatrix<Float> {
        let scale = numbers(channels, range: 0x1p-6)
        return PixelMatrix(
            bytes(rows * columns).matrix(rows: rows, columns: columns), scale: scale,
            shift: numbers(channels, range: 2))
    }
}

/// Pixels, and a factor that becomes whole multiples of scales, for products in integers.
private struct IntegerProblem {
    let pixels: PixelMatrix<Float>
    let outputs: Int
    let slices: Int
    /// Numbers of many magnitudes, or all the largest that there is in their scale, so that sums are, too.
    let isExtreme: Bool

    static func all(_ trial: KernelTrial, slices: Int) -> [IntegerProblem] {
        [(1, 1, 32, 1, false), (13, 37, 1056, 3, false), (3, 17, 3072, 3, true)].map {
            rows, outputs, columns, channels, isExtreme in
            let pixels = trial.pixels(rows, columns, channels: channels)
            if isExtreme { pixels.pixels.vector.fill(255) }
            return IntegerProblem(pixels: pixels, outputs: outputs, slices: slices, isExtreme: isExtreme)
        }
    }

    /// A factor whose rows, or columns, have each a magnitude of their own.
    private func factor(_ trial: KernelTrial, _ rows: Int, _ columns: Int, byRow: Bool) -> Matrix<Float> {
        let matrix = trial.numbers(rows, columns)
        if isExtreme { matrix.vector.fill(-1) }
        for row in 0..<rows {
            for column in 0..<columns {
                let exponent = ((byRow ? row : column) * 37) % 150 - 90
                matrix[row, column] = Float(
                    sign: .plus, exponent: exponent, significand: matrix[row, column])
            }
        }
        return matrix
    }

    func forward(_ trial: KernelTrial) {
        let (rows, columns) = (outputs, pixels.columns)
        let slots = Int8Weights.slotCount(rows: rows, columns: columns)
        let packed = Int8Weights(
            rows: rows, columns: columns, channels: pixels.scale.count, slices: slices,
            packed: trial.zeros(
                Int8Weights.packedCount(rows: rows, columns: columns, slices: slices), of: Int8.self),
            maxima: trial.zeros(slots), sums: trial.zeros(slots, of: Int32.self))
        let weights = factor(trial, rows, columns, byRow: true)
        packed.measure(weights)
        let largest = trial.zeros(rows)
        packed.largest(into: largest)
        trial.add(largest)
        let scales = Int8Scales(largest: largest, slices: slices)
        packed.pack(weights, columns: 0..<columns, scales: scales)
        let (constants, bias) = (trial.zeros(rows), trial.numbers(rows))
        packed.constants(
            scales: scales, shift: pixels.shift, bias: bias, totals: trial.zeros(rows, of: Double.self),
            into: constants)
        trial.add(constants)
        let y = trial.zeros(pixels.rows, rows)
        y.gemm(pixels, packed, scales: scales, constants: constants, weights: weights, bias: bias)
        trial.add(y)
    }

    func gradient(_ trial: KernelTrial) throws {
        let columns = pixels.columns
        let dy = factor(trial, pixels.rows, outputs, byRow: false)
        let packed = try Int8Gradient(capacity: pixels.rows, columns: outputs, slices: slices)
        packed.pack(StridedMatrix(dy))
        let (factors, zeroPoints) = (
            trial.numbers(columns, range: 0x1p-6), trial.numbers(columns)
        )
        let gradient = trial.zeros(outputs, columns)
        gradient.gemm(
            packed, pixels, columns: 0..<columns, at: 0, factors: factors, zeroPoints: zeroPoints,
            scratch: trial.zeros(
                Int8Gradient.pixelCount(rows: pixels.rows, columns: columns), of: UInt8.self))
        trial.add(gradient)
    }
}
