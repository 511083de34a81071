internal import CKernels

/// How exact matrix products of a Float network are, in the words of PyTorch's `set_float32_matmul_precision`.
///
/// Pixels are whole numbers of one byte. The other factor of the first layer's products is rounded to whole multiples of a
/// scale, of two or three bytes, and the product is exact in integers: so any CPU computes the same bits, with whatever
/// instructions it has for them. All other products are Float's, but with ``medium``, where both factors of wide layers are
/// bfloat16 numbers, and with ``low``, where they are of one byte, the first layer's too.
///
/// Source of the slices: the Ozaki scheme, for integers as in Ootomo, Ozaki, Yokota, "DGEMM on integer matrix multiplication
/// unit", International Journal of High Performance Computing Applications 38 (2024).
public enum MatmulPrecision: String, Codable, Sendable, CaseIterable {
    /// Float products throughout.
    case highest
    /// Multiples of three bytes, 2⁻²³ of the largest number in a row: at least as exact as a Float product.
    case high
    /// Multiples of two bytes, 2⁻¹⁵ of the largest number in a row; behind the first layer products of bfloat16 numbers, of
    /// which each has an error of up to 2⁻⁸, summed in Float.
    case medium
    /// Products of two factors of one byte in all layers that are not narrow, forward and backward: 2⁻⁸ of the largest number
    /// in a row, or in a block of it.
    case low

    /// The slices, of a byte each, of a number in a product with pixels; nil for Float products. One stands for products of
    /// bytes in all layers.
    public var slices: Int? {
        switch self {
        case .highest: nil
        case .high: 3
        case .medium: 2
        case .low: 1
        }
    }
}

/// The scales, powers of two, in which the numbers of each row (or column) of a factor are counted, so that the largest one
/// takes a given number of slices, signed bytes.
public struct Int8Scales: Sendable {
    var scales: [dp_int8_scale]
    /// The slices of a number.
    public let slices: Int
    /// The rows that hold an infinity or NaN, which have no scale.
    public private(set) var unscaled: [Int] = []

    /// The scales for rows whose largest magnitudes are `largest`.
    public init(largest: Vector<Float>, slices: Int) {
        precondition(slices == 2 || slices == 3, "\(slices) slices of a number")
        self.slices = slices
        scales = Array(repeating: dp_int8_scale(), count: largest.count)
        update(largest: largest)
    }

    /// Takes the scales for other magnitudes of as many rows.
    ///
    /// - Returns: Whether any scale has changed.
    @discardableResult
    public mutating func update(largest: Vector<Float>) -> Bool {
        precondition(largest.count == scales.count, "magnitudes of \(scales.count) rows")
        unscaled.removeAll(keepingCapacity: true)
        var hasChanged = false
        for row in scales.indices {
            var scale = dp_int8_scale()
            if dp_int8_scale_for(largest[row], Int32(slices), &scale) == 0 { unscaled.append(row) }
            if scale.scale != scales[row].scale {
                scales[row] = scale
                hasChanged = true
            }
        }
        return hasChanged
    }

    /// The scale of a row.
    func scale(_ row: Int) -> Double { Double(scales[row].scale.0) * Double(scales[row].scale.1) }
}

/// The weights W [N, M] of a layer that reads pixels, as whole multiples of a scale for each row, in slices, packed for products with
/// bytes. The memory is somebody else's, who may share it among ranks.
///
/// Each rank packs columns of its own with the scales that held so far, and leaves their largest magnitudes and sums where
/// all see them; the scales that hold now follow from ``largest(into:)``: from W alone, never from its history.
public struct Int8Weights: @unchecked Sendable {
    /// Columns that are counted together: multiples of this are where ranks may divide W.
    public static var slotWidth: Int { PackedMatrix<Float>.panelWidth }

    /// N.
    public let rows: Int
    /// M.
    public let columns: Int
    /// The channels of M.
    public let channels: Int
    /// The slices of a number.
    public let slices: Int

    private static let largestSum = 256

    /// The instruction set that packs and multiplies them.
    let instructionSet = dp_used_instruction_set()
    let packed: Vector<Int8>
    /// For each slot and row the largest magnitude and the sum, in multiples of the scale, of the columns that begin in this slot.
    private let maxima: Matrix<Float>
    private let sums: Matrix<Int32>

    /// Whether the products of W [N, M] with pixels of so many channels can be computed: M / channels must be a multiple
    /// of the slots' width.
    public static func areSupported(columns: Int, channels: Int) -> Bool {
        columns % (channels * slotWidth) == 0
    }

    /// The bytes that they take.
    public static func packedCount(rows: Int, columns: Int, slices: Int) -> Int {
        dp_int8_weight_bytes(dp_used_instruction_set(), rows, columns, Int32(slices))
    }

    /// The magnitudes, and sums, that they take.
    public static func slotCount(rows: Int, columns: Int) -> Int { columns / slotWidth * rows }

    /// Takes memory of these sizes, which begins as zeros.
    public init(
        rows: Int, columns: Int, channels: Int, slices: Int, packed: Vector<Int8>, maxima: Vector<Float>,
        sums: Vector<Int32>
    ) {
        precondition(Self.areSupported(columns: columns, channels: channels), "\(columns) columns")
        (self.rows, self.columns, self.channels, self.slices) = (rows, columns, channels, slices)
        self.packed = packed[0..<Self.packedCount(rows: rows, columns: columns, slices: slices)]
        self.maxima = maxima.matrix(rows: columns / Self.slotWidth, columns: rows)
        self.sums = sums.matrix(rows: columns / Self.slotWidth, columns: rows)
    }

    /// The largest magnitude of each row of W, from what all ranks have left.
    public func largest(into largest: Vector<Float>) {
        dp_int8_column_maxima(instructionSet, maxima.rows, rows, maxima.base, rows, largest.base)
    }

    /// Packs some columns of W, from and to a multiple of the slots' width, and leaves their magnitudes and sums.
    public func pack(_ weights: Matrix<Float>, columns range: Range<Int>, scales: Int8Scales) {
        precondition(
            weights.rows == rows && weights.columns == columns && range.lowerBound % Self.slotWidth == 0
                && range.upperBound % Self.slotWidth == 0 && range.upperBound <= columns,
            "packing columns \(range) of [\(weights.rows), \(weights.columns)]")
        let channelSize = columns / channels
        var start = range.lowerBound
        while start < range.upperBound {
            // The sum of q over more than 256 columns might not fit into 32 bits.
            let end = min(range.upperBound, (start / channelSize + 1) * channelSize, start + Self.largestSum)
            let slots = start / Self.slotWidth..<end / Self.slotWidth
            dp_int8_row_maxima(
                instructionSet, rows, end - start, weights.base + start, columns, maxima[rows: slots].base)
            scales.scales.withUnsafeBufferPointer {
                dp_int8_pack_weights(
                    instructionSet, rows, columns, start, end - start, weights.base, columns, $0.baseAddress,
                    Int32(slices),
                    packed.base, sums[rows: slots].base)
            }
            let rest = slots.dropFirst()
            maxima[rows: rest].vector.fill(0)
            sums[rows: rest].vector.fill(0)
            start = end
        }
    }

    /// Leaves the magnitudes of all of W, for a first choice of scales.
    public func measure(_ weights: Matrix<Float>) {
        dp_int8_row_maxima(instructionSet, rows, columns, weights.base, columns, maxima.base)
        maxima[rows: 1..<maxima.rows].vector.fill(0)
    }

    /// What a product adds to each column: the channels' shifts times the sums of W, and a bias.
    public func constants(
        scales: Int8Scales, shift: Vector<Float>, bias: Vector<Float>, totals: Vector<Double>,
        into constants: Vector<Float>
    ) {
        precondition(totals.count == rows && constants.count == rows && bias.count == rows, "of \(rows) rows")
        totals.fill(0)
        let slots = sums.rows / channels
        for channel in 0..<channels {
            dp_int8_sum_slots(
                instructionSet, slots, rows, sums[rows: channel * slots..<(channel + 1) * slots].base,
                Double(shift[channel]),
                totals.base)
        }
        for row in 0..<rows {
            constants[row] = Float(totals[row] * scales.scale(row) + Double(bias[row]))
        }
    }
}

/// ∂L/∂Y [B, N] as whole multiples of a scale for each column, in slices, packed for products with bytes.
public final class Int8Gradient {
    /// The largest B: sums of more products of bytes might not fit into 32 bits.
    public static var largestBatch: Int { 65_536 }

    /// N.
    public let columns: Int
    /// The rows packed last.
    public private(set) var samples = 0

    /// The instruction set that packs and multiplies them.
    let instructionSet = dp_used_instruction_set()
    private(set) var scales: Int8Scales
    private let packedBuffer: AlignedBuffer<Int8>
    private let sumBuffer: AlignedBuffer<dp_int8_sums>
    private let largest: AlignedBuffer<Float>
    private var source: StridedMatrix<Float>

    var packed: Vector<Int8> { packedBuffer.vector }
    var sums: Vector<dp_int8_sums> { sumBuffer.vector }

    /// The bytes that some columns of B rows of pixels take when they are packed.
    public static func pixelCount(rows: Int, columns: Int) -> Int {
        dp_int8_pixel_bytes(rows, columns)
    }

    /// The bytes that up to `capacity` rows of `columns` numbers take when they are packed.
    public static func byteCount(capacity: Int, columns: Int, slices: Int) -> Int {
        dp_int8_gradient_bytes(capacity, columns, Int32(slices))
    }

    /// Makes room for up to `capacity` rows of `columns` numbers.
    ///
    /// - Throws: ``AllocationError``.
    public init(capacity: Int, columns: Int, slices: Int) throws(AllocationError) {
        precondition(capacity <= Self.largestBatch, "a batch of \(capacity)")
        self.columns = columns
        packedBuffer = try AlignedBuffer(allocating: dp_int8_gradient_bytes(capacity, columns, Int32(slices)))
        sumBuffer = try AlignedBuffer(allocating: columns)
        largest = try AlignedBuffer(allocating: columns)
        scales = Int8Scales(largest: largest.vector, slices: slices)
        source = StridedMatrix(Matrix(base: largest.vector.base, rows: 0, columns: columns))
    }

    /// Packs ∂L/∂Y, which has to stay where it is until the next time.
    public func pack(_ dy: StridedMatrix<Float>) {
        precondition(
            dy.columns == columns
                && dp_int8_gradient_bytes(dy.rows, columns, Int32(scales.slices)) <= packedBuffer.count,
            "packing [\(dy.rows), \(dy.columns)]")
        source = dy
        samples = dy.rows
        dp_int8_column_maxima(instructionSet, dy.rows, columns, dy.base, dy.stride, largest.vector.base)
        scales.update(largest: largest.vector)
        scales.scales.withUnsafeBufferPointer {
            dp_int8_pack_gradient(
                instructionSet, dy.rows, columns, dy.base, dy.stride, $0.baseAddress, Int32(scales.slices),
                packedBuffer.vector.base, sumBuffer.vector.base)
        }
    }

    func number(_ sample: Int, _ column: Int) -> Float { source.base[sample * source.stride + column] }
}

extension Matrix where Scalar == Float {
    /// Computes this matrix as Y = X Wᵀ + 1 cᵀ, where the constants c hold everything that does not depend on the pixels:
    /// see ``Int8Weights/constants(scales:shift:bias:totals:into:)``.
    ///
    /// Rows of W without a scale, those that hold an infinity or NaN, are computed from `weights` in plain Float.
    public func gemm(
        _ x: PixelMatrix<Float>, _ w: Int8Weights, scales: Int8Scales, constants: Vector<Float>,
        weights: Matrix<Float>, bias: Vector<Float>
    ) {
        precondition(
            x.rows == rows && x.columns == w.columns && w.rows == columns && x.scale.count == w.channels,
            "[\(x.rows), \(x.columns)] times [\(w.columns), \(w.rows)]")
        guard rows > 0 else { return }
        scales.scales.withUnsafeBufferPointer {
            dp_int8_gemm_nt(
                w.instructionSet, rows, columns, w.columns, w.channels, x.pixels.base, x.columns,
                w.packed.base, $0.baseAddress,
                Int32(w.slices), x.scale.base, constants.base, base, columns)
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
    /// Columns of ∂L/∂Y without a scale are computed in plain Float.
    ///
    /// - Parameters:
    ///   - dy: ∂L/∂Y [B, N], packed.
    ///   - x: X [B, M].
    ///   - range: The columns of X.
    ///   - first: The column of this matrix where they go.
    ///   - factors: The scale of each pixel of a row, M of them.
    ///   - zeroPoints: The number that a pixel of 128, the zero point, stands for, for each pixel of a row.
    ///   - scratch: ``Int8Gradient/pixelCount(rows:columns:)`` bytes for the pixels of these columns.
    public func gemm(
        _ dy: Int8Gradient, _ x: PixelMatrix<Float>, columns range: Range<Int>, at first: Int,
        factors: Vector<Float>, zeroPoints: Vector<Float>, scratch: Vector<UInt8>
    ) {
        precondition(
            x.rows == dy.samples && rows == dy.columns && range.upperBound <= x.columns
                && first + range.count <= columns && factors.count == x.columns
                && zeroPoints.count == x.columns
                && scratch.count >= Int8Gradient.pixelCount(rows: x.rows, columns: range.count),
            "columns \(range) of [\(dy.samples), \(dy.columns)]ᵀ times [\(x.rows), \(x.columns)]")
        dp_int8_pack_bytes(
            dy.instructionSet, x.rows, range.count, x.pixels.base + range.lowerBound, x.columns, scratch.base)
        dy.scales.scales.withUnsafeBufferPointer { scales in
            dp_int8_gemm_tn(
                dy.instructionSet, rows, range.count, x.rows, dy.packed.base, dy.sums.base,
                scales.baseAddress,
                Int32(dy.scales.slices), scratch.base, factors.base + range.lowerBound,
                zeroPoints.base + range.lowerBound, base + first, columns)
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
        let channel = column / channelSize
        return Float(pixels[row, column]) * scale[channel] + shift[channel]
    }
}
