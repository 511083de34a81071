internal import CProducts

/// ∂L/∂Y [B, N] as whole multiples of a unit for each column, packed for products with bytes.
public final class DigitSamples {
    /// The largest B: sums of more products of bytes might not fit into 32 bits.
    public static var largestBatch: Int { 65_536 }

    /// N.
    public let columns: Int
    /// The rows packed last.
    public private(set) var samples = 0

    private(set) var scales: DigitScales
    private let packedBuffer: AlignedBuffer<Int8>
    private let sumBuffer: AlignedBuffer<dp_digit_sums>
    private let largest: AlignedBuffer<Float>
    private var source: StridedMatrix<Float>

    var packed: Vector<Int8> { packedBuffer.vector }
    var sums: Vector<dp_digit_sums> { sumBuffer.vector }

    /// The bytes that some columns of B rows of pixels take when they are packed.
    public static func pixelCount(rows: Int, columns: Int) -> Int {
        let lanes = Int(DP_DIGIT_LANES)
        return (columns + lanes - 1) / lanes * lanes * dp_padded_samples(rows)
    }

    /// Makes room for up to `capacity` rows of `columns` numbers.
    ///
    /// - Throws: ``AllocationError``.
    public init(capacity: Int, columns: Int, digits: Int) throws(AllocationError) {
        precondition(capacity <= Self.largestBatch, "a batch of \(capacity)")
        self.columns = columns
        packedBuffer = try AlignedBuffer(allocating: dp_packed_samples(capacity, columns, Int32(digits)))
        sumBuffer = try AlignedBuffer(allocating: columns)
        largest = try AlignedBuffer(allocating: columns)
        scales = DigitScales(largest: largest.vector, digits: digits)
        source = StridedMatrix(Matrix(base: largest.vector.base, rows: 0, columns: columns))
    }

    /// Packs ∂L/∂Y, which has to stay where it is until the next time.
    public func pack(_ dy: StridedMatrix<Float>) {
        precondition(
            dy.columns == columns
                && dp_packed_samples(dy.rows, columns, Int32(scales.digits)) <= packedBuffer.count,
            "packing [\(dy.rows), \(dy.columns)]")
        source = dy
        samples = dy.rows
        dp_column_maxima(dy.rows, columns, dy.base, dy.stride, largest.vector.base)
        scales.update(largest: largest.vector)
        scales.scales.withUnsafeBufferPointer {
            dp_pack_samples(
                dy.rows, columns, dy.base, dy.stride, $0.baseAddress, Int32(scales.digits),
                packedBuffer.vector.base, sumBuffer.vector.base)
        }
    }

    func number(_ sample: Int, _ column: Int) -> Float { source.base[sample * source.stride + column] }
}
