internal import CProducts

extension Matrix where Scalar == Float {
    /// Computes this matrix as Y = X Wᵀ + 1 cᵀ, where the constants c hold everything that does not depend on the pixels:
    /// see ``DigitWeights/constants(scales:shift:bias:totals:into:)``.
    ///
    /// Rows of W without a unit, those that hold an infinity or NaN, are computed from `weights` in plain Float.
    public func setProduct(
        _ x: PixelMatrix<Float>, _ w: DigitWeights, scales: DigitScales, constants: Vector<Float>,
        weights: Matrix<Float>, bias: Vector<Float>
    ) {
        precondition(
            x.rows == rows && x.columns == w.columns && w.rows == columns && x.scale.count == w.planes,
            "[\(x.rows), \(x.columns)] times [\(w.columns), \(w.rows)]")
        guard rows > 0 else { return }
        scales.scales.withUnsafeBufferPointer {
            dp_multiply_digits(
                rows, columns, w.columns, w.planes, x.pixels.base, x.columns, w.packed.base, $0.baseAddress,
                Int32(w.digits), x.scale.base, constants.base, base, columns)
        }
        for column in scales.unscaled {
            for row in 0..<rows {
                var sum: Float = 0
                for index in 0..<x.columns { sum += x.number(row, index) * weights[column, index] }
                self[row, column] = sum + bias[column]
            }
        }
    }

    /// Computes this matrix, or some columns of it, as the columns `range` of (∂L/∂Y)ᵀ X.
    ///
    /// Columns of ∂L/∂Y without a unit are computed in plain Float.
    ///
    /// - Parameters:
    ///   - dy: ∂L/∂Y [B, N], packed.
    ///   - x: X [B, M].
    ///   - range: The columns of X.
    ///   - first: The column of this matrix where they go.
    ///   - factors: The scale of each pixel of a row, M of them.
    ///   - middles: What a pixel of 128 stands for, for each pixel of a row.
    ///   - room: ``DigitSamples/pixelCount(rows:columns:)`` bytes for the pixels of these columns.
    public func setProduct(
        _ dy: DigitSamples, _ x: PixelMatrix<Float>, columns range: Range<Int>, at first: Int,
        factors: Vector<Float>, middles: Vector<Float>, room: Vector<UInt8>
    ) {
        precondition(
            x.rows == dy.samples && rows == dy.columns && range.upperBound <= x.columns
                && first + range.count <= columns && factors.count == x.columns && middles.count == x.columns
                && room.count >= DigitSamples.pixelCount(rows: x.rows, columns: range.count),
            "columns \(range) of [\(dy.samples), \(dy.columns)]ᵀ times [\(x.rows), \(x.columns)]")
        dp_pack_bytes(x.rows, range.count, x.pixels.base + range.lowerBound, x.columns, room.base)
        dy.scales.scales.withUnsafeBufferPointer { scales in
            dp_multiply_samples(
                rows, range.count, x.rows, dy.packed.base, dy.sums.base, scales.baseAddress,
                Int32(dy.scales.digits), room.base, factors.base + range.lowerBound,
                middles.base + range.lowerBound, base + first, columns)
        }
        for row in dy.scales.unscaled {
            for column in range {
                var sum: Float = 0
                for sample in 0..<x.rows { sum += dy.number(sample, row) * x.number(sample, column) }
                self[row, first + column - range.lowerBound] = sum
            }
        }
    }
}

extension PixelMatrix where Scalar == Float {
    /// One entry.
    func number(_ row: Int, _ column: Int) -> Float {
        let plane = column / plane
        return Float(pixels[row, column]) * scale[plane] + shift[plane]
    }
}

extension Matrix where Scalar: TensorScalar {
    /// The same view, if its numbers are Floats.
    public var floats: Matrix<Float>? {
        guard Scalar.self == Float.self else { return nil }
        return UnsafeMutableRawPointer(base).withMemoryRebound(to: Float.self, capacity: count) {
            Matrix<Float>(base: $0, rows: rows, columns: columns)
        }
    }
}

extension Vector where Scalar: TensorScalar {
    /// The same view, if its numbers are Floats.
    public var floats: Vector<Float>? { matrix(rows: 1, columns: count).floats?.vector }
}

extension StridedMatrix where Scalar: TensorScalar {
    /// The same view, if its numbers are Floats.
    public var floats: StridedMatrix<Float>? {
        guard Scalar.self == Float.self else { return nil }
        return UnsafeMutableRawPointer(base).withMemoryRebound(to: Float.self, capacity: rows * stride) {
            StridedMatrix<Float>(base: $0, rows: rows, columns: columns, stride: stride)
        }
    }
}

extension PixelMatrix {
    /// The same view, if its numbers are Floats.
    public var floats: PixelMatrix<Float>? {
        guard let scale = scale.floats, let shift = shift.floats else { return nil }
        return PixelMatrix<Float>(pixels, scale: scale, shift: shift)
    }
}
