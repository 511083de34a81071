import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

@Suite struct SGDTests {
    static let optimizers = [
        SGD(), SGD(weightDecay: 0.01), SGD(momentum: 0.9), SGD(momentum: 0.9, weightDecay: 0.01),
        SGD(momentum: 0.9, nesterov: true), SGD(momentum: 0.5, nesterov: true, weightDecay: 0.1),
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
                var d = Double(gradients[index]) + optimizer.weightDecay * p[index]
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
        "Five steps equal the formula, with and without momentum, Nesterov's and weight decay",
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

    @Test("Plain gradient descent leaves a velocity alone and needs none")
    func noVelocity() {
        #expect(SGD(weightDecay: 0.1).stateNames == [])
        #expect(SGD(momentum: 0.1).stateNames == ["velocity"])
    }
}
