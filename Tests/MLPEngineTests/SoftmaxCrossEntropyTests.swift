import Foundation
import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

@Suite struct SoftmaxCrossEntropyTests {
    private func evaluate<Scalar: TensorScalar>(
        _ logits: [Scalar], label: Int32, soft: Bool = false
    ) -> (loss: BatchLoss, gradient: [Scalar]) {
        let scratch = Scratch()
        let z = scratch.vector(logits).matrix(rows: 1, columns: logits.count)
        let hot = scratch.vector(logits.indices.map { Scalar($0 == label ? 1 : 0) })
        let targets: Targets<Scalar> =
            soft
            ? .probabilities(hot.matrix(rows: 1, columns: logits.count)) : .labels(scratch.vector([label]))
        let loss = SoftmaxCrossEntropy().evaluate(z, targets, factor: 1, gradient: z)
        return (loss, z.vector.array)
    }

    @Test("Extreme logits give finite, correct losses and gradients", arguments: [false, true])
    func extremeLogits(soft: Bool) {
        #expect(evaluate([Float(1e4), -1e4], label: 0, soft: soft).loss.lossSum == 0)
        #expect(evaluate([Float(1e4), -1e4], label: 1, soft: soft).loss.lossSum == 2e4)
        #expect(evaluate([Float(1e4), -1e4], label: 1, soft: soft).gradient == [1, -1])
        #expect(evaluate([Double(-1e4), 1e4], label: 0, soft: soft).loss.lossSum == 2e4)
        // The exponential of 88.9 overflows a Float.
        for size: Float in [88.9, -88.9, 104, -104, 1e4, -1e4, 3e38] {
            let (loss, gradient) = evaluate([size, size, size], label: 2, soft: soft)
            #expect(abs(loss.lossSum - log(3)) < 1e-6)
            for (value, exact) in zip(gradient, [1.0 / 3, 1.0 / 3, -2.0 / 3]) {
                #expect(abs(Double(value) - exact) < 1e-6)
            }
        }
        let (loss, gradient) = evaluate([Float(88.9), 0, -88.9], label: 1, soft: soft)
        #expect(abs(loss.lossSum - 88.9) < 1e-5)
        #expect(gradient == [1, -1, 0])
    }

    @Test("A NaN anywhere among the logits makes the loss NaN", arguments: [false, true])
    func notANumber(soft: Bool) {
        for count in [1, 2, 10, 33] {
            for position in 0..<count {
                for label in Set([0, position, count - 1]) {
                    var logits = (0..<count).map { Float($0 % 5) }
                    logits[position] = .nan
                    let (loss, gradient) = evaluate(logits, label: Int32(label), soft: soft)
                    #expect(loss.lossSum.isNaN)
                    #expect(gradient.allSatisfy { $0.isNaN })
                }
            }
        }
    }

    @Test("An infinite logit makes the loss NaN, an impossible class that is not the label does not")
    func infinities() {
        #expect(evaluate([Float.infinity, 0], label: 1).loss.lossSum.isNaN)
        #expect(evaluate([-Float.infinity, 0], label: 1).loss.lossSum == 0)
        #expect(evaluate([-Float.infinity, 0], label: 0).loss.lossSum == .infinity)
    }

    @Test("Samples count as correct when the largest logit is at the label or the likeliest class")
    func correct() {
        let scratch = Scratch()
        let z: Matrix<Float> = scratch.vector([0, 1, 2, 5, 1, 2, 0, 3, 1]).matrix(rows: 3, columns: 3)
        let unused: Matrix<Float> = scratch.unset(9).matrix(rows: 3, columns: 3)
        let labels = scratch.vector([Int32(2), 1, 1])
        let byLabel = SoftmaxCrossEntropy().evaluate(z, .labels(labels), factor: 1, gradient: unused)
        #expect(byLabel.correct == 2 && byLabel.samples == 3)
        #expect(byLabel.accuracy == 2.0 / 3 && byLabel.meanLoss == byLabel.lossSum / 3)
        let soft: Matrix<Float> = scratch.vector([0.25, 0.25, 0.5, 0, 0.75, 0.25, 0.5, 0, 0.5]).matrix(
            rows: 3, columns: 3)
        let bySoft = SoftmaxCrossEntropy().evaluate(z, .probabilities(soft), factor: 1, gradient: unused)
        #expect(bySoft.correct == 1)
    }

    @Test("The gradient carries the factor, the loss does not, and the logits may stay")
    func factor() {
        let scratch = Scratch()
        let z: Matrix<Double> = scratch.normals(4, 3, stream: 1)
        let before = z.vector.array
        let labels = scratch.vector([Int32(0), 1, 2, 0])
        let (one, half): (Matrix<Double>, Matrix<Double>) = (
            scratch.unset(12).matrix(rows: 4, columns: 3), scratch.unset(12).matrix(rows: 4, columns: 3)
        )
        let first = SoftmaxCrossEntropy().evaluate(z, .labels(labels), factor: 1, gradient: one)
        let second = SoftmaxCrossEntropy().evaluate(z, .labels(labels), factor: 0.5, gradient: half)
        #expect(first == second)
        #expect(half.vector.array == one.vector.array.map { $0 / 2 })
        #expect(z.vector.array == before)
    }

    private static let networks = [Activation.elu(alpha: 1), .relu, .tanh].flatMap { activation in
        [false, true].map {
            MLPConfiguration(
                inputs: 3, hiddenDimensions: [4], classes: 3, activation: activation, batchNorm: $0,
                residual: true)
        }
    }

    @Test(
        "One NaN among the parameters or inputs of a network makes the loss NaN, in training and evaluation",
        arguments: networks)
    func notANumberInTheNetwork(configuration: MLPConfiguration) throws {
        let scratch = Scratch()
        let mlp = MLP(configuration)
        let workspace = try Workspace<Float>(for: mlp.network, capacity: 4)
        let parameters: Vector<Float> = scratch.normals(mlp.parameterCount, stream: 1)
        let x: Matrix<Float> = scratch.normals(4, 3, stream: 2)
        let targets = Targets<Float>.labels(scratch.vector([0, 1, 2, 0]))
        let statistics: Vector<Float> = scratch.unset(mlp.network.statisticsLayout.count)
        mlp.network.statisticsLayout.initialize(statistics, seed: 1)
        let gradients: Vector<Float> = scratch.unset(mlp.parameterCount)
        func losses() throws -> [Double] {
            let evaluation = try mlp.evaluate(
                .numbers(x), targets: targets, parameters: parameters, runningStatistics: statistics,
                workspace: workspace, products: TextbookProducts())
            let training = try mlp.computeGradients(
                x, targets: targets, globalBatch: 4, parameters: parameters, gradients: gradients,
                batchStatistics: scratch.unset(1, statistics.count), workspace: workspace)
            return [evaluation.lossSum, training.lossSum]
        }
        #expect(try losses().allSatisfy { $0.isFinite })
        for vector in [parameters, x.vector] {
            for index in 0..<vector.count {
                let old = vector[index]
                vector[index] = .nan
                #expect(try losses().allSatisfy { $0.isNaN })
                vector[index] = old
            }
        }
    }
}
