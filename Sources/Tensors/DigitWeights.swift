internal import CProducts
internal import Foundation

/// The weights W [N, M] of a layer that reads pixels, as whole multiples of a unit for each row, packed for products with
/// bytes. The memory is somebody else's, who may share it among ranks.
///
/// Each rank packs columns of its own with the units that held so far, and leaves their largest magnitudes and sums where
/// all see them; ``settle()`` then finds the units that hold now. They follow from W alone, never from its history.
public struct DigitWeights: @unchecked Sendable {
    /// Columns that are counted together: multiples of this are where ranks may divide W.
    public static var slotWidth: Int { PackedMatrix<Float>.panelWidth }

    /// N.
    public let rows: Int
    /// M.
    public let columns: Int
    /// The colour planes of M.
    public let planes: Int
    /// The bytes of a number.
    public let digits: Int

    private static let largestSum = 256

    let packed: Vector<Int8>
    /// For each slot and row the largest magnitude and the sum, in units, of the columns that begin in this slot.
    private let maxima: Matrix<Float>
    private let sums: Matrix<Int32>

    /// Whether the products of W [N, M] with pixels of so many planes can be computed: M / planes must be a multiple of the
    /// slots' width.
    public static func areSupported(columns: Int, planes: Int) -> Bool {
        columns % (planes * slotWidth) == 0
    }

    /// The bytes that they take.
    public static func packedCount(rows: Int, columns: Int, digits: Int) -> Int {
        dp_packed_digits(rows, columns, Int32(digits))
    }

    /// The magnitudes, and sums, that they take.
    public static func slotCount(rows: Int, columns: Int) -> Int { columns / slotWidth * rows }

    /// Takes memory of these sizes, which begins as zeros.
    public init(
        rows: Int, columns: Int, planes: Int, digits: Int, packed: Vector<Int8>, maxima: Vector<Float>,
        sums: Vector<Int32>
    ) {
        precondition(Self.areSupported(columns: columns, planes: planes), "\(columns) columns")
        (self.rows, self.columns, self.planes, self.digits) = (rows, columns, planes, digits)
        self.packed = packed[0..<Self.packedCount(rows: rows, columns: columns, digits: digits)]
        self.maxima = maxima.matrix(rows: columns / Self.slotWidth, columns: rows)
        self.sums = sums.matrix(rows: columns / Self.slotWidth, columns: rows)
    }

    /// The largest magnitude of each row of W, from what all ranks have left.
    public func largest(into largest: Vector<Float>) {
        dp_column_maxima(maxima.rows, rows, maxima.base, rows, largest.base)
    }

    /// Packs some columns of W, from and to a multiple of the slots' width, and leaves their magnitudes and sums.
    public func pack(_ weights: Matrix<Float>, columns range: Range<Int>, scales: DigitScales) {
        precondition(
            weights.rows == rows && weights.columns == columns && range.lowerBound % Self.slotWidth == 0
                && range.upperBound % Self.slotWidth == 0 && range.upperBound <= columns,
            "packing columns \(range) of [\(weights.rows), \(weights.columns)]")
        let plane = columns / planes
        var start = range.lowerBound
        while start < range.upperBound {
            // The sum of q over more than 256 columns might not fit into 32 bits.
            let end = min(range.upperBound, (start / plane + 1) * plane, start + Self.largestSum)
            let slots = start / Self.slotWidth..<end / Self.slotWidth
            dp_row_maxima(
                rows, end - start, weights.base + start, columns, maxima[rows: slots].base)
            scales.scales.withUnsafeBufferPointer {
                dp_pack_digits(
                    rows, columns, start, end - start, weights.base, columns, $0.baseAddress, Int32(digits),
                    packed.base, sums[rows: slots].base)
            }
            let rest = slots.dropFirst()
            maxima[rows: rest].vector.fill(0)
            sums[rows: rest].vector.fill(0)
            start = end
        }
    }

    /// Leaves the magnitudes of all of W, for a first choice of units.
    public func measure(_ weights: Matrix<Float>) {
        dp_row_maxima(rows, columns, weights.base, columns, maxima.base)
        maxima[rows: 1..<maxima.rows].vector.fill(0)
    }

    /// What a product adds to each column: the planes' shifts times the sums of W, and a bias.
    public func constants(
        scales: DigitScales, shift: Vector<Float>, bias: Vector<Float>, totals: Vector<Double>,
        into constants: Vector<Float>
    ) {
        precondition(totals.count == rows && constants.count == rows && bias.count == rows, "of \(rows) rows")
        totals.fill(0)
        let slots = sums.rows / planes
        for plane in 0..<planes {
            dp_sum_slots(
                slots, rows, sums[rows: plane * slots..<(plane + 1) * slots].base, Double(shift[plane]),
                totals.base)
        }
        for row in 0..<rows {
            constants[row] = Float(totals[row] * scales.unit(row) + Double(bias[row]))
        }
    }
}
