internal import CProducts

/// The units, powers of two, in which the numbers of each row (or column) of a factor are counted, so that the largest one
/// takes a given number of signed bytes.
public struct DigitScales: Sendable {
    var scales: [dp_digit_scale]
    /// The bytes.
    public let digits: Int
    /// The rows that hold an infinity or NaN, which have no unit.
    public private(set) var unscaled: [Int] = []

    /// The units for rows whose largest magnitudes are `largest`.
    public init(largest: Vector<Float>, digits: Int) {
        precondition(digits == 2 || digits == 3, "\(digits) bytes for a number")
        self.digits = digits
        scales = Array(repeating: dp_digit_scale(), count: largest.count)
        update(largest: largest)
    }

    /// Takes the units for other magnitudes of as many rows.
    ///
    /// - Returns: Whether any unit has changed.
    @discardableResult
    public mutating func update(largest: Vector<Float>) -> Bool {
        precondition(largest.count == scales.count, "magnitudes of \(scales.count) rows")
        unscaled.removeAll(keepingCapacity: true)
        var hasChanged = false
        for row in scales.indices {
            var scale = dp_digit_scale()
            if dp_digit_scale_for(largest[row], Int32(digits), &scale) == 0 { unscaled.append(row) }
            if scale.unit != scales[row].unit {
                scales[row] = scale
                hasChanged = true
            }
        }
        return hasChanged
    }

    /// The unit of a row.
    func unit(_ row: Int) -> Double { Double(scales[row].unit.0) * Double(scales[row].unit.1) }
}
