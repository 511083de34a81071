import Foundation
import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

@Suite struct SGDTests {
    static let optimizers = [
        SGD(), SGD(weightDecay: 0.01), SGD(momentum: 0.9), SGD(momentum: 0.9, weightDecay: 0.01),
        SGD(momentum: 0.9, nesterov: true), SGD(momentum: 0.5, nesterov: true, weightDecay: 0.1),
        SGD(l1: 0.05), SGD(momentum: 0.9, nesterov: true, weightDecay: 0.01, l1: 0.02),
    ]

    private func check<Scalar: TensorScalar>(_ optimizer: SGD, count: Int, tolerance: Double, as: Scalar.Type)
    {
        let scratch = Scratch()
        let parameters: Vector<Scalar> = scratch.normals(count, stream: 1)
        let velocity: Vector<Scalar> = scratch.vector([Scalar](repeating: 0, count: count))
        var (p, v) = (parameters.doubles, [Double](repeating: 0, count: count))
        for step in 0..<5 {
            let gradients: Vector<Scalar> = scratch.normals(count, stream: 2 + step)
            let rate = 0.1 / Double(step + 1)
            optimizer.step(
                parameters: parameters, gradients: gradients,
                velocity: velocity,
                learningRate: rate)
            for index in 0..<count {
                let sign: Double = p[index] > 0 ? 1 : p[index] < 0 ? -1 : 0
                var d =
                    Double(gradients[index]) + optimizer.weightDecay * p[index] + optimizer.l1 * sign
                if optimizer.momentum != 0 {
                    v[index] = optimizer.momentum * v[index] + d
                    d = optimizer.nesterov ? d + optimizer.momentum * v[index] : v[index]
                }
                p[index] -= rate * d
            }
        }
        for index in 0..<count {
            #expect(abs(Double(parameters[index]) - p[index]) < tolerance)
            #expect(abs(Double(velocity[index]) - v[index]) < tolerance)
        }
    }

    @Test(
        "Five steps equal the formula, with and without momentum, Nesterov's, weight decay and L1",
        arguments: optimizers, [1, 2, 16, 67])
    func formula(optimizer: SGD, count: Int) {
        check(optimizer, count: count, tolerance: 1e-13, as: Double.self)
        check(optimizer, count: count, tolerance: 1e-5, as: Float.self)
    }

    @Test(
        "A step on slices gives the bits of a step on the whole, wherever the cuts are", arguments: optimizers
    )
    func slices(optimizer: SGD) {
        let scratch = Scratch()
        let count = 101
        let gradients: Vector<Float> = scratch.normals(count, stream: 1)
        let whole: Vector<Float> = scratch.normals(count, stream: 2)
        let wholeVelocity: Vector<Float> = scratch.normals(count, stream: 3)
        for cut in [1, 3, 16, 50, 100] {
            let (p, v) = (scratch.vector(whole.array), scratch.vector(wholeVelocity.array))
            let (q, w) = (scratch.vector(whole.array), scratch.vector(wholeVelocity.array))
            optimizer.step(parameters: p, gradients: gradients, velocity: v, learningRate: 0.1)
            for range in [0..<cut, cut..<count] {
                optimizer.step(
                    parameters: q[range], gradients: gradients[range], velocity: w[range], learningRate: 0.1)
            }
            #expect(q.array == p.array && w.array == v.array)
        }
    }

    /// Five steps of an optimizer on some parameters, whole and cut into slices, against its formula in double precision.
    private func check<Scalar: TensorScalar>(
        _ optimizer: any Optimizer, tolerance: Double, as: Scalar.Type,
        formula: (_ p: inout Double, _ state: inout [Double], _ g: Double, _ rate: Double, _ step: Int) ->
            Void
    ) {
        let count = 67
        let scratch = Scratch()
        let whole: Vector<Scalar> = scratch.normals(count, stream: 1)
        let cut = scratch.vector(whole.array)
        let zeros = optimizer.stateNames.map { _ in [Scalar](repeating: 0, count: count) }
        let states = (zeros.map { scratch.vector($0) }, zeros.map { scratch.vector($0) })
        var p = whole.doubles
        var state = [[Double]](
            repeating: [Double](repeating: 0, count: optimizer.stateNames.count), count: count)
        for step in 1...5 {
            let gradients: Vector<Scalar> = scratch.normals(count, stream: 1 + step)
            let rate = 0.1 / Double(step)
            OptimizerStep(
                optimizer, parameters: whole, state: states.0, learningRate: rate, number: step
            ).apply(to: 0..<count, gradients: gradients)
            let slices = OptimizerStep(
                optimizer, parameters: cut, state: states.1, learningRate: rate, number: step)
            for range in [0..<step, step..<16 + step, 16 + step..<count] {
                slices.apply(to: range, gradients: gradients[range])
            }
            for index in 0..<count { formula(&p[index], &state[index], Double(gradients[index]), rate, step) }
        }
        #expect(cut.array == whole.array)
        for (one, other) in zip(states.0, states.1) { #expect(one.array == other.array) }
        for index in 0..<count {
            #expect(abs(Double(whole[index]) - p[index]) < tolerance)
            for (tensor, value) in zip(states.0, state[index]) {
                #expect(abs(Double(tensor[index]) - value) < tolerance)
            }
        }
    }

    @Test("AdamW takes the steps of its formula, and on slices those on the whole", arguments: [0, 0.1])
    func adamW(weightDecay: Double) {
        let adam = AdamW(beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: weightDecay)
        func formula(_ p: inout Double, _ s: inout [Double], _ g: Double, _ rate: Double, _ step: Int) {
            p -= rate * weightDecay * p
            s[0] = 0.8 * s[0] + 0.2 * g
            s[1] = 0.95 * s[1] + 0.05 * g * g
            let mean = s[0] / (1 - pow(0.8, Double(step)))
            p -= rate * mean / ((s[1] / (1 - pow(0.95, Double(step)))).squareRoot() + 1e-6)
        }
        check(adam, tolerance: 1e-13, as: Double.self, formula: formula)
        check(adam, tolerance: 2e-6, as: Float.self, formula: formula)
    }

    @Test("Lion takes the steps of its formula, and on slices those on the whole", arguments: [0, 0.1])
    func lion(weightDecay: Double) {
        let lion = Lion(beta1: 0.8, beta2: 0.95, weightDecay: weightDecay)
        func formula(_ p: inout Double, _ s: inout [Double], _ g: Double, _ rate: Double, _ step: Int) {
            let mean = 0.8 * s[0] + 0.2 * g
            p -= rate * ((mean > 0 ? 1 : mean < 0 ? -1 : 0) + weightDecay * p)
            s[0] = 0.95 * s[0] + 0.05 * g
        }
        check(lion, tolerance: 1e-13, as: Double.self, formula: formula)
        check(lion, tolerance: 2e-6, as: Float.self, formula: formula)
    }

    @Test("L1 draws every parameter by the same amount towards 0, and leaves those that are 0 there")
    func l1() {
        let scratch = Scratch()
        let parameters: Vector<Float> = scratch.vector([2, 0.5, 0, -0.0, -0.5, -2])
        let gradients: Vector<Float> = scratch.vector([Float](repeating: 0, count: 6))
        SGD(l1: 0.25).step(
            parameters: parameters, gradients: gradients, velocity: gradients, learningRate: 0.5)
        #expect(parameters.array == [1.875, 0.375, 0, 0, -0.375, -1.875])
    }

    @Test("AdamW draws weights alone towards 0, by the same amount within a layer, and leaves them there")
    func sparseAdamW() throws {
        let scratch = Scratch()
        let network = MLP(MLPConfiguration(inputs: 3, hiddenDimensions: [2], classes: 2)).network
        let before = (0..<network.parameterLayout.count).map { Float([2, 0.5, 0, -0.0, -0.5, -2][$0 % 6]) }
        let parameters = scratch.vector(before)
        let zeros = { (count: Int) -> Vector<Float> in scratch.vector([Float](repeating: 0, count: count)) }
        let step = OptimizerStep(
            AdamW(l1: 0.5, inputL1: 2), parameters: parameters,
            state: [zeros(before.count), zeros(before.count)], learningRate: 0.5, number: 1)
        for linear in network.linears {
            let (rows, columns) = (linear.outputs, linear.inputs)
            step.apply(
                toWeightOf: linear, columns: 0..<columns,
                gradient: zeros(rows * columns).matrix(rows: rows, columns: columns))
            step.apply(to: linear.bias, gradients: zeros(linear.bias.count))
            let most: Float = linear.index == 0 ? 1 : 0.25
            for place in linear.weight {
                #expect(abs(parameters[place]) == max(abs(before[place]) - most, 0))
                #expect(parameters[place] * before[place] >= 0)
            }
            #expect(linear.bias.allSatisfy { parameters[$0] == before[$0] })
        }
    }

    @Test("Plain gradient descent leaves a velocity alone and needs none")
    func noVelocity() {
        #expect(SGD(weightDecay: 0.1).stateNames == [])
        #expect(SGD(momentum: 0.1).stateNames == ["velocity"])
    }
}
