internal import Collectives
internal import MLPEngine
internal import Metrics
internal import Tensors

// What the layers make of the records of an evaluation.

extension Evaluator {
    /// The outputs of the named layers on all records, and what the records were taken for. Collective: every rank must call it.
    ///
    /// Two passes, as a histogram's bins lie between the smallest and the largest number. Sums are added up chunk by chunk in
    /// Double, the chunks in their order; all else are counts, smallest and largest numbers. So the bits depend neither on
    /// ranks nor on threads.
    ///
    /// - Returns: The same on every rank; no layers where there are no records.
    /// - Throws: The communicator's error, or `AllocationError`.
    func observeLayers(
        parameters: Vector<Float>, runningStatistics: Vector<Float>, bins: Int
    ) throws -> (layers: [LayerDiagnostics], confusion: ConfusionMatrix?) {
        guard recordCount > 0 else { return ([], nil) }
        let rows = mlp.network.rows
        let first = try forEachChunk(parameters: parameters, runningStatistics: runningStatistics) {
            pass, _ in
            var outputs: [ChunkOutput] = []
            let logits = try mlp.network.forward(pass) { row, input, output in
                outputs.append(try ChunkOutput(output, of: rows[row], input: input))
            }
            return (outputs, Evaluator.predictions(logits))
        }
        let sums = try sumInOrder(
            first.map { $0.0.flatMap { [$0.sum, $0.squares] } }, width: 2 * rows.count)
        var edges = rows.indices.flatMap { row in
            [
                -first.reduce(.infinity) { min($0, $1.0[row].minimum) },
                first.reduce(-.infinity) { max($0, $1.0[row].maximum) },
            ]
        }
        try communicator.allreduce(&edges, .maximum)
        var live = rows.indices.flatMap { row in
            (0..<(rows[row].activation == nil ? 0 : rows[row].outputs)).map { unit in
                first.contains { $0.0[row].isLive[unit] } ? Int64(1) : 0
            }
        }
        try communicator.allreduce(&live, .maximum)
        let confusion = try confusion(first.flatMap(\.1))

        let empty = rows.indices.map { Histogram(from: -edges[2 * $0], to: edges[2 * $0 + 1], bins: bins) }
        let second = try forEachChunk(parameters: parameters, runningStatistics: runningStatistics) {
            pass, _ in
            var histograms = empty
            _ = try mlp.network.forward(pass) { row, _, output in
                histograms[row].add(output.vector.buffer)
            }
            return histograms.flatMap { $0.counts.map(Int64.init) }
        }
        var counts = [Int64](repeating: 0, count: rows.count * bins)
        for chunk in second { for (index, count) in chunk.enumerated() { counts[index] += count } }
        try waitForRank0()
        try communicator.allreduce(&counts, .sum)

        var units = live[...]
        let layers = rows.enumerated().map { index, row in
            let numbers = Double(recordCount * row.outputs)
            let mean = sums[2 * index] / numbers
            var histogram = empty[index]
            histogram.counts = counts[index * bins..<(index + 1) * bins].map(Int.init)
            var deadUnits: Double?
            if row.activation != nil {
                deadUnits = Double(units.prefix(row.outputs).count { $0 == 0 }) / Double(row.outputs)
                units = units.dropFirst(row.outputs)
            }
            // A difference of rounded numbers; a variance is not below 0, and NaN stays NaN.
            let variance = sums[2 * index + 1] / numbers - mean * mean
            return LayerDiagnostics(
                name: row.name, kind: row.kind, mean: mean, variance: variance < 0 ? 0 : variance,
                deadUnits: deadUnits, histogram: histogram)
        }
        return (layers, confusion)
    }
}

/// A layer's output on the records of a chunk.
private struct ChunkOutput: Sendable {
    /// A unit is dead while its derivative stays below this.
    private static let deadDerivative: Float = 0.01

    private(set) var sum = 0.0
    private(set) var squares = 0.0
    /// Of the numbers that are finite.
    private(set) var minimum = Double.infinity
    private(set) var maximum = -Double.infinity
    /// Of an activation, for each unit whether its derivative is not below the bound at some record; else none.
    private(set) var isLive: [Bool] = []

    init(_ output: Matrix<Float>, of row: Sequential.Row, input: BatchInput<Float>) throws {
        for value in output.vector.buffer {
            let number = Double(value)
            sum += number
            squares += number * number
            guard value.isFinite else { continue }
            minimum = min(minimum, number)
            maximum = max(maximum, number)
        }
        guard let activation = row.activation else { return }
        var kept = output
        if activation.keepsInput, case .numbers(let x) = input { kept = x }
        let memory = try AlignedBuffer<Float>(allocating: output.count)
        let derivative = memory.matrix(rows: output.rows, columns: output.columns)
        activation.derivative(kept: kept, into: derivative)
        isLive = Array(repeating: false, count: output.columns)
        for start in stride(from: 0, to: derivative.count, by: output.columns) {
            // A slope downwards is one, too; NaN is not below anything.
            for unit in isLive.indices where !(abs(derivative.vector[start + unit]) < Self.deadDerivative) {
                isLive[unit] = true
            }
        }
    }
}
