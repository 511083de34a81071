import Autograd
import MLPEngine
import Testing

/// The engine's hand-derived gradients against those that autograd finds from the formulas of the way forward.
@Suite struct AutogradOracleTests {
    static let layers: [ReferenceNetwork] =
        [
            ReferenceNetwork("linear", [.linear(3)]),
            ReferenceNetwork("linear of one row", rows: 1, [.linear(3)]),
            ReferenceNetwork("batch norm", [.batchNorm]),
            ReferenceNetwork("layer norm", [.layerNorm]),
            ReferenceNetwork("dropout", [.dropout(0.25, mask: 0)]),
            ReferenceNetwork("dropout twice", [.dropout(0.25, mask: 0), .dropout(0.5, mask: 1)]),
            ReferenceNetwork("residual", [.residual([.linear(4)])]),
        ]
        + [Activation.elu(alpha: 1), .elu(alpha: 0.3), .elu(alpha: 2), .relu, .tanh, .gelu].map {
            ReferenceNetwork("\($0)", [.activation($0)])
        }

    static let everyLayer = ReferenceNetwork(
        "every layer",
        [
            .dropout(0.25, mask: 0), .linear(5), .batchNorm, .activation(.elu(alpha: 0.5)),
            .dropout(0.5, mask: 1),
            .residual([
                .linear(4), .layerNorm, .activation(.gelu), .dropout(0.25, mask: 2), .linear(5),
                .activation(.tanh),
            ]),
            .activation(.relu), .linear(3),
        ])

    static let networks = layers + [everyLayer] + (0..<40).map(ReferenceNetwork.random)

    static let configurations: [MLPConfiguration] =
        [Activation.elu(alpha: 1), .elu(alpha: 0.5), .relu, .tanh, .gelu].flatMap { activation in
            [(false, false), (true, false), (false, true), (true, true)].flatMap { batchNorm, layerNorm in
                [[], [5], [4, 6]].map { hidden in
                    MLPConfiguration(
                        inputs: 6, hiddenDimensions: hidden, classes: 3, activation: activation,
                        batchNorm: batchNorm, layerNorm: layerNorm, residual: true,
                        // A bottleneck behind 5, a wider branch behind 6, one as wide behind 4.
                        residualWidth: hidden.count == 1 ? 2 : hidden.isEmpty ? nil : 4, dropout: 0.25,
                        inputDropout: 0.125)
                }
            }
        }

    /// The engine's value and gradients equal `expected`: in Double to 10⁻⁹, in Float to 10⁻⁴.
    private func compare(
        _ engine: some GradientCase, _ expected: (value: Double, gradients: [[Double]]),
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let double = try engine.evaluate(engine.variables, as: Double.self)
        #expect(
            abs(double.value - expected.value) <= 1e-12 * max(1, abs(expected.value)),
            sourceLocation: sourceLocation)
        #expect(
            double.gradients.map(\.count) == expected.gradients.map(\.count), sourceLocation: sourceLocation)
        #expect(relativeError(double.gradients, expected.gradients) < 1e-9, sourceLocation: sourceLocation)
        let float = try engine.evaluate(engine.variables, as: Float.self)
        #expect(
            relativeError(float.gradients, expected.gradients, floor: 1) < 1e-4, "in Float",
            sourceLocation: sourceLocation)
    }

    @Test("Gradients of each layer, of all one behind the other, and of random networks", arguments: networks)
    func networkGradients(network: ReferenceNetwork) throws {
        try compare(network, network.autograd(network.variables))
    }

    @Test(
        "Gradients of the losses, of probabilities and of logits", arguments: [false, true], [false, true])
    func lossGradients(fused: Bool, soft: Bool) throws {
        let loss = LossCase(fused: fused, soft: soft)
        try compare(loss, loss.autograd(loss.variables))
    }

    @Test("Gradients of softmax by itself", arguments: [2, 5])
    func softmaxGradients(columns: Int) throws {
        let softmax = SoftmaxCase(columns: columns)
        try compare(softmax, softmax.autograd(softmax.variables))
    }

    @Test("Gradients of whole MLPs with their loss", arguments: configurations, [false, true])
    func mlpGradients(configuration: MLPConfiguration, soft: Bool) throws {
        let network = MLPCase(mlp: MLP(configuration), soft: soft)
        try compare(network, network.autograd(network.variables))
    }

    /// The largest difference to autograd's gradients with a flaw, whose value is right.
    private func error(
        _ network: ReferenceNetwork, flaw: NetworkOnTape.Flaw
    ) throws -> (double: Double, float: Double) {
        let variables = network.variables
        let (engine, wrong) = (
            try network.evaluate(variables, as: Double.self), try network.autograd(variables, flaw: flaw)
        )
        #expect(abs(engine.value - wrong.value) < 1e-12, "only the derivative is wrong")
        let float = try network.evaluate(variables, as: Float.self)
        return (
            relativeError(engine.gradients, wrong.gradients),
            relativeError(float.gradients, wrong.gradients, floor: 1)
        )
    }

    @Test("A derivative that is off in any layer is found", arguments: layers + [everyLayer])
    func offDerivatives(network: ReferenceNetwork) throws {
        #expect(try error(network, flaw: .scale(1e-7)).double > 1e-9)
        #expect(try error(network, flaw: .scale(1e-2)).float > 1e-4)
    }

    /// A layer, and one of its derivatives.
    struct Derivative: Sendable, CustomTestStringConvertible {
        let network: ReferenceNetwork
        let operand: NetworkOnTape.Operand
        var testDescription: String { "\(network.testDescription) by \(operand)" }
    }

    static let derivatives: [Derivative] =
        layers.flatMap { network in
            Set(network.modules.flatMap(\.operands)).map { Derivative(network: network, operand: $0) }
        } + NetworkOnTape.Operand.allCases.map { Derivative(network: everyLayer, operand: $0) }

    @Test(
        "A derivative that is off by any one of what a layer computes with is found", arguments: derivatives)
    func offDerivative(derivative: Derivative) throws {
        let (network, operand) = (derivative.network, derivative.operand)
        #expect(try error(network, flaw: .scaleOf(operand, 1e-7)).double > 1e-9)
        #expect(try error(network, flaw: .scaleOf(operand, 1e-2)).float > 1e-4)
    }

    @Test("A derivative of a loss that is off is found", arguments: [false, true], [false, true])
    func offLoss(fused: Bool, soft: Bool) throws {
        let loss = LossCase(fused: fused, soft: soft)
        func errors(_ flaw: LossCase.Flaw) throws -> (double: Double, float: Double) {
            let expected = try loss.autograd(loss.variables, flaw: flaw)
            let double = loss.evaluate(loss.variables, as: Double.self)
            #expect(abs(double.value - expected.value) < 1e-12, "only the derivative is wrong")
            let float = loss.evaluate(loss.variables, as: Float.self)
            return (
                relativeError(double.gradients, expected.gradients),
                relativeError(float.gradients, expected.gradients, floor: 1)
            )
        }
        #expect(try errors(.scale(1e-7)).double > 1e-9)
        #expect(try errors(.scale(1e-2)).float > 1e-4)
        guard fused else { return }
        let missing = try errors(.withoutTargets)
        #expect(missing.double > 1e-2 && missing.float > 1e-2)
    }

    @Test("A derivative of softmax that is off is found")
    func offSoftmax() throws {
        let softmax = SoftmaxCase(columns: 5)
        let double = softmax.evaluate(softmax.variables, as: Double.self).gradients
        let float = softmax.evaluate(softmax.variables, as: Float.self).gradients
        let (slight, larger) = (
            try softmax.autograd(softmax.variables, offBy: 1e-7).gradients,
            try softmax.autograd(softmax.variables, offBy: 1e-2).gradients
        )
        #expect(relativeError(double, slight) > 1e-9)
        #expect(relativeError(float, larger, floor: 1) > 1e-4)
    }

    @Test("A norm's derivative that takes mean and variance for constants is found")
    func constantStatistics() throws {
        for modules in [[ReferenceModule.batchNorm], [.layerNorm], Self.everyLayer.modules] {
            let error = try error(ReferenceNetwork("", modules), flaw: .constantStatistics)
            #expect(error.double > 1e-2 && error.float > 1e-2)
        }
    }

    @Test("An activation's derivative that is 1 everywhere is found")
    func noKink() throws {
        for activation in [Activation.elu(alpha: 1), .relu, .tanh, .gelu] {
            let network = ReferenceNetwork("", [.activation(activation)])
            let error = try error(network, flaw: .noKink)
            #expect(error.double > 1e-2 && error.float > 1e-2)
        }
    }
}
