import Foundation
import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors

/// A module of a network, to be built by the engine and computed by plain loops.
enum ReferenceModule: Sendable {
    case linear(Int)
    case batchNorm
    case layerNorm
    case activation(Activation)
    /// With the number that its mask has among the network's.
    case dropout(Double, mask: Int)
    case residual([ReferenceModule])

    func append(to builder: inout SequentialBuilder) {
        switch self {
        case .linear(let outputs): builder.linear(outputs: outputs, gain: 1)
        case .batchNorm: builder.batchNorm()
        case .layerNorm: builder.layerNorm()
        case .activation(let activation): builder.activation(activation)
        case .dropout(let probability, _): builder.dropout(probability)
        case .residual(let modules):
            builder.residual { branch in for module in modules { module.append(to: &branch) } }
        }
    }
}

/// M / (1 − p): what the engine makes of ones in the first step of a run with seed 0.
func dropoutMask(rows: Int, columns: Int, probability: Double, mask: Int) -> [Double] {
    var ones = [Double](repeating: 1, count: rows * columns)
    ones.withUnsafeMutableBufferPointer { ones in
        guard let base = ones.baseAddress else { return }
        Double.dropout(
            rows, columns, probability: probability, seed: 0, layer: mask, step: 0, firstRow: 0, base)
    }
    return ones
}

/// A network of any modules in any order, computed by plain loops in double precision, each value in a place of its
/// own; the function is Σ C ∘ Y, of X and of the parameters.
struct ReferenceNetwork: GradientCase {
    let testDescription: String
    let modules: [ReferenceModule]
    let inputs: Int
    let rows: Int

    init(_ description: String, inputs: Int = 4, rows: Int = 6, _ modules: [ReferenceModule]) {
        (self.inputs, self.rows) = (inputs, rows)
        testDescription = description
        self.modules = modules
    }

    /// A random network of one to six modules with residual branches up to two deep.
    static func random(_ index: Int) -> ReferenceNetwork {
        var random = RandomStream(seed: 12, purpose: .testing, shard: index)
        var width = 4
        func modules(_ count: Int, depth: Int, _ random: inout RandomStream) -> [ReferenceModule] {
            (0..<count).map { _ in
                switch random.integer(below: depth < 2 ? 8 : 6) {
                case 0, 1:
                    // A branch must keep its width.
                    if depth == 0 { width = 2 + random.integer(below: 4) }
                    return .linear(width)
                case 2, 3: return .batchNorm
                case 4: return .activation(.tanh)
                case 5: return .activation(.elu(alpha: 1))
                default:
                    return .residual(modules(1 + random.integer(below: 3), depth: depth + 1, &random))
                }
            }
        }
        let made = modules(1 + random.integer(below: 6), depth: 0, &random)
        return ReferenceNetwork("random network \(index)", made)
    }

    var network: Sequential {
        var builder = SequentialBuilder(inputs: inputs, prefix: "layers")
        for module in modules { module.append(to: &builder) }
        return builder.build()
    }

    var variables: [[Double]] {
        let network = network
        var parameters = Scratch.normals(network.parameterLayout.count, seed: 7, stream: 2)
        for entry in network.parameterLayout.entries where entry.initialization == .constant(1) {
            // γ around 1, all else around 0.
            for index in entry.range { parameters[index] = 1 + parameters[index] / 4 }
        }
        return [Scratch.normals(rows * inputs, seed: 7, stream: 1), parameters]
    }

    var coefficients: [Double] { Scratch.normals(rows * network.outputs, seed: 7, stream: 3) }

    func evaluate<Scalar: TensorScalar>(_ variables: [[Double]], as type: Scalar.Type) throws -> (
        value: Double, gradients: [[Double]]
    ) {
        let scratch = Scratch()
        let network = network
        let workspace = try Workspace<Scalar>(for: network, capacity: rows + 2)
        let x: Matrix<Scalar> = scratch.vector(rounding: variables[0]).matrix(rows: rows, columns: inputs)
        let parameters: Vector<Scalar> = scratch.vector(rounding: variables[1])
        let gradients: Vector<Scalar> = scratch.unset(parameters.count)
        let dx: Matrix<Scalar> = scratch.unset(x.count).matrix(rows: rows, columns: inputs)
        let y = try network.forward(
            .numbers(x), parameters: parameters,
            batchStatistics: scratch.unset(1, network.statisticsLayout.count),
            workspace: workspace)
        let value = weightedSum(coefficients, y)
        let dy: Matrix<Scalar> = scratch.vector(rounding: coefficients).matrix(
            rows: rows, columns: network.outputs)
        try network.backward(
            x: .numbers(x), outputGradient: dy, parameters: parameters, gradients: gradients,
            workspace: workspace, inputGradient: dx)
        return (value, [dx.vector.doubles, gradients.doubles])
    }

    func reference(_ variables: [[Double]]) -> Double {
        var parameters = variables[1][...]
        let x = (0..<rows).map { Array(variables[0][$0 * inputs..<($0 + 1) * inputs]) }
        let y = forward(modules, x, &parameters)
        return zip(coefficients, y.flatMap { $0 }).reduce(0) { $0 + $1.0 * $1.1 }
    }

    private func forward(
        _ modules: [ReferenceModule], _ x: [[Double]], _ parameters: inout ArraySlice<Double>
    ) -> [[Double]] {
        func take(_ count: Int) -> [Double] {
            defer { parameters = parameters.dropFirst(count) }
            return Array(parameters.prefix(count))
        }
        var x = x
        for module in modules {
            let width = x[0].count
            switch module {
            case .linear(let outputs):
                let (weight, bias) = (take(outputs * width), take(outputs))
                x = x.map { row -> [Double] in
                    var sums = bias
                    for n in 0..<outputs {
                        for m in 0..<width { sums[n] += row[m] * weight[n * width + m] }
                    }
                    return sums
                }
            case .batchNorm:
                let (gamma, beta) = (take(width), take(width))
                for column in 0..<width {
                    let mean = x.reduce(0) { $0 + $1[column] } / Double(x.count)
                    let variance = x.reduce(0) { $0 + pow($1[column] - mean, 2) } / Double(x.count)
                    for row in x.indices {
                        x[row][column] =
                            gamma[column] * (x[row][column] - mean) / (variance + 1e-5).squareRoot()
                            + beta[column]
                    }
                }
            case .layerNorm:
                let (gamma, beta) = (take(width), take(width))
                for row in x.indices {
                    let mean = x[row].reduce(0, +) / Double(width)
                    let variance = x[row].reduce(0) { $0 + pow($1 - mean, 2) } / Double(width)
                    for column in 0..<width {
                        x[row][column] =
                            gamma[column] * (x[row][column] - mean) / (variance + 1e-5).squareRoot()
                            + beta[column]
                    }
                }
            case .activation(.gelu): x = x.map { $0.map { $0 * (1 + erf($0 / 2.squareRoot())) / 2 } }
            case .activation(.elu(let alpha)): x = x.map { $0.map { $0 > 0 ? $0 : alpha * expm1($0) } }
            case .activation(.relu): x = x.map { $0.map { max($0, 0) } }
            case .activation(.tanh): x = x.map { $0.map { tanh($0) } }
            case .dropout(let probability, let mask):
                let mask = dropoutMask(
                    rows: x.count, columns: width, probability: probability, mask: mask)
                for row in x.indices {
                    for column in 0..<width { x[row][column] *= mask[row * width + column] }
                }
            case .residual(let branch):
                x = zip(x, forward(branch, x, &parameters)).map { row, other in
                    zip(row, other).map { $0 + $1 }
                }
            }
        }
        return x
    }
}
