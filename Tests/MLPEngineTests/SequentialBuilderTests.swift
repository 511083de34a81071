import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

/// Networks that only ``SequentialBuilder`` can express: every module must keep what its own gradient and its
/// neighbours' need, whatever stands before and behind it.
@Suite struct SequentialBuilderTests {
    private static let tanh = ReferenceModule.activation(.tanh)
    private static let elu = ReferenceModule.activation(.elu(alpha: 1))

    static let networks = [
        ReferenceNetwork("activation first", [tanh, .linear(3)]),
        ReferenceNetwork("batch norm first", [.batchNorm, .linear(3), elu, .linear(2)]),
        ReferenceNetwork("residual first", [.residual([.linear(7), tanh, .linear(4)]), .linear(3)]),
        ReferenceNetwork("only linear", [.linear(3)]),
        ReferenceNetwork("only an activation", [tanh]),
        ReferenceNetwork("only batch norm", [.batchNorm]),
        ReferenceNetwork("only a residual", [.residual([.linear(4)])]),
        ReferenceNetwork("activation behind activation", [.linear(3), tanh, elu, .linear(2)]),
        ReferenceNetwork("batch norm behind activation", [.linear(3), tanh, .batchNorm, .linear(2)]),
        ReferenceNetwork("batch norm behind batch norm", [.linear(3), .batchNorm, .batchNorm, .linear(2)]),
        ReferenceNetwork("linear behind linear", [.linear(7), .linear(2), .linear(5)]),
        ReferenceNetwork("residual behind activation", [.linear(3), tanh, .residual([.linear(3)]), tanh]),
        ReferenceNetwork("branch begins with an activation", [.linear(3), .residual([tanh, .linear(3)])]),
        ReferenceNetwork(
            "branch begins with batch norm", [.linear(3), .residual([.batchNorm, .linear(3)])]),
        ReferenceNetwork(
            "branch ends with an activation", [.linear(3), .residual([.linear(3), tanh]), .linear(2)]),
        ReferenceNetwork(
            "branch ends with batch norm", [.linear(3), .residual([.linear(3), .batchNorm]), tanh]),
        ReferenceNetwork("branch is an activation", [.residual([tanh]), .linear(3)]),
        ReferenceNetwork(
            "residual in a residual", [.residual([.residual([.linear(4), tanh]), .linear(4)]), elu]),
        ReferenceNetwork(
            "branch ends with a residual", [.linear(3), .residual([tanh, .residual([.linear(3)])])]),
        ReferenceNetwork(
            "two residuals", [.residual([.linear(4)]), .residual([tanh, .linear(4)]), .linear(2)]),
    ]

    @Test("Outputs, gradients and input gradients are right, whatever stands where", arguments: networks)
    func gradients(network: ReferenceNetwork) throws {
        try network.checkGradient()
    }

    @Test("And in random networks", arguments: 0..<60)
    func randomGradients(index: Int) throws {
        try ReferenceNetwork.random(index).checkGradient(floatTolerance: 1e-3)
    }

    @Test("Modules are named as PyTorch's Sequential names them, activations counted")
    func names() {
        let network = ReferenceNetwork(
            "",
            [
                Self.tanh, .residual([.linear(4), .batchNorm, .residual([Self.tanh, .linear(4)])]),
                .batchNorm, .linear(2),
            ]
        ).network
        #expect(
            network.parameterLayout.entries.map(\.name) == [
                "layers.1.block.0.weight", "layers.1.block.0.bias", "layers.1.block.1.weight",
                "layers.1.block.1.bias", "layers.1.block.2.block.1.weight", "layers.1.block.2.block.1.bias",
                "layers.2.weight", "layers.2.bias", "layers.3.weight", "layers.3.bias",
            ])
        #expect(
            network.statisticsLayout.entries.map(\.name) == [
                "layers.1.block.1.running_mean", "layers.1.block.1.running_var", "layers.2.running_mean",
                "layers.2.running_var",
            ])
        #expect(network.inputs == 4 && network.outputs == 2)
    }

    @Test("The input is left as it is, forward and backward", arguments: networks)
    func inputIsKept(network reference: ReferenceNetwork) throws {
        let scratch = Scratch()
        let network = reference.network
        let workspace = try Workspace<Float>(for: network, capacity: reference.rows)
        let x: Matrix<Float> = scratch.normals(reference.rows, reference.inputs, stream: 1)
        let before = x.vector.array
        let parameters: Vector<Float> = scratch.normals(network.parameterLayout.count, stream: 2)
        let y = try network.forward(
            .numbers(x), parameters: parameters,
            batchStatistics: scratch.unset(1, network.statisticsLayout.count),
            workspace: workspace)
        let dy: Matrix<Float> = scratch.normals(y.rows, y.columns, stream: 3)
        try network.backward(
            x: .numbers(x), outputGradient: dy, parameters: parameters,
            gradients: scratch.unset(parameters.count),
            workspace: workspace)
        #expect(x.vector.array == before)
    }
}
