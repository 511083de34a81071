import MLPEngine
import Testing

@Suite("The table of a network's layers")
struct NetworkTableTests {
    @Test("A linear layer from 20 to 40 and its batch norm have 920 parameters")
    func batchNorm() {
        let mlp = MLP(
            MLPConfiguration(
                inputs: 20, hiddenDimensions: [40], classes: 3, activation: .relu, batchNorm: true))
        let rows = mlp.network.rows
        #expect(rows.map(\.kind) == ["linear", "batch norm", "ReLU", "linear"])
        #expect(rows.map(\.name) == (0..<4).map { "layers.\($0)" })
        #expect(rows[0].parameterCount + rows[1].parameterCount == 920)
        #expect(rows[0].multiplications == 800 && rows[1].multiplications == 0)
        #expect(rows[1].parameters.map(\.shape) == [[40], [40]])
    }

    @Test("A bottleneck is narrower inside, and comes back to the width that the sum forces")
    func bottleneck() {
        let mlp = MLP(
            MLPConfiguration(
                inputs: 12, hiddenDimensions: [20, 10], classes: 3, residual: true, residualWidth: 4))
        let linears = mlp.network.rows.filter { $0.kind == "linear" }
        #expect(
            linears.map { [$0.inputs, $0.outputs] } == [
                [12, 20], [20, 4], [4, 20], [20, 10], [10, 4], [4, 10], [10, 3],
            ])
        #expect(linears[1].parameterCount + linears[2].parameterCount == (20 * 4 + 4) + (4 * 20 + 20))
        // Without a width of its own a branch has the layer's.
        let plain = MLP(MLPConfiguration(inputs: 12, hiddenDimensions: [20, 10], classes: 3, residual: true))
        #expect(
            plain.network.linears.map(\.outputs) == [20, 20, 20, 10, 10, 10, 3])
    }

    @Test("An activation is named with its parameter, however large that is")
    func names() {
        #expect(
            [1, 0.5, 1e300, -1e300].map { "\(Activation.elu(alpha: $0))" } == [
                "ELU(1)", "ELU(0.5)", "ELU(1e+300)", "ELU(-1e+300)",
            ])
        #expect("\([Activation.relu, .tanh, .gelu])" == "[ReLU, Tanh, GELU]")
    }

    @Test("Every parameter of any network stands in one row, and widths follow one another")
    func complete() {
        for residual in [false, true] {
            let mlp = MLP(
                MLPConfiguration(
                    inputs: 7, hiddenDimensions: [5, 4], classes: 3, activation: .gelu, layerNorm: true,
                    residual: residual, dropout: 0.1, inputDropout: 0.2))
            let rows = mlp.network.rows
            #expect(rows.flatMap(\.parameters) == mlp.network.parameterLayout.entries)
            #expect(
                rows.allSatisfy { row in row.parameters.allSatisfy { $0.name.hasPrefix(row.name + ".") } })
            #expect(rows.first?.inputs == 7 && rows.last?.outputs == 3)
            for (before, after) in zip(rows, rows.dropFirst()) { #expect(after.inputs == before.outputs) }
            #expect(rows.contains { $0.kind == "residual" } == residual)
        }
    }
}
