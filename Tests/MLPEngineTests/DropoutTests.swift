import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

@Suite struct DropoutTests {
    private static let (rows, width) = (200, 9)

    /// Dropout alone, forward and backward, of a matrix of ones.
    private func pass(
        _ probability: Double, rows: Range<Int> = 0..<rows, step: Int = 3, seed: UInt64 = 5, masks: Int = 1
    ) throws -> (y: [Float], dx: [Float]) {
        let scratch = Scratch()
        var builder = SequentialBuilder(inputs: Self.width, prefix: "layers")
        for _ in 0..<masks { builder.dropout(probability) }
        let network = builder.build()
        let x = scratch.vector([Float](repeating: 1, count: rows.count * Self.width)).matrix(
            rows: rows.count, columns: Self.width)
        let dx: Matrix<Float> = scratch.unset(rows.count, Self.width)
        let gradients: Vector<Float> = scratch.unset(0)
        let pass = Pass(
            .numbers(x), parameters: scratch.unset(0),
            workspace: try Workspace(for: network, capacity: rows.count),
            products: TextbookProducts<Float>(),
            mode: .training(
                .init(
                    collectives: LocalBatch(gradients: gradients), batchStatistics: scratch.unset(1, 0),
                    seed: seed, step: step, firstRow: rows.lowerBound, inputGradient: dx)))
        let y = try network.forward(pass).vector.array
        let ones = scratch.vector([Float](repeating: 1, count: y.count))
        try network.backward(ones.matrix(rows: rows.count, columns: Self.width), pass)
        #expect(x.vector.array.allSatisfy { $0 == 1 }, "the batch is left as it is")
        return (y, dx.vector.array)
    }

    @Test(
        "As many entries as asked for become 0, all others grow, so that the mean stays; gradients alike",
        arguments: [0.1, 0.5, 0.75])
    func share(probability: Double) throws {
        let (y, dx) = try pass(probability)
        #expect(dx == y)
        let kept = Float(1 / (1 - probability))
        #expect(y.allSatisfy { $0 == 0 || abs($0 - kept) < 1e-6 })
        let zeros = Double(y.count { $0 == 0 }) / Double(y.count)
        // Five standard deviations of a share of 1,800.
        #expect(abs(zeros - probability) < 0.06)
    }

    @Test(
        "A row's mask is its own, whatever part of the batch is at hand; another step, seed or layer has another"
    )
    func keys() throws {
        let whole = try pass(0.5).y
        let cut = 77
        #expect(try pass(0.5, rows: 0..<cut).y + pass(0.5, rows: cut..<Self.rows).y == whole)
        #expect(try pass(0.5, step: 4).y != whole)
        #expect(try pass(0.5, seed: 6).y != whole)
        // Two masks one behind the other leave a quarter, not a half.
        let twice = try pass(0.5, masks: 2).y
        #expect(abs(Double(twice.count { $0 != 0 }) / Double(twice.count) - 0.25) < 0.06)
        #expect(Set(twice) == [0, 4])
    }

    @Test("In evaluation nothing is taken away, neither from numbers nor from pixels")
    func evaluation() throws {
        let scratch = Scratch()
        let mlp = MLP(
            MLPConfiguration(
                inputs: 12, hiddenDimensions: [5], classes: 3, residual: true, dropout: 0.5, inputDropout: 0.5
            ))
        let plain = MLP(MLPConfiguration(inputs: 12, hiddenDimensions: [5], classes: 3, residual: true))
        let parameters: Vector<Float> = scratch.normals(mlp.parameterCount, stream: 1)
        let bytes = scratch.vector((0..<48).map { UInt8($0 * 5) })
        let pixels = PixelMatrix<Float>(
            bytes.matrix(rows: 4, columns: 12), scale: scratch.vector([0.5]), shift: scratch.vector([-3]))
        let numbers = scratch.vector(bytes.array.map { Float($0) * 0.5 - 3 }).matrix(rows: 4, columns: 12)
        func logits(_ network: Sequential, _ x: BatchInput<Float>) throws -> [Float] {
            try network.evaluate(
                x, parameters: parameters, runningStatistics: scratch.unset(0),
                workspace: Workspace(for: network, capacity: 4)
            ).vector.array
        }
        let expected = try logits(plain.network, .numbers(numbers))
        #expect(try logits(mlp.network, .numbers(numbers)) == expected)
        #expect(try logits(mlp.network, .pixels(pixels)) == expected)
    }
}
