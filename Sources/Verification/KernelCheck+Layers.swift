internal import Tensors

// Activations, sums, sums in fixed point, norms and losses.

extension KernelCheck {
    /// A check of an element-wise kernel, on parts of vectors of all lengths.
    private static func elementwise(
        _ name: String,
        _ kernel: @escaping @Sendable (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) -> KernelCheck {
        KernelCheck(name) { trial in
            let x = trial.spread(KernelTrial.length)
            let y = trial.zeros(x.count)
            trial.forEachPart { start, count in kernel(count, x.base + start, y.base + start) }
            trial.add(y)
        }
    }

    /// The same of a kernel that changes gradients by what an activation kept.
    private static func backward(
        _ name: String, keeps kept: @escaping @Sendable (KernelTrial) -> Vector<Float>,
        _ kernel: @escaping @Sendable (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) -> KernelCheck {
        KernelCheck(name) { trial in
            let kept = kept(trial)
            let gradient = trial.numbers(KernelTrial.length)
            trial.forEachPart { start, count in kernel(count, kept.base + start, gradient.base + start) }
            trial.add(gradient)
        }
    }

    static let activations = [
        elementwise("exp") { Float.exp($0, $1, $2) },
        elementwise("elu") { Float.elu($0, 0.75, $1, $2) },
        elementwise("relu") { Float.relu($0, $1, $2) },
        elementwise("tanh") { Float.tanh($0, $1, $2) },
        elementwise("gelu") { Float.gelu($0, $1, $2) },
        backward("elu_backward", keeps: { $0.spread(KernelTrial.length) }) {
            Float.eluBackward($0, 0.75, $1, $2)
        },
        backward("relu_backward", keeps: { $0.spread(KernelTrial.length) }) {
            Float.reluBackward($0, $1, $2)
        },
        backward("tanh_backward", keeps: { $0.numbers(KernelTrial.length) }) {
            Float.tanhBackward($0, $1, $2)
        },
        backward("gelu_backward", keeps: { $0.spread(KernelTrial.length) }) {
            Float.geluBackward($0, $1, $2)
        },
        KernelCheck("dropout") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let x = trial.numbers(rows, columns)
                Float.dropout(
                    rows, columns, probability: 0.3, seed: 0x1_2345_6789, layer: 2, step: 70_000,
                    firstRow: 129, x.base)
                trial.add(x)
            }
        },
    ]

    static let sums = [
        backward("add", keeps: { $0.spread(KernelTrial.length) }) { count, x, y in
            Vector(base: y, count: count).add(Vector(base: UnsafeMutablePointer(mutating: x), count: count))
        },
        backward("scale", keeps: { $0.zeros(KernelTrial.length) }) { count, _, y in
            Vector(base: y, count: count).scale(by: 0.3)
        },
        backward("blend", keeps: { $0.spread(KernelTrial.length) }) { Float.blend($0, 0.1, $1, $2) },
        KernelCheck("add_bias") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let x = trial.numbers(rows, columns)
                x.addBias(trial.numbers(columns))
                trial.add(x)
            }
        },
        KernelCheck("column_sums") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let sums = trial.zeros(columns)
                StridedMatrix(trial.numbers(rows, columns + 3), columns: 2..<columns + 2).sumColumns(
                    into: sums)
                trial.add(sums)
            }
        },
        KernelCheck("column_moments") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let (mean, m2) = (trial.zeros(columns), trial.zeros(columns))
                trial.numbers(rows, columns, range: 4).moments(mean: mean, m2: m2)
                trial.add(mean)
                trial.add(m2)
            }
        },
        KernelCheck("merge_moments") { trial in
            for (_, columns) in KernelTrial.shapes {
                let into = trial.numbers(2 * columns)
                Float.mergeMoments(columns, 0.4, 2.4, trial.numbers(2 * columns).base, into.base)
                trial.add(into)
            }
        },
    ]

    static let fixedPoint = [
        KernelCheck("column_magnitudes") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let magnitudes = trial.magnitudes(columns, range: 4)
                StridedMatrix(trial.numbers(rows, columns + 3), columns: 2..<columns + 2)
                    .raiseToColumnMagnitudes(magnitudes)
                trial.add(magnitudes)
            }
        },
        KernelCheck("largest_magnitude") { trial in
            let x = trial.spread(KernelTrial.length)
            trial.forEachPart { start, count in
                trial.add(Double(x[start..<start + count].largestMagnitude))
            }
        },
        KernelCheck("add_fixed") { trial in forEachSum(trial) { _, sums in trial.add(sums.bytes.buffer) } },
        KernelCheck("from_fixed") { trial in
            forEachSum(trial) { units, sums in
                let numbers = trial.zeros(sums.rows, sums.columns)
                units.write(sums, columns: 0..<sums.columns, into: numbers, at: 0)
                trial.add(numbers)
            }
        },
    ]

    /// Calls `body` with sums of five terms, some of which reach beyond their bounds and are kept within limits.
    private static func forEachSum(
        _ trial: KernelTrial, _ body: (FixedPointUnits<Float>, FixedPointSums<Float>) -> Void
    ) {
        for (rows, columns) in KernelTrial.shapes {
            let units = FixedPointUnits(
                trial.zeros(FixedPointUnits<Float>.count(rows: rows)), terms: 5)
            units.choose(bounds: trial.magnitudes(rows), factor: 0.75)
            let sums = FixedPointSums<Float>(
                trial.zeros(rows * (columns + 3)).bytes, rows: rows, columns: columns + 3)
            for term in 0..<5 {
                units.add(trial.numbers(rows, columns), isFirst: term == 0, to: sums, at: 2)
            }
            body(units, sums)
        }
    }

    static let norms = [
        KernelCheck("variances") { trial in
            for (_, columns) in KernelTrial.shapes {
                let (variance, scale) = (
                    trial.zeros(columns), trial.zeros(columns)
                )
                Float.variances(
                    columns, 13, 12, 1e-5, trial.magnitudes(columns, range: 16).base, variance.base,
                    scale.base)
                trial.add(variance)
                trial.add(scale)
            }
        },
        KernelCheck("scales") { trial in
            for (_, columns) in KernelTrial.shapes {
                let scale = trial.zeros(columns)
                Float.scales(columns, 1e-5, trial.magnitudes(columns).base, scale.base)
                trial.add(scale)
            }
        },
        KernelCheck("batch_norm") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let (x, y) = (trial.numbers(rows, columns), trial.zeros(rows, columns))
                Float.batchNorm(
                    rows, columns, trial.numbers(columns).base, trial.magnitudes(columns, range: 4).base,
                    trial.numbers(columns).base, trial.numbers(columns).base, x.base, y.base)
                trial.add(x)
                trial.add(y)
            }
        },
        KernelCheck("batch_norm_sums") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let (sums, products) = (
                    trial.zeros(columns), trial.zeros(columns)
                )
                Float.batchNormSums(
                    rows, columns, trial.numbers(rows, columns).base,
                    trial.numbers(rows, columns, range: 2).base, sums.base, products.base)
                trial.add(sums)
                trial.add(products)
            }
        },
        KernelCheck("batch_norm_backward") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let d = trial.numbers(rows, columns)
                Float.batchNormBackward(
                    rows, columns, Float(rows), trial.numbers(columns).base,
                    trial.magnitudes(columns, range: 4).base, trial.numbers(columns).base,
                    trial.numbers(columns).base, trial.numbers(rows, columns, range: 2).base, d.base)
                trial.add(d)
            }
        },
        KernelCheck("layer_norm") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let (x, y) = (trial.numbers(rows, columns), trial.zeros(rows, columns))
                let scale = trial.zeros(rows)
                Float.layerNorm(
                    rows, columns, 1e-5, trial.numbers(columns).base, trial.numbers(columns).base, x.base,
                    y.base, scale.base)
                trial.add(x)
                trial.add(y)
                trial.add(scale)
            }
        },
        KernelCheck("layer_norm_backward") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let d = trial.numbers(rows, columns)
                Float.layerNormBackward(
                    rows, columns, trial.numbers(columns).base, trial.magnitudes(rows, range: 4).base,
                    trial.numbers(rows, columns, range: 2).base, d.base)
                trial.add(d)
            }
        },
    ]

    static let losses = [
        KernelCheck("softmax") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let y = trial.zeros(rows, columns)
                Float.softmax(rows, columns, trial.logits(rows, columns).base, y.base)
                trial.add(y)
            }
        },
        KernelCheck("softmax_backward") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let d = trial.numbers(rows, columns)
                Float.softmaxBackward(rows, columns, trial.magnitudes(rows * columns).base, d.base)
                trial.add(d)
            }
        },
        KernelCheck("softmax_cross_entropy") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let (z, labels) = (trial.logits(rows, columns), trial.zeros(rows, of: Int32.self))
                for row in 0..<rows { labels[row] = Int32(row * 7 % columns) }
                var correct = 0
                let loss = Float.softmaxCrossEntropy(
                    rows, columns, z.base, labels.base, 0.01, z.base, &correct)
                trial.add(loss)
                trial.add(UInt64(correct))
                trial.add(z)
            }
        },
        KernelCheck("softmax_cross_entropy_soft") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let z = trial.logits(rows, columns)
                var correct = 0
                let loss = Float.softmaxCrossEntropySoft(
                    rows, columns, z.base, trial.magnitudes(rows * columns).base, 0.01, z.base, &correct)
                trial.add(loss)
                trial.add(UInt64(correct))
                trial.add(z)
            }
        },
    ]
}

extension KernelTrial {
    /// Logits of rows that are close to one another, far apart, and beyond what an exponential function can tell apart.
    fileprivate func logits(_ rows: Int, _ columns: Int) -> Matrix<Float> {
        let logits = numbers(rows, columns)
        for row in 0..<rows {
            for column in 0..<columns { logits[row, column] *= [1, 16, 1024][row % 3] }
        }
        return logits
    }
}
