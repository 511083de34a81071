import Foundation
import TensorTestSupport
import Tensors
import Testing

/// Products of two factors of one byte a number, against exact sums of what the bytes stand for, and against double precision.
@Suite(.serialized) struct ByteGemmTests {
    /// The factors of a layer's three products: X [rows, inputs], W [outputs, inputs] and ∂L/∂Y [rows, outputs].
    private struct Problem: ~Copyable {
        let scratch: Scratch
        let x: Matrix<Float>
        let w: Matrix<Float>
        let dy: Matrix<Float>
        let bias: Vector<Float>
        let bytes: ByteRows
        let weights: ByteWeights

        init(_ rows: Int, _ outputs: Int, _ inputs: Int, columnsAtOnce: Int = .max) {
            scratch = Scratch(seed: UInt64(rows * 1000 + outputs))
            x = scratch.normals(rows, inputs, stream: 1)
            // As behind a rectifier, with rows of zeros.
            for index in 0..<x.count where x.base[index] < 0 || index / inputs == 2 { x.base[index] = 0 }
            w = scratch.normals(outputs, inputs, stream: 2)
            dy = scratch.normals(rows, outputs, stream: 3)
            bias = scratch.normals(outputs, stream: 4)
            bytes = Self.quantized(x, scratch)
            let counts = ByteWeights.counts(rows: outputs, columns: inputs, hasBackward: true)
            weights = ByteWeights(
                rows: outputs, columns: inputs, hasBackward: true,
                packed: scratch.vector([Int8](repeating: 0, count: counts.packed)),
                scales: scratch.vector([Float](repeating: 0, count: counts.scales)))
            var start = 0
            while start < inputs {
                let end = columnsAtOnce == .max ? inputs : min(start + columnsAtOnce, inputs)
                weights.pack(w, columns: start..<end)
                start = end
            }
        }

        static func quantized(_ numbers: Matrix<Float>, _ scratch: borrowing Scratch) -> ByteRows {
            let width = ByteRows.alignedRowCount(columns: numbers.columns)
            let storage = scratch.vector([Float](repeating: 0, count: numbers.rows * width))
            let bytes = ByteRows(
                StridedMatrix(storage.matrix(rows: numbers.rows, columns: width)), columns: numbers.columns)
            bytes.quantize(numbers)
            return bytes
        }

        func forward() -> [Float] {
            let y: Matrix<Float> = scratch.unset(x.rows, w.rows)
            y.gemm(bytes, weights, bias: bias)
            return y.vector.array
        }

        func backward() -> [Float] {
            let dx: Matrix<Float> = scratch.unset(x.rows, w.columns)
            dx.gemm(
                backward: Self.quantized(dy, scratch), weights,
                zeros: scratch.vector([Float](repeating: 0, count: w.columns)))
            return dx.vector.array
        }

        func gradient(columns: Range<Int>) throws -> [Float] {
            let left = try ByteColumns(columns: dy.columns, rows: dy.rows)
            left.quantize(StridedMatrix(dy), columns: 0..<dy.columns, times: bytes)
            let g: Matrix<Float> = scratch.unset(dy.columns, columns.count)
            g.gemm(
                left, bytes, columns: columns, at: 0,
                ones: scratch.vector([Float](repeating: 1, count: columns.count + 16)),
                scratch: scratch.vector(
                    [UInt8](
                        repeating: 0,
                        count: ByteColumns.panelCount(rows: dy.rows, columns: columns.count))))
            return g.vector.array
        }

        /// A product's error relative to its root mean square, from the exact entry at each place.
        static func error(_ found: [Float], _ exact: (_ index: Int) -> Double) -> Double {
            var (error, whole) = (0.0, 0.0)
            for (index, value) in found.enumerated() {
                let expected = exact(index)
                error += (Double(value) - expected) * (Double(value) - expected)
                whole += expected * expected
            }
            return (error / whole).squareRoot()
        }
    }

    private static let shapes = [(3, 1, 5), (7, 16, 64), (33, 37, 300), (29, 130, 1160), (300, 290, 20)]

    @Test(
        "A number is at most half a unit of its row away from its byte, and 0 is exactly 0", arguments: shapes
    )
    func rows(rows: Int, outputs: Int, inputs: Int) {
        let problem = Problem(rows, outputs, inputs)
        for row in 0..<rows {
            let numbers = (0..<inputs).map { problem.x[row, $0] }
            let unit = ((numbers.max() ?? 0) - min(0, numbers.min() ?? 0)) / 254
            for column in 0..<inputs {
                let found = problem.bytes.number(row, column)
                #expect(abs(found - numbers[column]) <= 0.501 * unit, "row \(row), column \(column)")
                #expect(numbers[column] != 0 || found == 0)
            }
        }
    }

    @Test("All three products are those of double precision up to the rounding of bytes", arguments: shapes)
    func exactness(rows: Int, outputs: Int, inputs: Int) throws {
        let problem = Problem(rows, outputs, inputs)
        let (x, w, dy, bias) = (problem.x, problem.w, problem.dy, problem.bias)
        let forward = Problem.error(problem.forward()) { index in
            let (row, output) = (index / outputs, index % outputs)
            return (0..<inputs).reduce(Double(bias[output])) {
                $0 + Double(x[row, $1]) * Double(w[output, $1])
            }
        }
        let backward = Problem.error(problem.backward()) { index in
            let (row, input) = (index / inputs, index % inputs)
            return (0..<outputs).reduce(0.0) { $0 + Double(dy[row, $1]) * Double(w[$1, input]) }
        }
        let gradient = Problem.error(try problem.gradient(columns: 0..<inputs)) { index in
            let (output, input) = (index / inputs, index % inputs)
            return (0..<rows).reduce(0.0) { $0 + Double(dy[$1, output]) * Double(x[$1, input]) }
        }
        #expect(
            forward < 0.015 && backward < 0.015 && gradient < 0.02, "\(forward), \(backward), \(gradient)")
    }

    @Test(
        "Sums of bytes are exact: a product of whole numbers that are bytes has no error", arguments: shapes)
    func wholeNumbers(rows: Int, outputs: Int, inputs: Int) {
        let problem = Problem(rows, outputs, inputs)
        // Units of 1: from −127 to 127, each with both ends.
        var random = RandomStream(seed: 9, purpose: .testing, shard: rows)
        func fill(_ matrix: Matrix<Float>, block: Int) {
            for index in 0..<matrix.count {
                let place = index % matrix.columns % block
                matrix.base[index] =
                    place == 0 ? 127 : place == 1 ? -127 : Float(random.integer(below: 255)) - 127
            }
        }
        fill(problem.x, block: inputs)
        fill(problem.w, block: ByteWeights.blockWidth)
        problem.bias.fill(0)
        problem.bytes.quantize(problem.x)
        problem.weights.pack(problem.w, columns: 0..<inputs)
        for (index, value) in problem.forward().enumerated() {
            let (row, output) = (index / outputs, index % outputs)
            let sum = (0..<inputs).reduce(0) {
                $0 + Int(problem.x[row, $1]) * Int(problem.w[output, $1])
            }
            #expect(value == Float(sum), "[\(row), \(output)]")
        }
    }

    @Test("No division of W's columns, or of a gradient's, changes a bit", arguments: shapes)
    func division(rows: Int, outputs: Int, inputs: Int) throws {
        let whole = Problem(rows, outputs, inputs)
        let parts = Problem(rows, outputs, inputs, columnsAtOnce: ByteWeights.blockWidth)
        #expect(whole.forward() == parts.forward())
        #expect(whole.backward() == parts.backward())
        let (all, half) = (try whole.gradient(columns: 0..<inputs), inputs / 2)
        let right = try whole.gradient(columns: half..<inputs)
        for output in 0..<outputs {
            #expect(
                Array(right[output * (inputs - half)..<(output + 1) * (inputs - half)])
                    == Array(all[output * inputs + half..<(output + 1) * inputs]))
        }
    }

    @Test("Every instruction set that the CPU has gives the same bits")
    func instructionSets() async {
        await #expect(processExitsWith: .success) {
            for (rows, outputs, inputs) in Self.shapes {
                func results() throws -> [[Float]] {
                    let problem = Problem(rows, outputs, inputs)
                    return [
                        problem.forward(), problem.backward(), try problem.gradient(columns: 0..<inputs),
                    ]
                }
                InstructionSet.used = .best
                let expected = try results()
                for set in InstructionSet.available {
                    InstructionSet.used = set
                    guard try results() == expected else {
                        print("\(set), [\(rows), \(inputs)] with \(outputs) outputs")
                        exit(1)
                    }
                }
            }
        }
    }

    @Test(
        "What is infinite or NaN makes its row, or its column, NaN and nothing else",
        arguments: [Float.infinity, .nan])
    func notFinite(value: Float) throws {
        let problem = Problem(7, 20, 300)
        let clean = problem.forward()
        problem.x[3, 5] = value
        problem.bytes.quantize(problem.x)
        problem.w[4, 200] = value
        problem.weights.pack(problem.w, columns: 0..<300)
        for (index, found) in problem.forward().enumerated() {
            let isNaN = index / 20 == 3 || index % 20 == 4
            #expect(isNaN ? found.isNaN : found == clean[index], "entry \(index)")
        }
        for found in try problem.gradient(columns: 0..<300) { #expect(found.isNaN) }
    }
}
