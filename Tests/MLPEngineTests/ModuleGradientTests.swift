import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

@Suite struct ModuleGradientTests {
    @Test("Linear: gradients of X, W and b", arguments: [1, 2, 7], [1, 5])
    func linear(rows: Int, inputs: Int) throws {
        try ReferenceNetwork("linear", inputs: inputs, rows: rows, [.linear(3)]).checkGradient()
    }

    @Test(
        "Activations: gradient of X",
        arguments: [Activation.elu(alpha: 1), .elu(alpha: 0.3), .elu(alpha: 2), .relu, .tanh, .gelu])
    func activation(_ activation: Activation) throws {
        try ActivationCase(activation: activation).checkGradient()
    }

    @Test("Softmax: gradient of X", arguments: [1, 2, 10])
    func softmax(columns: Int) throws {
        try SoftmaxCase(columns: columns).checkGradient()
    }

    @Test("Cross-entropy: gradient of the probabilities", arguments: [false, true])
    func crossEntropy(soft: Bool) throws {
        try LossCase(fused: false, soft: soft).checkGradient()
    }

    @Test("Softmax cross-entropy: gradient of the logits", arguments: [false, true])
    func softmaxCrossEntropy(soft: Bool) throws {
        try LossCase(fused: true, soft: soft).checkGradient()
    }

    @Test("Batch norm in training: gradients of X, γ and β", arguments: [2, 3, 9], [1, 4])
    func batchNorm(rows: Int, width: Int) throws {
        try ReferenceNetwork("batch norm", inputs: width, rows: rows, [.batchNorm]).checkGradient()
    }

    @Test("Layer norm: gradients of X, γ and β", arguments: [1, 3, 9], [2, 5])
    func layerNorm(rows: Int, width: Int) throws {
        try ReferenceNetwork("layer norm", inputs: width, rows: rows, [.layerNorm]).checkGradient()
    }

    @Test("Dropout: gradient of X")
    func dropout() throws {
        try ReferenceNetwork("dropout", inputs: 5, rows: 4, [.dropout(0.5, mask: 0)]).checkGradient()
    }

    @Test("Residual: gradient of X through the branch and around it")
    func residual() throws {
        try ReferenceNetwork("residual", inputs: 5, rows: 4, [.residual([.activation(.tanh)])])
            .checkGradient()
    }

    @Test(
        "Softmax and cross-entropy one behind the other give the fused module's loss and gradient",
        arguments: [false, true])
    func fusedEqualsComposed(soft: Bool) {
        let scratch = Scratch()
        let (rows, classes) = (6, 5)
        let logits: Matrix<Double> = scratch.normals(rows, classes, stream: 1)
        let targets = LossCase.targets(rows: rows, classes: classes, soft: soft, scratch, as: Double.self)
        let (y, composed, fused): (Matrix<Double>, Matrix<Double>, Matrix<Double>) = (
            scratch.unset(rows * classes).matrix(rows: rows, columns: classes),
            scratch.unset(rows * classes).matrix(rows: rows, columns: classes),
            scratch.unset(rows * classes).matrix(rows: rows, columns: classes)
        )
        Softmax().forward(logits, into: y)
        let loss = CrossEntropy().forward(y, targets)
        CrossEntropy().backward(y: y, targets, into: composed)
        Softmax().backward(y: y, gradient: composed)
        let record = SoftmaxCrossEntropy().evaluate(
            logits, targets, factor: 1 / Double(rows), gradient: fused)
        #expect(abs(record.meanLoss - loss) < 1e-14)
        for (a, b) in zip(composed.vector.array, fused.vector.array) { #expect(abs(a - b) < 1e-15) }
    }

    @Test("Cross-entropy ignores a class that is no target, even at probability 0, forward and backward")
    func impossibleClass() {
        let scratch = Scratch()
        let y = scratch.vector([0.25, 0.75, 0]).matrix(rows: 1, columns: 3)
        let targets = Targets.probabilities(scratch.vector([1.0, 0, 0]).matrix(rows: 1, columns: 3))
        let dy: Matrix<Double> = scratch.unset(3).matrix(rows: 1, columns: 3)
        #expect(abs(CrossEntropy().forward(y, targets) - 1.3862943611198906) < 1e-15)
        CrossEntropy().backward(y: y, targets, into: dy)
        #expect(dy.vector.array == [-4, 0, 0])
    }
}
