internal import CKernels

/// The units in which the rows of a sum of matrices are counted in whole numbers, and what holds for each of its terms.
///
/// Sums of integers have no order: whoever adds which terms first, the bits are the same. For that a unit must not depend
/// on who adds: it follows from a bound on the magnitude of every term, the same for all. With n terms, each below the
/// bound m, a row's unit is the power of two u for which n m / u lies from 2²⁹ to 2³⁰ (of a Double from 2⁶¹ to 2⁶²). So a
/// sum has a bit in hand, and what a term is rounded by is at most u / 2, or 2⁻³⁰ n m.
///
/// A row whose bound is infinite has no unit: its sums are NaN.
public struct FixedPointUnits<Scalar: TensorScalar>: Sendable {
    /// The number of terms n.
    public let terms: Int

    private let units: Vector<Scalar>
    private let factors: Vector<Scalar>
    private let limit: Scalar

    /// The scalars that the units of so many rows take.
    public static func count(rows: Int) -> Int { 2 * rows }

    /// Units in memory of ``count(rows:)`` scalars, to be chosen.
    public init(_ memory: Vector<Scalar>, terms: Int) {
        precondition(memory.count % 2 == 0 && terms > 0, "units of \(terms) terms")
        self.terms = terms
        units = memory[0..<memory.count / 2]
        factors = memory[memory.count / 2..<memory.count]
        // A little below, so that it is no more when it has been rounded.
        limit = Scalar(Self.range * (1 - 0x1p-10) / Double(terms))
    }

    /// 2 to the number of an integer's bits without the sign.
    private static var range: Double { Scalar.precision == .single ? 0x1p31 : 0x1p63 }

    /// Chooses the unit of each row.
    ///
    /// - Parameters:
    ///   - bounds: What no term of a row exceeds in magnitude, but for `factor`.
    ///   - factor: What all bounds are multiplied by.
    public func choose(bounds: Vector<Scalar>, factor: Scalar) {
        precondition(bounds.count == units.count, "bounds of \(units.count) rows")
        // Below the least exponent the factor, which is 1 / u, would be infinite.
        let bits = Scalar.precision == .single ? 30 : 62
        let least = Scalar.precision == .single ? -126 : -1022
        for row in 0..<bounds.count {
            // A Double for Floats: what is finite stays so.
            let bound = Double(bounds[row]) * Double(factor) * Double(terms)
            guard bound.isFinite else {
                (units[row], factors[row]) = (.nan, 0)
                continue
            }
            let exponent = max(bound > 0 ? Int(bound.exponent) + 1 - bits : least, least)
            units[row] = Scalar(sign: .plus, exponent: .init(exponent), significand: 1)
            factors[row] = Scalar(sign: .plus, exponent: .init(-exponent), significand: 1)
        }
    }

    /// Adds a term to some columns of sums.
    ///
    /// - Parameters:
    ///   - term: Numbers [N, columns].
    ///   - isFirst: Whether the sums begin with it.
    ///   - sums: The sums.
    ///   - first: The column of the sums where it goes.
    public func add(_ term: Matrix<Scalar>, isFirst: Bool, to sums: FixedPointSums<Scalar>, at first: Int) {
        precondition(
            term.rows == units.count && term.rows == sums.rows && first >= 0
                && first + term.columns <= sums.columns,
            "a term [\(term.rows), \(term.columns)] of [\(sums.rows), \(sums.columns)]")
        dp_add_fixed(
            Scalar.kernels, term.rows, term.columns, term.base, term.columns, factors.base, Double(limit),
            isFirst ? 1 : 0, sums.column(first), sums.columns)
    }

    /// Writes some columns of sums as numbers.
    ///
    /// - Parameters:
    ///   - sums: The sums.
    ///   - columns: Which of their columns.
    ///   - numbers: Where they go.
    ///   - first: The first of them there.
    public func write(
        _ sums: FixedPointSums<Scalar>, columns: Range<Int>, into numbers: Matrix<Scalar>, at first: Int
    ) {
        precondition(
            numbers.rows == units.count && numbers.rows == sums.rows && columns.lowerBound >= 0
                && columns.upperBound <= sums.columns && first >= 0
                && first + columns.count <= numbers.columns,
            "columns \(columns) of [\(sums.rows), \(sums.columns)]")
        dp_from_fixed(
            Scalar.kernels, numbers.rows, columns.count, sums.column(columns.lowerBound), sums.columns,
            units.base, numbers.base + first, numbers.columns)
    }
}

/// Sums [N, M] in fixed point: integers of as many bytes as a scalar, in memory that somebody else owns.
public struct FixedPointSums<Scalar: TensorScalar>: Sendable {
    /// N.
    public let rows: Int
    /// M.
    public let columns: Int
    /// The integers, row after row.
    public let bytes: Vector<UInt8>

    /// Takes `rows` · `columns` scalars' bytes, aligned as a scalar is.
    public init(_ bytes: Vector<UInt8>, rows: Int, columns: Int) {
        precondition(
            bytes.count == rows * columns * MemoryLayout<Scalar>.stride, "sums [\(rows), \(columns)]")
        (self.rows, self.columns, self.bytes) = (rows, columns, bytes)
    }

    fileprivate func column(_ column: Int) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bytes.base) + column * MemoryLayout<Scalar>.stride
    }
}

extension StridedMatrix where Scalar: TensorScalar {
    /// Raises each of `magnitudes` [columns] to the sum of its column's magnitudes, if that is larger; to infinity where it
    /// is no finite number.
    public func raiseToColumnMagnitudes(_ magnitudes: Vector<Scalar>) {
        precondition(magnitudes.count == columns, "\(magnitudes.count) magnitudes of \(columns) columns")
        dp_column_magnitudes(Scalar.kernels, rows, columns, base, stride, magnitudes.base)
    }
}

extension Vector where Scalar: TensorScalar {
    /// The largest magnitude of a scalar, infinite where one is no finite number; 0 of none.
    public var largestMagnitude: Scalar { Scalar(dp_largest_magnitude(Scalar.kernels, count, base)) }
}

extension PixelMatrix {
    /// What no number that a pixel can stand for exceeds in magnitude.
    public var largestMagnitude: Scalar {
        var largest: Scalar = 0
        for channel in 0..<scale.count {
            largest = max(
                largest, shift[channel].magnitude, (255 * scale[channel] + shift[channel]).magnitude)
        }
        return largest
    }
}
