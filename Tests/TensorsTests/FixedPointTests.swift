import TensorTestSupport
import Tensors
import Testing

/// Sums in fixed point.
@Suite struct FixedPointTests {
    private static let terms = 7
    private static let (rows, columns) = (5, 37)

    /// The sums of some terms in an order, as numbers.
    private func sum<Scalar: TensorScalar>(
        _ terms: [Matrix<Scalar>], bounds: Vector<Scalar>, order: [Int], _ scratch: borrowing Scratch
    ) -> [Scalar] {
        let units = FixedPointUnits<Scalar>(
            scratch.unset(FixedPointUnits<Scalar>.count(rows: Self.rows)), terms: terms.count)
        units.choose(bounds: bounds, factor: 1)
        let memory: Vector<Scalar> = scratch.unset(Self.rows * Self.columns)
        let sums = FixedPointSums<Scalar>(memory.bytes, rows: Self.rows, columns: Self.columns)
        for (place, index) in order.enumerated() {
            units.add(terms[index], isFirst: place == 0, to: sums, at: 0)
        }
        let numbers: Matrix<Scalar> = scratch.unset(Self.rows, Self.columns)
        units.write(sums, columns: 0..<Self.columns, into: numbers, at: 0)
        return numbers.vector.array
    }

    /// Terms of other magnitudes in each row, and their largest magnitude in it.
    private func problem<Scalar: TensorScalar>(
        _ scratch: borrowing Scratch
    ) -> (terms: [Matrix<Scalar>], bounds: Vector<Scalar>) {
        let terms: [Matrix<Scalar>] = (0..<Self.terms).map {
            scratch.normals(Self.rows, Self.columns, stream: $0 + 1)
        }
        let bounds = scratch.vector([Scalar](repeating: 0, count: Self.rows))
        for term in terms {
            for row in 0..<Self.rows {
                for column in 0..<Self.columns {
                    term[row, column] *= Scalar(sign: .plus, exponent: .init(20 * row - 40), significand: 1)
                    bounds[row] = max(bounds[row], term[row, column].magnitude)
                }
            }
        }
        return (terms, bounds)
    }

    private func check<Scalar: TensorScalar>(_: Scalar.Type, bits: Int) {
        let scratch = Scratch(seed: 4)
        let problem: (terms: [Matrix<Scalar>], bounds: Vector<Scalar>) = problem(scratch)
        let order = Array(0..<Self.terms)
        let forwards = sum(problem.terms, bounds: problem.bounds, order: order, scratch)
        #expect(sum(problem.terms, bounds: problem.bounds, order: order.reversed(), scratch) == forwards)
        #expect(
            sum(problem.terms, bounds: problem.bounds, order: [3, 0, 6, 1, 5, 2, 4], scratch) == forwards)
        for (index, found) in forwards.enumerated() {
            let row = index / Self.columns
            let exact = problem.terms.reduce(0.0) { $0 + Double($1.vector[index]) }
            // Half a unit for each term, and the last rounding; and what `exact` itself is rounded by.
            let unit =
                Double(Self.terms) * Double(problem.bounds[row])
                / Double(sign: .plus, exponent: bits, significand: 1)
            let bound = Double(Self.terms) * unit / 2 + abs(exact) * Double(Scalar.ulpOfOne) / 2
            #expect(
                abs(Double(found) - exact) <= bound + Double(Self.terms) * Double(problem.bounds[row])
                    * 0x1p-50)
        }
    }

    @Test("They are the same bits in every order, and as exact as was promised")
    func order() {
        check(Float.self, bits: 29)
        check(Double.self, bits: 61)
    }

    @Test("A sum of terms that are all as large as their bound does not wrap, nor do larger ones")
    func limits() {
        let scratch = Scratch()
        let bounds = scratch.vector([Float](repeating: 1, count: Self.rows))
        for (value, expected) in [(1, 7), (-1, -7), (Float.infinity, 16), (-.infinity, -16)]
            as [(Float, Float)]
        {
            let term = scratch.vector([Float](repeating: value, count: Self.rows * Self.columns))
                .matrix(rows: Self.rows, columns: Self.columns)
            let found = sum(
                [Matrix<Float>](repeating: term, count: Self.terms), bounds: bounds,
                order: Array(0..<Self.terms), scratch)
            #expect(found.allSatisfy { abs($0 - expected) < 0.02 }, "\(found[0])")
        }
    }

    @Test("Rows of zeros and of the least numbers stay what they are, and one without a bound becomes NaN")
    func edges() {
        let scratch = Scratch()
        let term = scratch.vector([Float](repeating: 0, count: Self.rows * Self.columns))
            .matrix(rows: Self.rows, columns: Self.columns)
        let least: Float = 0x1p-120
        for column in 0..<Self.columns { (term[1, column], term[2, column]) = (least, .nan) }
        let bounds = scratch.vector([0, least, .infinity, 3, 0] as [Float])
        let found = sum([term, term], bounds: bounds, order: [0, 1], scratch)
        for (index, value) in found.enumerated() {
            switch index / Self.columns {
            case 1: #expect(value == 2 * least)
            case 2: #expect(value.isNaN)
            default: #expect(value == 0)
            }
        }
    }

    @Test("Magnitudes are those of the numbers, and infinite where one is no number")
    func magnitudes() {
        let scratch = Scratch()
        let x: Matrix<Float> = scratch.normals(9, 70, stream: 1)
        func largest() -> [Float] {
            let magnitudes = scratch.vector([Float](repeating: 5, count: 70))
            StridedMatrix(x).raiseToColumnMagnitudes(magnitudes)
            return magnitudes.array
        }
        let expected = (0..<70).map { column in
            max(5, (0..<9).reduce(0) { $0 + abs(x[$1, column]) })
        }
        #expect(largest() == expected && expected.contains { $0 > 5 } && expected.contains(5))
        #expect(x.vector.largestMagnitude == x.vector.array.map(abs).max())
        (x[2, 3], x[4, 69]) = (.nan, -.infinity)
        #expect(largest()[3] == .infinity && largest()[69] == .infinity && largest()[4] == expected[4])
        #expect(x.vector.largestMagnitude == .infinity)
        #expect(x.vector[0..<2 * 70].largestMagnitude.isFinite)
    }
}
