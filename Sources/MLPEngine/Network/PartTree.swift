public import Tensors

/// The fixed binary tree in which parts of a batch are combined.
///
/// Parts `first..<last` are split at the largest power of two below their number, each half is combined, then the
/// two: ((0 1) (2 3)) ((4 5) (6 7)). The order of additions depends on the number of parts and on nothing else.
public enum PartTree {
    /// Combines row 0 with all other rows, pair by pair, in the tree's order.
    ///
    /// - Parameters:
    ///   - count: The number of parts.
    ///   - combine: Called with the indices of two rows; adds the second into the first. Row i stands for the subtree
    ///     that begins at part i.
    public static func reduce(_ count: Int, combine: (_ into: Int, _ from: Int) throws -> Void) rethrows {
        try reduceRanges(0..<count) { into, from, _ in try combine(into, from) }
    }

    /// The same, where the second row stands for the parts from its own up to, but without, the third number.
    private static func reduceRanges(
        _ parts: Range<Int>, _ combine: (Int, Int, Int) throws -> Void
    ) rethrows {
        guard parts.count > 1 else { return }
        var half = 1
        while 2 * half < parts.count { half *= 2 }
        let middle = parts.lowerBound + half
        try reduceRanges(parts.lowerBound..<middle, combine)
        try reduceRanges(middle..<parts.upperBound, combine)
        try combine(parts.lowerBound, middle, parts.upperBound)
    }

    /// Sums the rows of `parts` [P, K] into its first row; the others become intermediate sums.
    public static func sum<Scalar: TensorScalar>(_ parts: Matrix<Scalar>) {
        reduce(parts.rows) { into, from in
            parts[rows: into..<into + 1].vector.add(parts[rows: from..<from + 1].vector)
        }
    }

    /// Sums `values`, one per part.
    public static func sum(_ values: [Double]) -> Double {
        var values = values
        return sum(&values)
    }

    /// Sums `values`, one per part, into the first; the others become intermediate sums.
    ///
    /// - Returns: The sum.
    public static func sum(_ values: inout [Double]) -> Double {
        reduce(values.count) { values[$0] += values[$1] }
        return values.first ?? 0
    }

    /// Merges moments [P, 2 N], means then sums of squared deviations, into the first row.
    ///
    /// Two sets of n_a and n_b rows: δ = μ_b − μ_a, μ = μ_a + δ n_b / n, M = M_a + M_b + δ² n_a n_b / n; no
    /// cancellation, unlike a sum of squares.
    ///
    /// Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
    /// 1979.
    ///
    /// - Parameters:
    ///   - moments: [P, 2 N].
    ///   - rows: The number of rows behind each part; may be unequal.
    /// - Returns: The number of rows of all parts.
    public static func mergeMoments<Scalar: TensorScalar>(_ moments: Matrix<Scalar>, rows: [Int]) -> Int {
        precondition(moments.rows == rows.count && moments.columns % 2 == 0, "moments of \(rows.count) parts")
        // On the stack: a copy of the array would be an allocation in every step.
        return withUnsafeTemporaryAllocation(of: Int.self, capacity: rows.count) { sums in
            for (index, count) in rows.enumerated() { sums[index] = count }
            reduce(rows.count) { into, from in
                merge(moments, into, from, rows: (sums[into], sums[from]))
                sums[into] += sums[from]
            }
            return sums.first ?? 0
        }
    }

    /// Merges moments of parts of `partRows` rows each.
    ///
    /// - Returns: The number of rows of all parts.
    public static func mergeMoments<Scalar: TensorScalar>(_ moments: Matrix<Scalar>, partRows: Int) -> Int {
        reduceRanges(0..<moments.rows) { into, from, end in
            merge(moments, into, from, rows: ((from - into) * partRows, (end - from) * partRows))
        }
        return moments.rows * partRows
    }

    private static func merge<Scalar: TensorScalar>(
        _ moments: Matrix<Scalar>, _ into: Int, _ from: Int, rows: (Int, Int)
    ) {
        let share = Scalar(rows.1) / Scalar(rows.0 + rows.1)
        Scalar.mergeMoments(
            moments.columns / 2, share, Scalar(rows.0) * share, moments[rows: from..<from + 1].base,
            moments[rows: into..<into + 1].base)
    }
}
