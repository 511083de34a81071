public import Tensors

/// A multi-layer perceptron for classification: for each hidden width linear, [norm,] activation, [dropout,] and where
/// asked for a residual block X + linear([norm,] activation [, dropout] of linear X), whose inner width N may be another
/// one, while its outer linear layer has to come back to X's width for the sum; at the end a linear layer, whose
/// logits go into a softmax cross-entropy.
///
/// Weights begin by ``MLPConfiguration/initialWeights``, biases as 0.
public struct MLP: Sendable {
    /// The shape.
    public let configuration: MLPConfiguration
    /// The layers up to the logits.
    public let network: Sequential

    /// Composes the layers of `configuration`.
    public init(_ configuration: MLPConfiguration) {
        self.configuration = configuration
        var builder = SequentialBuilder(inputs: configuration.inputs, prefix: "layers")
        if configuration.inputDropout > 0 { builder.dropout(configuration.inputDropout) }
        func linear(_ builder: inout SequentialBuilder, _ width: Int) {
            let isFirst = builder.count(of: Linear.self) == 0
            let weights = configuration.weights(inputs: builder.width, areFirst: isFirst)
            let window = isFirst ? configuration.initialWindow : nil
            builder.linear(outputs: width, weights: window.map { .windowed(weights, $0) } ?? weights)
        }
        func hidden(_ builder: inout SequentialBuilder, _ width: Int) {
            linear(&builder, width)
            if configuration.batchNorm { builder.batchNorm() }
            if configuration.layerNorm { builder.layerNorm() }
            builder.activation(configuration.activation)
            if configuration.dropout > 0 { builder.dropout(configuration.dropout) }
        }
        for width in configuration.hiddenDimensions {
            hidden(&builder, width)
            guard configuration.residual else { continue }
            builder.residual { branch in
                hidden(&branch, configuration.residualWidth ?? width)
                linear(&branch, width)
            }
        }
        builder.linear(
            outputs: configuration.classes,
            weights: configuration.zeroOutput
                ? .constant(0)
                : configuration.weights(
                    inputs: builder.width, areFirst: configuration.hiddenDimensions.isEmpty))
        network = builder.build()
    }

    /// The number of learned scalars.
    public var parameterCount: Int { network.parameterLayout.count }

    /// Returns the losses of samples in evaluation, with batch norm by the running statistics.
    ///
    /// - Parameters:
    ///   - x: X [S, inputs].
    ///   - targets: One target per row.
    ///   - parameters: The flat parameters.
    ///   - runningStatistics: The flat running statistics.
    ///   - workspace: Memory for at least S rows.
    ///   - products: The backend of matrix products, with these parameters packed.
    /// - Throws: Nothing but what a layer throws; those of this project throw nothing in evaluation.
    public func evaluate<Scalar: TensorScalar>(
        _ x: BatchInput<Scalar>, targets: Targets<Scalar>, parameters: Vector<Scalar>,
        runningStatistics: Vector<Scalar>, workspace: Workspace<Scalar>,
        products: any MatrixProducts<Scalar>
    ) throws -> BatchLoss {
        let logits = try network.forward(
            Pass(
                x, parameters: parameters, workspace: workspace, products: products,
                mode: .evaluation(runningStatistics: runningStatistics)))
        return SoftmaxCrossEntropy().evaluate(logits, targets, factor: 1, gradient: logits)
    }
}

/// The shape of a multi-layer perceptron.
public struct MLPConfiguration: Codable, Sendable, Hashable {
    /// The number of input columns M.
    public var inputs: Int
    /// The widths of the hidden layers, from the input on; empty for multinomial logistic regression.
    public var hiddenDimensions: [Int]
    /// The number of classes K.
    public var classes: Int
    /// What follows each hidden linear module, or its batch norm.
    public var activation: Activation
    /// Whether batch norm stands between each hidden linear module and its activation.
    public var batchNorm: Bool
    /// Whether layer norm stands there.
    public var layerNorm: Bool
    /// Whether a residual block follows each hidden layer.
    public var residual: Bool
    /// The width N of a residual branch between its two linear layers; nil for that of the hidden layer.
    public var residualWidth: Int?
    /// The probability that dropout takes an output of a hidden layer away in training.
    public var dropout: Double
    /// The same for an input of the network.
    public var inputDropout: Double
    /// By what rule weights begin.
    public var initialWeights: InitialWeights
    /// Whether the weights of the last layer begin as 0, so that all classes begin alike.
    public var zeroOutput: Bool
    /// The window through which each unit of the first hidden layer begins to look at an image; nil for none.
    public var initialWindow: GaussianWindow?

    /// A shape, by default with one hidden layer of 128 and ELU.
    public init(
        inputs: Int, hiddenDimensions: [Int] = [128], classes: Int, activation: Activation = .elu(alpha: 1),
        batchNorm: Bool = false, layerNorm: Bool = false, residual: Bool = false, residualWidth: Int? = nil,
        dropout: Double = 0, inputDropout: Double = 0, initialWeights: InitialWeights = .kaiming,
        zeroOutput: Bool = false, initialWindow: GaussianWindow? = nil
    ) {
        self.inputs = inputs
        self.hiddenDimensions = hiddenDimensions
        self.classes = classes
        self.activation = activation
        self.batchNorm = batchNorm
        self.layerNorm = layerNorm
        self.residual = residual
        self.residualWidth = residualWidth
        (self.dropout, self.inputDropout) = (dropout, inputDropout)
        (self.initialWeights, self.zeroOutput) = (initialWeights, zeroOutput)
        self.initialWindow = initialWindow
    }

    /// How the weights of a layer of so many inputs begin; the first layer's may be those of the output.
    fileprivate func weights(inputs: Int, areFirst: Bool) -> Initialization {
        switch initialWeights {
        case .kaiming:
            .normal(standardDeviation: ((areFirst ? 1 : 2) / Double(inputs)).squareRoot())
        case .lecun:
            .truncatedNormal(standardDeviation: (1 / Double(inputs)).squareRoot())
        }
    }
}
