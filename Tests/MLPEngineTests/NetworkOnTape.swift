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
        /// The same of one of the gradients that each module's rule makes of its ∂L/∂Y.
        case scaleOf(Operand, Double)
        /// The norms take means and variances for constants.
        case constantStatistics
        /// ReLU and ELU let everything through.
        case noKink
    }

    /// What a module's output is computed of, and has a derivative by.
    enum Operand: CaseIterable {
        /// X, of a module that is no residual.
        case input
        /// W of a linear layer, γ of a norm.
        case weight
        /// b of a linear layer, β of a norm.
        case bias
        /// X of a residual, where it is added.
        case skip
        /// X of a residual, where the branch begins.
        case branch
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

    /// A value whose gradient is too large, if the flaw is in the derivative by this operand.
    private func flawed(_ value: Value, as operand: Operand) throws -> Value {
        guard case .scaleOf(operand, let share) = flaw else { return value }
        return try value.withGradientScaled(by: share)
    }

    private func apply(
        _ modules: [ReferenceModule], to x: Value, _ parameters: inout ArraySlice<Value>
    ) throws -> Value {
        var x = x
        for module in modules {
            var y: Value
            func parameter(_ operand: Operand) throws -> Value {
                try flawed(parameters.removeFirst(), as: operand)
            }
            if case .residual = module {} else { x = try flawed(x, as: .input) }
            switch module {
            case .linear:
                let (weight, bias) = (try parameter(.weight), try parameter(.bias))
                y = try x.matrixProduct(weight.transpose()) + bias
            case .batchNorm, .layerNorm:
                let (gamma, beta) = (try parameter(.weight), try parameter(.bias))
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
                y =
                    try flawed(x, as: .skip)
                    + apply(branch, to: flawed(x, as: .branch), &parameters)
            }
            if case .scale(let share) = flaw { y = try y.withGradientScaled(by: share) }
            x = y
        }
        return x
    }
}

extension Value {
    /// The same value, whose gradient is too large by a share of it.
    fileprivate func withGradientScaled(by share: Double) throws -> Value {
        try self + (self - detached()) * share
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

    /// A wrong derivative of a loss.
    enum Flaw {
        /// ∂L/∂X is too large by this share.
        case scale(Double)
        /// ∂L/∂Z of softmax cross-entropy is softmax(Z) / S, without the targets.
        case withoutTargets
    }

    /// The mean loss of the variables and its gradients by autograd.
    func autograd(
        _ variables: [[Double]], flaw: Flaw? = nil
    ) throws -> (value: Double, gradients: [[Double]]) {
        let variable = Tape().variable("X", try Tensor(shape: [rows, classes], values: variables[0]))
        var x = variable
        if case .scale(let share) = flaw { x = try x.withGradientScaled(by: share) }
        // Of probabilities Y, ln Y are logits up to the logarithm of their sum, which cross-entropy takes off.
        var loss =
            fused
            ? try Self.autograd(x, soft: soft)
            : try Self.autograd(x.log(), soft: soft) - x.sum([1]).log().mean()
        if case .withoutTargets = flaw {
            // In every column of a row ln Σ eᶻ, whose derivative is softmax(Z).
            let logarithm = try (x - x.logSoftmax()).mean()
            loss = try logarithm + (loss - logarithm).detached()
        }
        return (loss.tensor.values[0], [try loss.backward()[variable].tensor.values])
    }
}

extension SoftmaxCase {
    /// Σ C ∘ softmax(X) and its gradient by autograd, too large by a share of it.
    func autograd(
        _ variables: [[Double]], offBy share: Double = 0
    ) throws -> (value: Double, gradients: [[Double]]) {
        let count = variables[0].count
        let x = Tape().variable("X", try Tensor(shape: [count / columns, columns], values: variables[0]))
        let c = x.tape.constant(
            try Tensor(shape: x.shape, values: coefficients(count)), name: "C")
        let value = try (x.withGradientScaled(by: share).softmax() * c).sum()
        return (value.tensor.values[0], [try value.backward()[x].tensor.values])
    }
}

extension ReferenceModule {
    /// What it has derivatives by.
    var operands: [NetworkOnTape.Operand] {
        switch self {
        case .linear, .batchNorm, .layerNorm: [.input, .weight, .bias]
        case .activation, .dropout: [.input]
        case .residual: [.skip, .branch]
        }
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
            if residual { modules.append(.residual(hidden(residualWidth ?? width) + [.linear(width)])) }
        }
        return modules + [.linear(classes)]
    }
}
