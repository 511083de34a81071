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
            case .truncatedNormal, .windowed:
                Issue.record("\(entry.name) was to be normal")
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

    @Test("LeCun's weights have standard deviation √(1/M) in every layer, and none is far from 0")
    func truncated() throws {
        let configuration = MLPConfiguration(
            inputs: 400, hiddenDimensions: [300], classes: 200, initialWeights: .lecun)
        let layout = MLP(configuration).network.parameterLayout
        let values = initialize(layout, seed: 1, as: Double.self)
        for entry in layout.entries where entry.shape.count == 2 {
            let tensor = try #require(values[entry.name]).map { $0 * Double(entry.shape[1]).squareRoot() }
            let variance = tensor.reduce(0) { $0 + $1 * $1 } / Double(tensor.count)
            #expect(abs(variance - 1) < 5 * (2 / Double(tensor.count)).squareRoot(), "\(entry.name)")
            // Two deviations of what was cut, whose deviation was 1 / 0.8796.
            let most = tensor.map { abs($0) }.max() ?? 0
            #expect(most > 2.2 && most < 2 / 0.8796, "\(entry.name)")
        }
    }

    @Test("An output layer that begins as 0 changes no other first value")
    func zeroOutput() {
        var configuration = MLPConfiguration(inputs: 7, hiddenDimensions: [5, 6], classes: 3)
        let before = initialize(MLP(configuration).network.parameterLayout, seed: 1, as: Float.self)
        configuration.zeroOutput = true
        var after = initialize(MLP(configuration).network.parameterLayout, seed: 1, as: Float.self)
        #expect(after["layers.4.weight"] == [Float](repeating: 0, count: 18))
        after["layers.4.weight"] = before["layers.4.weight"]
        #expect(after == before)
    }

    @Test(
        "A window makes of each unit's first weights a Gaussian around a place in the image, with the norm that they had",
        arguments: InitialWeights.allCases)
    func window(weights: InitialWeights) throws {
        let (channels, height, width, sigma) = (2, 6, 7, 2.0)
        var configuration = MLPConfiguration(
            inputs: channels * height * width, hiddenDimensions: [30, 5], classes: 3,
            initialWeights: weights)
        let before = initialize(MLP(configuration).network.parameterLayout, seed: 1, as: Double.self)
        configuration.initialWindow = GaussianWindow(
            sigma: sigma, channels: channels, height: height, width: width)
        let after = initialize(MLP(configuration).network.parameterLayout, seed: 1, as: Double.self)
        let (plain, windowed) = try (
            #require(before["layers.0.weight"]), #require(after["layers.0.weight"])
        )
        var centres: Set<[Int]> = []
        for unit in 0..<30 {
            let range = unit * configuration.inputs..<(unit + 1) * configuration.inputs
            func norm(_ values: [Double]) -> Double { values[range].reduce(0) { $0 + $1 * $1 } }
            #expect(abs(norm(windowed) / norm(plain) - 1) < 1e-12)
            /// The logarithm of the window, up to a constant: −((r − r₀)² + (c − c₀)²) / 2σ².
            func log(_ channel: Int, _ row: Int, _ column: Int) -> Double {
                let place = range.lowerBound + (channel * height + row) * width + column
                return PortableMath.log(windowed[place] / plain[place])
            }
            // From the difference of neighbours: the window's centre.
            let row = 0.5 + sigma * sigma * (log(0, 1, 0) - log(0, 0, 0))
            let column = 0.5 + sigma * sigma * (log(0, 0, 1) - log(0, 0, 0))
            #expect(row > -0.501 && row < Double(height) - 0.499)
            #expect(column > -0.501 && column < Double(width) - 0.499)
            for channel in 0..<channels {
                for (r, c) in [(5, 6), (3, 2), (0, 6)] {
                    func square(_ r: Int, _ c: Int) -> Double {
                        (Double(r) - row) * (Double(r) - row) + (Double(c) - column) * (Double(c) - column)
                    }
                    let expected = (square(0, 0) - square(r, c)) / (2 * sigma * sigma)
                    #expect(abs(log(channel, r, c) - log(0, 0, 0) - expected) < 1e-9)
                }
            }
            centres.insert([Int(row.rounded()), Int(column.rounded())])
        }
        #expect(centres.count > 10)
        for name in before.keys where name != "layers.0.weight" { #expect(after[name] == before[name]) }
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
