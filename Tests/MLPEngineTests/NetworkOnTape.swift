import Autograd
import MLPEngine
import TensorTestSupport
import Tensors

/// A network computed by autograd's operations, from the formulas of the way forward alone: what the engine's hand-derived
/// gradients are held against.
struct NetworkOnTape {
    let tape = Tape()
    /// X [S, M].
    let x: Value
    /// The network's parameters, in the order of its layout.
    let parameters: [Value]
    /// What each module's output is changed by, the value staying what it is.
    let flaw: Flaw?

    /// A wrong derivative, for tests of the comparison.
    enum Flaw {
        /// Each module's ∂L/∂Y is too large by this share.
        case scale(Double)
        /// The norms take means and variances for constants.
        case constantStatistics
        /// ReLU and ELU let everything through.
        case noKink
    }

    init(
        _ layout: ParameterLayout, _ variables: [[Double]], rows: Int, flaw: Flaw? = nil
    ) throws {
        let (tape, numbers) = (tape, variables[1])
        x = tape.variable(
            "X", try Tensor(shape: [rows, variables[0].count / rows], values: variables[0]))
        parameters = try layout.entries.map {
            tape.variable($0.name, try Tensor(shape: $0.shape, values: Array(numbers[$0.range])))
        }
        self.flaw = flaw
    }

    /// Y = the modules one behind the other, which take all parameters.
    func output(_ modules: [ReferenceModule]) throws -> Value {
        var rest = parameters[...]
        let y = try apply(modules, to: x, &rest)
        precondition(rest.isEmpty, "parameters that no module has taken")
        return y
    }

    /// ∂L/∂X, and those of all parameters in the order of the layout.
    func gradients(_ gradients: Gradients) throws -> [[Double]] {
        [try gradients[x].tensor.values, try parameters.flatMap { try gradients[$0].tensor.values }]
    }

    private func apply(
        _ modules: [ReferenceModule], to x: Value, _ parameters: inout ArraySlice<Value>
    ) throws -> Value {
        var x = x
        for module in modules {
            var y: Value
            switch module {
            case .linear:
                let (weight, bias) = (parameters.removeFirst(), parameters.removeFirst())
                y = try x.matrixProduct(weight.transpose()) + bias
            case .batchNorm, .layerNorm:
                let (gamma, beta) = (parameters.removeFirst(), parameters.removeFirst())
                let isBatchNorm = if case .batchNorm = module { true } else { false }
                if case .constantStatistics = flaw {
                    let axis = isBatchNorm ? 0 : 1
                    let mean = try x.mean([axis], keepingAxes: true).detached()
                    let variance = try (x - mean).power(2).mean([axis], keepingAxes: true).detached()
                    y = try (x - mean) / (variance + 1e-5).power(0.5) * gamma + beta
                } else if isBatchNorm {
                    y = try x.batchNorm(gamma: gamma, beta: beta)
                } else {
                    y = try x.layerNorm(gamma: gamma, beta: beta)
                }
            case .activation(let activation):
                y =
                    switch activation {
                    case .elu(let alpha): try x.elu(alpha: alpha)
                    case .relu: try x.relu()
                    case .tanh: try x.tanh()
                    case .gelu: try x.gelu()
                    }
                if case .noKink = flaw { y = try x + (y - x).detached() }
            case .dropout(let probability, let mask):
                let mask = dropoutMask(
                    rows: x.shape[0], columns: x.shape[1], probability: probability, mask: mask)
                y = try x * tape.constant(Tensor(shape: x.shape, values: mask), name: "mask")
            case .residual(let branch):
                y = try x + apply(branch, to: x, &parameters)
            }
            if case .scale(let share) = flaw { y = try y + (y - y.detached()) * share }
            x = y
        }
        return x
    }
}

extension ReferenceNetwork {
    /// Σ C ∘ Y and its gradients by autograd.
    func autograd(_ variables: [[Double]], flaw: NetworkOnTape.Flaw? = nil) throws -> (
        value: Double, gradients: [[Double]]
    ) {
        let onTape = try NetworkOnTape(network.parameterLayout, variables, rows: rows, flaw: flaw)
        let y = try onTape.output(modules)
        let c = onTape.tape.constant(try Tensor(shape: y.shape, values: coefficients), name: "C")
        let value = try (y * c).sum()
        return (value.tensor.values[0], try onTape.gradients(value.backward()))
    }
}

extension MLPCase {
    /// The mean loss over the global batch, as far as these rows go, and its gradients by autograd.
    func autograd(_ variables: [[Double]], flaw: NetworkOnTape.Flaw? = nil) throws -> (
        value: Double, gradients: [[Double]]
    ) {
        let onTape = try NetworkOnTape(mlp.network.parameterLayout, variables, rows: rows, flaw: flaw)
        let logits = try onTape.output(mlp.configuration.modules)
        let mean = try LossCase.autograd(logits, soft: soft)
        let loss = try mean * (Double(rows) / Double(globalBatch))
        return (loss.tensor.values[0], try onTape.gradients(loss.backward()))
    }
}

extension LossCase {
    /// The mean loss of logits against the targets of these tests.
    static func autograd(_ logits: Value, soft: Bool) throws -> Value {
        let scratch = Scratch()
        let (rows, classes) = (logits.shape[0], logits.shape[1])
        switch targets(rows: rows, classes: classes, soft: soft, scratch, as: Double.self) {
        case .labels(let labels): return try logits.crossEntropy(labels: labels.array.map(Int.init))
        case .probabilities(let targets):
            return try logits.crossEntropy(
                targets: Tensor(shape: logits.shape, values: targets.vector.array))
        }
    }

    /// The mean loss of the variables and its gradients by autograd.
    func autograd(_ variables: [[Double]]) throws -> (value: Double, gradients: [[Double]]) {
        let x = Tape().variable("X", try Tensor(shape: [rows, classes], values: variables[0]))
        // Of probabilities Y, ln Y are logits up to the logarithm of their sum, which cross-entropy takes off.
        let loss =
            fused
            ? try Self.autograd(x, soft: soft)
            : try Self.autograd(x.log(), soft: soft) - x.sum([1]).log().mean()
        return (loss.tensor.values[0], [try loss.backward()[x].tensor.values])
    }
}

extension MLPConfiguration {
    /// The layers, from the input on.
    var modules: [ReferenceModule] {
        var masks = 0
        func drop(_ probability: Double) -> [ReferenceModule] {
            guard probability > 0 else { return [] }
            defer { masks += 1 }
            return [.dropout(probability, mask: masks)]
        }
        func hidden(_ width: Int) -> [ReferenceModule] {
            [.linear(width)] + (batchNorm ? [.batchNorm] : []) + (layerNorm ? [.layerNorm] : [])
                + [.activation(activation)] + drop(dropout)
        }
        var modules = drop(inputDropout)
        for width in hiddenDimensions {
            modules += hidden(width)
            if residual { modules.append(.residual(hidden(width) + [.linear(width)])) }
        }
        return modules + [.linear(classes)]
    }
}
