import Autograd
import Collectives
import Curvature
import MLPEngine
import Tensors
import Testing

/// A small network with its records, and its loss by autograd's operations: value, gradient and second derivatives that share
/// no code with what they are compared to.
struct SmallProblem: Sendable, CustomTestStringConvertible {
    static let classes = 3
    static let inputs = 4

    var model: MLPConfiguration
    var rows = 12

    init(
        _ activation: Activation, hidden: [Int] = [5], batchNorm: Bool = false, layerNorm: Bool = false,
        residual: Bool = false, rows: Int = 12
    ) {
        model = MLPConfiguration(
            inputs: Self.inputs, hiddenDimensions: hidden, classes: Self.classes, activation: activation,
            batchNorm: batchNorm, layerNorm: layerNorm, residual: residual, dropout: 0.5)
        self.rows = rows
    }

    var testDescription: String {
        "\(model.activation) \(model.hiddenDimensions)\(model.batchNorm ? ", batch norm" : "")"
            + "\(model.layerNorm ? ", layer norm" : "")\(model.residual ? ", residual" : "")"
    }

    var layout: ParameterLayout { MLP(model).network.parameterLayout }

    /// Numbers that follow from the stream's number.
    static func numbers(_ count: Int, _ stream: Int) -> [Double] {
        var random = RandomStream(seed: 11, purpose: .testing, shard: stream)
        return (0..<count).map { _ in random.normalPair().0 }
    }

    var records: SampleLoss.Records {
        .init(
            inputs: Self.numbers(rows * Self.inputs, 1),
            labels: (0..<rows).map { Int32($0 * 7 % Self.classes) })
    }

    /// Parameters, none of which is 0 or 1.
    var parameters: [Double] { Self.numbers(layout.count, 2).map { $0 * 0.7 + 0.1 } }

    /// Running statistics, with variances above 0.
    var runningStatistics: [Double] {
        Self.numbers(MLP(model).network.statisticsLayout.count, 3).map { abs($0) + 0.3 }
    }

    func loss(
        chunkRows: Int = 128, batchNorm: SampleLoss.BatchNormStatistics = .chunks, weightDecay: Double = 0,
        communicator: any Communicator = SingleProcessCommunicator(), threads: Int = 1
    ) throws -> SampleLoss {
        let records = records
        return try SampleLoss(
            model, recordCount: rows, chunkRows: chunkRows, batchNorm: batchNorm, weightDecay: weightDecay,
            communicator: communicator, threads: threads
        ) { range in
            .init(
                inputs: Array(
                    records.inputs[range.lowerBound * Self.inputs..<range.upperBound * Self.inputs]),
                labels: Array(records.labels[range]))
        }
    }
}

/// What a comparison needs of a loss on a tape.
struct TapeLoss {
    let loss: Double
    let gradient: [Double]
    private let gradients: [Value]
    private let variables: [Value]

    /// The mean loss over all records; batch norm takes the statistics of each chunk, or given ones.
    init(_ problem: SmallProblem, chunkRows: Int, running: [Double]? = nil) throws {
        let tape = Tape()
        let (parameters, records) = (problem.parameters, problem.records)
        variables = try problem.layout.entries.map {
            tape.variable($0.name, try Tensor(shape: $0.shape, values: Array(parameters[$0.range])))
        }
        var terms: [Value] = []
        for first in stride(from: 0, to: problem.rows, by: chunkRows) {
            let range = first..<min(first + chunkRows, problem.rows)
            let inputs = SmallProblem.inputs
            let x = tape.constant(
                try Tensor(
                    shape: [range.count, inputs],
                    values: Array(records.inputs[range.lowerBound * inputs..<range.upperBound * inputs])))
            var network = Network(
                model: problem.model, parameters: variables[...], running: running?[...])
            terms.append(
                try network.logits(x).crossEntropy(labels: records.labels[range].map(Int.init))
                    * (Double(range.count) / Double(problem.rows)))
        }
        let mean = try terms.dropFirst().reduce(terms[0]) { try $0 + $1 }
        loss = mean.tensor.values[0]
        let found = try mean.backward(keepingGraph: true)
        gradients = try variables.map { try found[$0] }
        gradient = gradients.flatMap(\.tensor.values)
    }

    /// H v: the gradient of ∇L · v.
    func hessianProduct(_ direction: [Double]) throws -> [Double] {
        var rest = direction[...]
        var terms: [Value] = []
        for gradient in gradients {
            let count = gradient.tensor.values.count
            let part = try Tensor(shape: gradient.shape, values: Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
            terms.append(try (gradient * gradient.tape.constant(part)).sum())
        }
        let slope = try terms.dropFirst().reduce(terms[0]) { try $0 + $1 }
        let found = try slope.backward(keepingGraph: true)
        return try variables.flatMap { try found[$0].tensor.values }
    }

    private struct Network {
        let model: MLPConfiguration
        var parameters: ArraySlice<Value>
        var running: ArraySlice<Double>?

        mutating func logits(_ x: Value) throws -> Value {
            var x = x
            for _ in model.hiddenDimensions {
                x = try hidden(x)
                if model.residual { x = try x + linear(hidden(x)) }
            }
            return try linear(x)
        }

        private mutating func hidden(_ x: Value) throws -> Value {
            var x = try linear(x)
            if model.batchNorm {
                let (gamma, beta) = (parameters.removeFirst(), parameters.removeFirst())
                if running != nil {
                    let (mean, variance) = (statistics(x), statistics(x))
                    x = try (x - mean) / (variance + 1e-5).power(0.5) * gamma + beta
                } else {
                    x = try x.batchNorm(gamma: gamma, beta: beta)
                }
            }
            if model.layerNorm {
                x = try x.layerNorm(gamma: parameters.removeFirst(), beta: parameters.removeFirst())
            }
            return switch model.activation {
            case .elu(let alpha): try x.elu(alpha: alpha)
            case .relu: try x.relu()
            case .tanh: try x.tanh()
            case .gelu: try x.gelu()
            }
        }

        /// The next of the running statistics, as many as x has columns.
        private mutating func statistics(_ x: Value) -> Value {
            let values = Array(running?.prefix(x.shape[1]) ?? [])
            running?.removeFirst(values.count)
            return x.tape.constant(Tensor(values))
        }

        private mutating func linear(_ x: Value) throws -> Value {
            let (weight, bias) = (parameters.removeFirst(), parameters.removeFirst())
            return try x.matrixProduct(weight.transpose()) + bias
        }
    }
}
