import MLPEngine
import TensorTestSupport
import Tensors
import Testing

@Suite struct PartTreeTests {
    @Test(
        "Parts are combined in the documented tree",
        arguments: [
            (1, "0"), (2, "(0 1)"), (3, "((0 1) 2)"), (4, "((0 1) (2 3))"), (5, "(((0 1) (2 3)) 4)"),
            (6, "(((0 1) (2 3)) (4 5))"), (7, "(((0 1) (2 3)) ((4 5) 6))"),
            (8, "(((0 1) (2 3)) ((4 5) (6 7)))"), (9, "((((0 1) (2 3)) ((4 5) (6 7))) 8)"),
        ])
    func order(count: Int, expected: String) {
        var parts = (0..<count).map { "\($0)" }
        PartTree.reduce(count) { parts[$0] = "(\(parts[$0]) \(parts[$1]))" }
        #expect(parts[0] == expected)
    }

    @Test("Of no parts the sum is 0, and nothing is combined")
    func empty() {
        PartTree.reduce(0) { _, _ in Issue.record("nothing to combine") }
        #expect(PartTree.sum([]) == 0)
        #expect(PartTree.mergeMoments(Scratch().unset(0, 4) as Matrix<Float>, rows: []) == 0)
    }

    /// Terms whose sum tells in which order they were added.
    private func terms(_ count: Int) -> [Double] {
        Scratch.normals(count, seed: 13, stream: 1).enumerated().map { $1 * ($0 % 2 == 0 ? 1 : 1e9) }
    }

    @Test("Numbers and rows are summed in that order", arguments: 1...9)
    func sums(count: Int) {
        let terms = terms(count)
        func tree(_ range: Range<Int>) -> Double {
            if range.count == 1 { return terms[range.lowerBound] }
            let half = [8, 4, 2, 1].first { $0 < range.count } ?? 1
            let middle = range.lowerBound + half
            return tree(range.lowerBound..<middle) + tree(middle..<range.upperBound)
        }
        #expect(PartTree.sum(terms) == tree(0..<count))
        let scratch = Scratch()
        let rows = scratch.vector(terms.flatMap { [$0, 2 * $0, -$0] }).matrix(rows: count, columns: 3)
        PartTree.sum(rows)
        #expect(rows[rows: 0..<1].vector.array == [1, 2, -1].map { $0 * tree(0..<count) })
    }

    @Test(
        "Whole subtrees may be combined first, elsewhere: the bits stay the same",
        arguments: [1, 2, 4, 8, 16])
    func subtrees(size: Int) {
        let terms = terms(16)
        let subtotals = stride(from: 0, to: 16, by: size).map { PartTree.sum(Array(terms[$0..<$0 + size])) }
        #expect(PartTree.sum(subtotals) == PartTree.sum(terms))
    }

    private func checkMoments<Scalar: TensorScalar>(
        _ counts: [Int], offset: Double, tolerance: Double, as type: Scalar.Type
    ) {
        let scratch = Scratch(seed: 14)
        let width = 3
        let total = counts.reduce(0, +)
        let x: Matrix<Scalar> = scratch.normals(total, width, stream: 1)
        for index in 0..<x.count { x.vector[index] += Scalar(offset) * Scalar(index % width) }
        let moments: Matrix<Scalar> = scratch.unset(counts.count, 2 * width)
        var start = 0
        for (part, count) in counts.enumerated() {
            let row = moments[rows: part..<part + 1].vector
            x[rows: start..<start + count].moments(mean: row[0..<width], m2: row[width..<2 * width])
            start += count
        }
        #expect(PartTree.mergeMoments(moments, rows: counts) == total)
        for column in 0..<width {
            let values = (0..<total).map { Double(x[$0, column]) }
            let mean = values.reduce(0, +) / Double(total)
            let deviations = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            #expect(abs(Double(moments[0, column]) - mean) <= tolerance * max(1, abs(mean)))
            #expect(
                abs(Double(moments[0, width + column]) - deviations) <= tolerance * max(1, deviations))
        }
    }

    @Test(
        "Merged moments of parts with any numbers of rows are those of all rows",
        arguments: [[7], [5, 5], [1, 1, 1], [1, 9, 4], [3, 1, 1, 8, 2], [2, 4, 6, 1, 3, 5, 7, 1, 1]])
    func moments(counts: [Int]) {
        checkMoments(counts, offset: 0, tolerance: 1e-13, as: Double.self)
        checkMoments(counts, offset: 0, tolerance: 1e-5, as: Float.self)
        // A sum of squares would lose all digits here.
        checkMoments(counts, offset: 1e7, tolerance: 1e-7, as: Double.self)
        checkMoments(counts, offset: 1e3, tolerance: 2e-3, as: Float.self)
    }

    @Test("Parts of equal numbers of rows are merged with the bits of the general way", arguments: 1...17)
    func equalParts(count: Int) {
        let scratch = Scratch(seed: UInt64(count))
        for rows in [1, 3, 16] {
            let (equal, general): (Matrix<Float>, Matrix<Float>) = (
                scratch.normals(count, 6, stream: 1), scratch.normals(count, 6, stream: 1)
            )
            #expect(PartTree.mergeMoments(equal, partRows: rows) == count * rows)
            #expect(
                PartTree.mergeMoments(general, rows: Array(repeating: rows, count: count)) == count * rows)
            #expect(equal.vector.array == general.vector.array)
        }
    }

    @Test("Summed in place, values give the bits of the sum of a copy", arguments: 0...9)
    func sumInPlace(count: Int) {
        var values = terms(count)
        #expect(PartTree.sum(&values) == PartTree.sum(terms(count)))
        #expect(values.first ?? 0 == PartTree.sum(terms(count)))
    }
}
