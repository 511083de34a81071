import Foundation
import MLPEngine
import TensorTestSupport
import Tensors
import Testing

@Suite struct ParameterLayoutTests {
    private func names(_ configuration: MLPConfiguration) -> [String] {
        MLP(configuration).network.parameterLayout.entries.map(\.name)
    }

    @Test("Names are PyTorch's, in the order of the forward pass")
    func names() {
        #expect(
            names(MLPConfiguration(inputs: 4, hiddenDimensions: [], classes: 3)) == [
                "layers.0.weight", "layers.0.bias",
            ])
        #expect(
            names(MLPConfiguration(inputs: 4, hiddenDimensions: [5, 6], classes: 3)) == [
                "layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias", "layers.4.weight",
                "layers.4.bias",
            ])
        let full = MLPConfiguration(
            inputs: 4, hiddenDimensions: [5], classes: 3, batchNorm: true, residual: true)
        #expect(
            names(full) == [
                "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias",
                "layers.3.block.0.weight",
                "layers.3.block.0.bias", "layers.3.block.1.weight", "layers.3.block.1.bias",
                "layers.3.block.3.weight", "layers.3.block.3.bias", "layers.4.weight", "layers.4.bias",
            ])
        #expect(
            MLP(full).network.statisticsLayout.entries.map(\.name) == [
                "layers.1.running_mean", "layers.1.running_var", "layers.3.block.1.running_mean",
                "layers.3.block.1.running_var",
            ])
    }

    @Test("Tensors stand one after another without gaps, in PyTorch's shapes")
    func ranges() {
        let mlp = MLP(MLPConfiguration(inputs: 4, hiddenDimensions: [5], classes: 3, batchNorm: true))
        let layout = mlp.network.parameterLayout
        #expect(layout.entries.map(\.shape) == [[5, 4], [5], [5], [5], [3, 5], [3]])
        var end = 0
        for entry in layout.entries {
            #expect(entry.range == end..<end + entry.shape.reduce(1, *))
            end = entry.range.upperBound
        }
        #expect(layout.count == end && mlp.parameterCount == end)
        #expect(ParameterLayout().count == 0)
    }

    private func initialize<Scalar: TensorScalar>(
        _ layout: ParameterLayout, seed: UInt64, as: Scalar.Type
    ) -> [String: [Scalar]] {
        let scratch = Scratch()
        let values: Vector<Scalar> = scratch.unset(layout.count)
        layout.initialize(values, seed: seed)
        return Dictionary(uniqueKeysWithValues: layout.entries.map { ($0.name, values[$0.range].array) })
    }

    @Test(
        "Weights begin with standard deviation √(1/M) in the input layer and √(2/M) behind it, biases with 0, γ with 1"
    )
    func statistics() throws {
        let configuration = MLPConfiguration(
            inputs: 500, hiddenDimensions: [400], classes: 300, batchNorm: true, residual: true)
        let layout = MLP(configuration).network.parameterLayout
        let values = initialize(layout, seed: 1, as: Float.self)
        for entry in layout.entries {
            let tensor = try #require(values[entry.name]).map(Double.init)
            switch entry.initialization {
            case .constant:
                // γ are the weights with one extent.
                let expected = entry.name.hasSuffix("weight") ? 1.0 : 0
                #expect(tensor.allSatisfy { $0 == expected }, "\(entry.name)")
            case .normal:
                let gain = entry.name == "layers.0.weight" ? 1.0 : 2
                let deviation = (gain / Double(entry.shape[1])).squareRoot()
                let count = Double(tensor.count)
                let mean = tensor.reduce(0, +) / count
                let variance = tensor.reduce(0) { $0 + $1 * $1 } / count - mean * mean
                // Five standard errors: σ/√n of the mean, σ/√2n of the deviation.
                #expect(abs(mean) < 5 * deviation / count.squareRoot(), "\(entry.name)")
                #expect(
                    abs(variance.squareRoot() / deviation - 1) < 5 / (2 * count).squareRoot(), "\(entry.name)"
                )
            }
        }
        #expect(layout.entries.filter { $0.initialization == .constant(1) }.count == 2)
        #expect(layout.entries.filter { $0.shape.count == 2 }.count == 4)
    }

    @Test("Without a hidden layer the only weights are the input layer's")
    func logisticRegression() {
        let layout = MLP(MLPConfiguration(inputs: 100, hiddenDimensions: [], classes: 3)).network
            .parameterLayout
        #expect(layout.entries[0].initialization == .normal(standardDeviation: 0.1))
    }

    @Test("First values depend on the seed and on nothing else, and are Double's rounded once")
    func seed() {
        let layout = MLP(MLPConfiguration(inputs: 7, hiddenDimensions: [5], classes: 3)).network
            .parameterLayout
        let first = initialize(layout, seed: 1, as: Float.self)
        #expect(initialize(layout, seed: 1, as: Float.self) == first)
        #expect(initialize(layout, seed: 1, as: Double.self).mapValues { $0.map { Float($0) } } == first)
        let other = initialize(layout, seed: 2, as: Float.self)
        #expect(other["layers.0.weight"] != first["layers.0.weight"])
        #expect(other["layers.2.weight"] != first["layers.2.weight"])
        let wider = MLP(MLPConfiguration(inputs: 7, hiddenDimensions: [5, 4], classes: 9)).network
            .parameterLayout
        #expect(initialize(wider, seed: 1, as: Float.self)["layers.0.weight"] == first["layers.0.weight"])
    }

    @Test("Tensors of one network draw from different streams")
    func streams() {
        let layout = MLP(MLPConfiguration(inputs: 6, hiddenDimensions: [6], classes: 6)).network
            .parameterLayout
        let values = initialize(layout, seed: 1, as: Double.self)
        let (first, second) = (values["layers.0.weight"] ?? [], values["layers.2.weight"] ?? [])
        #expect(first.count == 36 && second.count == 36)
        #expect(zip(first, second).allSatisfy { abs($0 * 2.0.squareRoot() - $1) > 1e-12 })
    }

    @Test("A configuration survives being stored as JSON")
    func codable() throws {
        for activation in [Activation.elu(alpha: 0.7), .relu, .tanh] {
            let configuration = MLPConfiguration(
                inputs: 7, hiddenDimensions: [5, 6], classes: 3, activation: activation, batchNorm: true,
                residual: true)
            let stored = try JSONEncoder().encode(configuration)
            #expect(try JSONDecoder().decode(MLPConfiguration.self, from: stored) == configuration)
        }
    }
}
