import Foundation
import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

/// What the documentation answers to the courses' questions, seen in the engine.
@Suite struct AnswerTests {
    // MARK: The loss of ignorance

    private func loss<Scalar: TensorScalar>(
        classes: Int, batchNorm: Bool, as type: Scalar.Type
    ) throws -> Double {
        let mlp = MLP(
            MLPConfiguration(inputs: 5, hiddenDimensions: [4], classes: classes, batchNorm: batchNorm))
        let scratch = Scratch()
        let zeros = scratch.vector([Scalar](repeating: 0, count: mlp.parameterCount))
        return try mlp.computeGradients(
            scratch.normals(3, 5, stream: 1), targets: .labels(scratch.vector([0, 1, Int32(classes - 1)])),
            globalBatch: 3, parameters: zeros, gradients: scratch.unset(mlp.parameterCount),
            batchStatistics: scratch.unset(1, mlp.network.statisticsLayout.count),
            workspace: try Workspace<Scalar>(for: mlp.network, capacity: 3)
        ).meanLoss
    }

    @Test(
        "A network with zero weights has the loss ln C, 2.3026 of 10 classes", arguments: [2, 10, 100],
        [false, true])
    func lossOfIgnorance(classes: Int, batchNorm: Bool) throws {
        let expected = log(Double(classes))
        let double = try loss(classes: classes, batchNorm: batchNorm, as: Double.self)
        let float = try loss(classes: classes, batchNorm: batchNorm, as: Float.self)
        #expect(abs(double - expected) < 1e-14 * expected && abs(float - expected) < 1e-6 * expected)
        if classes == 10 { #expect(abs(double - 2.3026) < 5e-5) }
    }

    // MARK: Activations

    /// h'(x), by the way the engine goes.
    private func slope<Scalar: TensorScalar>(_ activation: Activation, at x: Scalar) -> Scalar {
        let scratch = Scratch()
        let (input, gradient) = (scratch.vector([x]), scratch.vector([Scalar(1)]))
        let output: Vector<Scalar> = scratch.unset(1)
        let matrices = [input, output, gradient].map { $0.matrix(rows: 1, columns: 1) }
        activation.forward(matrices[0], into: matrices[1])
        activation.backward(kept: matrices[activation.keepsInput ? 0 : 1], gradient: matrices[2])
        return gradient[0]
    }

    private func checkKinks<Scalar: TensorScalar>(_: Scalar.Type) {
        let least = Scalar.leastNormalMagnitude
        for zero in [Scalar(0), -Scalar(0)] {
            #expect(slope(.relu, at: zero) == 0)
            for alpha in [0.25, 1, 2] { #expect(slope(.elu(alpha: alpha), at: zero) == Scalar(alpha)) }
        }
        #expect(slope(.relu, at: least) == 1 && slope(.relu, at: -least) == 0)
        #expect(slope(.elu(alpha: 2), at: least) == 1 && slope(.elu(alpha: 2), at: -least) == 2)
    }

    @Test("At the kink 0 ReLU's derivative is 0 and ELU's α, that from the left, in both precisions")
    func kinks() {
        checkKinks(Float.self)
        checkKinks(Double.self)
    }

    @Test("Tanh saturates on both sides, ELU on the left, where ReLU is 0")
    func saturation() {
        let (elu, points) = (Activation.elu(alpha: 1), [-5.0, 0, 5])
        let expected: [(Activation, [Double])] = [
            (.tanh, [1.8158e-4, 1, 1.8158e-4]), (elu, [6.7379e-3, 1, 1]), (.relu, [0, 0, 1]),
        ]
        for (activation, slopes) in expected {
            for (x, expected) in zip(points, slopes) {
                #expect(abs(slope(activation, at: x) - expected) < 1e-7, "\(activation) at \(x)")
            }
        }
    }

    /// The mean of h and of h² over a standard normal input, by the trapezoidal rule.
    private func moments(_ activation: Activation) -> (mean: Double, meanSquare: Double) {
        let scratch = Scratch()
        let step = 0.005
        let points = (-2000...2000).map { Double($0) * step }
        let x = scratch.vector(points).matrix(rows: 1, columns: points.count)
        let y: Matrix<Double> = scratch.unset(1, points.count)
        activation.forward(x, into: y)
        return zip(points, y.vector.array).reduce((0, 0)) { sums, point in
            let weight = step * exp(-point.0 * point.0 / 2) / (2 * Double.pi).squareRoot()
            return (sums.0 + weight * point.1, sums.1 + weight * point.1 * point.1)
        }
    }

    @Test("Of standard normal inputs the mean output is 0 for Tanh, 0.1605 for ELU, 0.3989 for ReLU")
    func meanOutputs() {
        let expected: [(Activation, Double, Double)] = [
            (.tanh, 0, 0.3943), (.elu(alpha: 1), 0.1605, 0.6449), (.relu, 0.3989, 0.5),
        ]
        for (activation, mean, meanSquare) in expected {
            let found = moments(activation)
            #expect(abs(found.mean - mean) < 1e-4, "\(activation)")
            #expect(abs(found.meanSquare - meanSquare) < 1e-4, "\(activation)")
        }
    }

    // MARK: First weights

    @Test("Kaiming's √(2/M) keeps the size of a ReLU network's numbers; √(1/M) would halve their squares")
    func kaiming() throws {
        for depth in [1, 3, 6] {
            let mlp = MLP(
                MLPConfiguration(
                    inputs: 128, hiddenDimensions: Array(repeating: 256, count: depth), classes: 256,
                    activation: .relu))
            let scratch = Scratch()
            let workspace = try Workspace<Double>(for: mlp.network, capacity: 32)
            let x: Matrix<Double> = scratch.normals(32, 128, stream: 1)
            let parameters: Vector<Double> = scratch.unset(mlp.parameterCount)
            mlp.network.parameterLayout.initialize(parameters, seed: 1)
            func meanSquare() throws -> Double {
                let logits = try mlp.network.evaluate(
                    .numbers(x), parameters: parameters, runningStatistics: scratch.unset(0),
                    workspace: workspace)
                return logits.vector.array.reduce(0) { $0 + $1 * $1 } / Double(logits.count)
            }
            let kept = try meanSquare()
            #expect(0.5 < kept && kept < 2, "\(depth) hidden layers")
            for linear in mlp.network.linears where linear.index > 0 {
                parameters[linear.weight].scale(by: 0.5.squareRoot())
            }
            #expect(abs(try meanSquare() / kept * pow(2, Double(depth)) - 1) < 1e-9)
        }
    }

    // MARK: Dead units, and batch norm

    @Test("A ReLU unit below 0 for all rows gets no gradient; behind batch norm no bias can push it there")
    func deadUnits() throws {
        // W₁ [3, 4], b₁, W₂ [2, 3], b₂; of unit 0.
        let plain = ReferenceNetwork("", [.linear(3), .activation(.relu), .linear(2)])
        var variables = plain.variables
        variables[1][12] = -100
        let dead = try plain.evaluate(variables, as: Double.self).gradients[1]
        for index in Array(0..<4) + [12, 15, 18] { #expect(dead[index] == 0) }
        #expect(dead[4..<8].contains { $0 != 0 })

        // W₁, b₁, γ, β, W₂, b₂.
        let normed = ReferenceNetwork("", [.linear(3), .batchNorm, .activation(.relu), .linear(2)])
        variables = normed.variables
        variables[1][15] = 1
        variables[1][18] = 0
        let before = try normed.evaluate(variables, as: Double.self)
        variables[1][12] = -100
        let after = try normed.evaluate(variables, as: Double.self)
        #expect(abs(before.value - after.value) < 1e-9, "the mean takes a bias away")
        #expect(after.gradients[1][0..<4].contains { abs($0) > 1e-3 })
        // Only a β of less than −γ √(S − 1) is below 0 for certain.
        variables[1][18] = -(5.0.squareRoot()) - 0.001
        let shifted = try normed.evaluate(variables, as: Double.self).gradients[1]
        for index in Array(0..<4) + [12, 15, 18] { #expect(shifted[index] == 0) }
    }

    @Test("Of S normalised numbers the largest lies between 1/√(S − 1) and √(S − 1)")
    func largestNormalised() throws {
        let scratch = Scratch()
        var builder = SequentialBuilder(inputs: 2, prefix: "norm")
        builder.batchNorm()
        let network = builder.build()
        let parameters: Vector<Double> = scratch.unset(4)
        network.parameterLayout.initialize(parameters, seed: 1)
        // One far below seven others, and one far above.
        let x = scratch.vector([-7.0, 7] + (0..<7).flatMap { _ in [1.0, -1] }).matrix(rows: 8, columns: 2)
        let workspace = try Workspace<Double>(for: network, capacity: 8)
        let y = try network.forward(
            .numbers(x), parameters: parameters, batchStatistics: scratch.unset(1, 4), workspace: workspace)
        for (column, expected) in [1 / 7.0.squareRoot(), 7.0.squareRoot()].enumerated() {
            let largest = (0..<8).reduce(-Double.infinity) { max($0, y[$1, column]) }
            #expect(abs(largest - expected) < 1e-5)
        }
    }

    @Test("At test time a linear layer and its batch norm are one linear layer")
    func folded() throws {
        let scratch = Scratch()
        let (inputs, outputs) = (3, 4)
        var (both, one) = (
            SequentialBuilder(inputs: inputs, prefix: "both"),
            SequentialBuilder(inputs: inputs, prefix: "one")
        )
        both.linear(outputs: outputs, gain: 1)
        both.batchNorm()
        one.linear(outputs: outputs, gain: 1)
        let (network, alone) = (both.build(), one.build())
        let norm = try #require(network.layers[1] as? BatchNorm)
        let linear = try #require(network.linears.first)
        let parameters: Vector<Double> = scratch.normals(network.parameterLayout.count, stream: 1)
        let running = scratch.vector((0..<2 * outputs).map { 0.5 + Double($0) })
        let x: Matrix<Double> = scratch.normals(5, inputs, stream: 2)

        let folded: Vector<Double> = scratch.unset(alone.parameterLayout.count)
        for n in 0..<outputs {
            let scale =
                parameters[norm.gamma.range][n] / (running[norm.variance][n] + norm.epsilon).squareRoot()
            for m in n * inputs..<(n + 1) * inputs {
                folded[linear.weight][m] = scale * parameters[linear.weight][m]
            }
            folded[linear.bias][n] =
                scale * (parameters[linear.bias][n] - running[norm.mean][n]) + parameters[norm.beta.range][n]
        }
        // The outputs stand in the workspaces.
        let workspaces = (
            try Workspace<Double>(for: network, capacity: 5), try Workspace<Double>(for: alone, capacity: 5)
        )
        let y = try network.evaluate(
            .numbers(x), parameters: parameters, runningStatistics: running, workspace: workspaces.0)
        let z = try alone.evaluate(
            .numbers(x), parameters: folded, runningStatistics: scratch.unset(0), workspace: workspaces.1)
        for (a, b) in zip(y.vector.array, z.vector.array) { #expect(abs(a - b) < 1e-12) }
    }
}
