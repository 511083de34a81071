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
    /// Whether a residual block of the same width follows each hidden layer.
    public var residual: Bool

    /// A shape, by default with one hidden layer of 128 and ELU.
    public init(
        inputs: Int, hiddenDimensions: [Int] = [128], classes: Int, activation: Activation = .elu(alpha: 1),
        batchNorm: Bool = false, residual: Bool = false
    ) {
        self.inputs = inputs
        self.hiddenDimensions = hiddenDimensions
        self.classes = classes
        self.activation = activation
        self.batchNorm = batchNorm
        self.residual = residual
    }
}
