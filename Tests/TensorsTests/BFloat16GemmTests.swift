import Foundation
import TensorTestSupport
import Tensors
import Testing

/// Products of bfloat16 numbers: what is rounded, how far that is from the exact product, and that all instruction sets agree.
@Suite struct BFloat16GemmTests {
    /// Rows, outputs and inputs around panels, runs of 128 and blocks of 512.
    static let shapes = [(1, 1, 1), (5, 3, 7), (13, 37, 300), (97, 65, 1037), (515, 21, 65)]

    /// A layer's three products, of rounded factors.
    private struct Problem: ~Copyable {
        let scratch = Scratch(seed: 3)
        let x: Matrix<Float>
        let dy: Matrix<Float>
        let w: Matrix<Float>
        let bias: Vector<Float>

        init(rows: Int, outputs: Int, inputs: Int) {
            x = scratch.normals(rows, inputs, stream: 1)
            dy = scratch.normals(rows, outputs, stream: 2)
            w = scratch.normals(outputs, inputs, stream: 3)
            bias = scratch.normals(outputs, stream: 4)
        }

        func rounded(_ numbers: Matrix<Float>) -> BFloat16Rows {
            let width = BFloat16Rows.alignedRowCount(columns: numbers.columns)
            let rows = BFloat16Rows(
                StridedMatrix(scratch.unset(numbers.rows, width)), columns: numbers.columns)
            rows.round(numbers)
            return rows
        }

        /// The numbers that a matrix has been rounded to.
        func copy(of rows: BFloat16Rows) -> Matrix<Float> {
            let copy: Matrix<Float> = scratch.unset(rows.rows, rows.columns)
            for row in 0..<rows.rows {
                for column in 0..<rows.columns { copy[row, column] = rows.number(row, column) }
            }
            return copy
        }

        /// Y, ∂L/∂X and ∂L/∂W, and the sums of ∂L/∂Y; weights are packed in two pieces.
        func products() -> (y: Matrix<Float>, dx: Matrix<Float>, dw: Matrix<Float>, sums: Vector<Float>) {
            let (x, dy) = (rounded(x), rounded(dy))
            let weights = BFloat16Weights(
                rows: w.rows, columns: w.columns,
                scratch.vector(
                    [UInt32](
                        repeating: 0x7fc0_7fc0, count: BFloat16Weights.count(rows: w.rows, columns: w.columns)
                    )))
            let split = w.columns / 64 * 32
            weights.pack(w, columns: 0..<split)
            weights.pack(w, columns: split..<w.columns)
            let room: Vector<Float> = scratch.unset(Float.gemmScratch)
            let y: Matrix<Float> = scratch.unset(x.rows, w.rows)
            y.gemm(x, weights, bias: bias, scratch: room)
            let dx: Matrix<Float> = scratch.unset(x.rows, w.columns)
            dx.gemm(backward: dy, weights, scratch: room)
            let dw: Matrix<Float> = scratch.unset(w.rows, w.columns)
            for range in [0..<split, split..<w.columns] {
                dw.gemm(
                    transposeOf: dy, x, columns: range, at: range.lowerBound,
                    room: scratch.unset(PackedMatrix<Float>.count(rows: x.rows, columns: range.count)),
                    scratch: room)
            }
            let sums: Vector<Float> = scratch.unset(w.rows)
            dy.sumColumns(into: sums)
            return (y, dx, dw, sums)
        }
    }

    @Test("Products have the bits of Float's products of the rounded factors", arguments: shapes)
    func againstFloat(rows: Int, outputs: Int, inputs: Int) {
        let problem = Problem(rows: rows, outputs: outputs, inputs: inputs)
        let found = problem.products()
        let x = problem.copy(of: problem.rounded(problem.x))
        let dy = problem.copy(of: problem.rounded(problem.dy))
        let w = problem.copy(of: problem.rounded(problem.w))
        let y: Matrix<Float> = problem.scratch.unset(rows, outputs)
        y.gemm(x, .none, w, .transposed)
        y.addBias(problem.bias)
        #expect(found.y.vector.array == y.vector.array)
        let dx: Matrix<Float> = problem.scratch.unset(rows, inputs)
        dx.gemm(dy, .none, w)
        #expect(found.dx.vector.array == dx.vector.array)
        let dw: Matrix<Float> = problem.scratch.unset(outputs, inputs)
        dw.gemm(dy, .transposed, x)
        #expect(found.dw.vector.array == dw.vector.array)
        let sums: Vector<Float> = problem.scratch.unset(outputs)
        dy.sumColumns(into: sums)
        #expect(found.sums.array == sums.array)
    }

    @Test(
        "A product is as exact as its factors: 2⁻⁷ of the sum of all magnitudes, and Float's sums",
        arguments: shapes)
    func error(rows: Int, outputs: Int, inputs: Int) {
        let problem = Problem(rows: rows, outputs: outputs, inputs: inputs)
        let found = problem.products()
        // Each factor is off by 2⁻⁸ of itself at most, their product by a little more than 2⁻⁷.
        let unit = 0x1.02p-7 + Double(max(inputs, outputs, rows)) * 0x1p-24
        func check(
            _ found: Float, _ terms: Range<Int>, start: Double = 0, _ term: (Int) -> (Float, Float)
        ) -> Bool {
            var (exact, magnitude) = (start, abs(start))
            for index in terms {
                let (a, b) = term(index)
                exact += Double(a) * Double(b)
                magnitude += abs(Double(a) * Double(b))
            }
            return abs(Double(found) - exact) <= unit * magnitude
        }
        let (x, dy, w, bias) = (problem.x, problem.dy, problem.w, problem.bias)
        for row in 0..<min(rows, 9) {
            for output in 0..<outputs {
                #expect(
                    check(found.y[row, output], 0..<inputs, start: Double(bias[output])) {
                        (x[row, $0], w[output, $0])
                    })
            }
            for input in 0..<inputs {
                #expect(check(found.dx[row, input], 0..<outputs) { (dy[row, $0], w[$0, input]) })
            }
        }
        for output in 0..<min(outputs, 9) {
            for input in 0..<inputs {
                #expect(check(found.dw[output, input], 0..<rows) { (dy[$0, output], x[$0, input]) })
            }
        }
    }

    @Test("Numbers are rounded to the nearest, ties to even; tiny ones to 0; what is no number stays none")
    func rounding() {
        let scratch = Scratch()
        let cases: [(Float, Float)] = [
            (1, 1), (-0.0, 0), (0x1.01p0, 0x1p0), (0x1.03p0, 0x1.04p0), (0x1.0101p0, 0x1.02p0),
            (-0x1.fffp3, -0x1p4), (0x1p-56, 0x1p-56), (0x1.fffp-57, 0), (-0x1p-149, 0), (0x1p-126, 0),
            (.greatestFiniteMagnitude, .infinity), (0x1.fep127, 0x1.fep127), (-.infinity, -.infinity),
            (.nan, .nan), (Float(bitPattern: 0x7f80_0001), .nan),
        ]
        let numbers = scratch.vector(cases.map(\.0)).matrix(rows: 1, columns: cases.count)
        let rows = BFloat16Rows(
            StridedMatrix(scratch.unset(1, BFloat16Rows.rowCount(columns: cases.count))),
            columns: cases.count)
        rows.round(numbers)
        for (index, (_, expected)) in cases.enumerated() {
            let found = rows.number(0, index)
            #expect(found == expected || found.isNaN && expected.isNaN, "\(index): \(found), \(expected)")
        }
    }

    @Test("An infinity stays in its row, or its column")
    func hostile() {
        let problem = Problem(rows: 6, outputs: 40, inputs: 70)
        let clean = problem.products().y.vector.array
        problem.x[2, 9] = .infinity
        let found = problem.products().y
        for row in 0..<6 {
            for output in 0..<40 {
                if row == 2 {
                    #expect(!found[row, output].isFinite)
                } else {
                    #expect(found[row, output] == clean[row * 40 + output])
                }
            }
        }
    }

    @Test("Products have the same bits with every instruction set")
    func instructionSets() async {
        await #expect(processExitsWith: .success) {
            for (rows, outputs, inputs) in Self.shapes {
                func results() -> [[Float]] {
                    let problem = Problem(rows: rows, outputs: outputs, inputs: inputs)
                    // Factors of all magnitudes.
                    for matrix in [problem.x, problem.dy, problem.w] {
                        for index in 0..<matrix.vector.count {
                            matrix.vector[index] *= Float(
                                sign: .plus, exponent: index * 37 % 120 - 70, significand: 1)
                        }
                    }
                    let all = problem.products()
                    return [all.y.vector.array, all.dx.vector.array, all.dw.vector.array, all.sums.array]
                }
                InstructionSet.used = .best
                let expected = results()
                for set in InstructionSet.available {
                    InstructionSet.used = set
                    guard results() == expected else {
                        print("\(set), [\(rows), \(inputs)] with \(outputs) outputs")
                        exit(1)
                    }
                }
            }
        }
    }
}
