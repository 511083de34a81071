import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors
import Testing

/// A step of the optimizer that is taken piece by piece.
@Suite struct OptimizerStepTests {
    private func check<Scalar: TensorScalar>(_ optimizer: SGD, group: Int, as type: Scalar.Type) {
        let scratch = Scratch()
        let network = MLP(MLPConfiguration(inputs: 37, hiddenDimensions: [5, 40], classes: 3)).network
        let count = network.parameterLayout.count
        let gradients: Vector<Scalar> = scratch.normals(count, stream: 1)
        let start: Vector<Scalar> = scratch.normals(count, stream: 2)
        let velocity: Vector<Scalar> = scratch.normals(count, stream: 3)
        let (p, v) = (scratch.vector(start.array), scratch.vector(velocity.array))
        optimizer.step(parameters: p, gradients: gradients, velocity: v, learningRate: 0.1)

        let (q, w) = (scratch.vector(start.array), scratch.vector(velocity.array))
        let update = OptimizerStep(
            optimizer, parameters: q, state: optimizer.stateNames.map { _ in w }, learningRate: 0.1, number: 1
        )
        #expect(update.parameters.base == q.base)
        for module in network.linears.reversed() {
            update.apply(to: module.bias, gradients: gradients[module.bias])
            let whole = gradients[module.weight].matrix(rows: module.outputs, columns: module.inputs)
            for first in stride(from: 0, to: module.inputs, by: group) {
                let columns = first..<min(first + group, module.inputs)
                let gradient: Matrix<Scalar> = scratch.unset(module.outputs, columns.count)
                gradient.copy(from: StridedMatrix(whole, columns: columns))
                update.apply(toWeightOf: module, columns: columns, gradient: gradient)
            }
        }
        #expect(q.array == p.array && w.array == v.array)
        #expect(q.array != start.array)
        #expect((w.array == velocity.array) == optimizer.stateNames.isEmpty)
    }

    @Test(
        "Columns of weights and vectors, in any order, give the bits of one step on all parameters",
        arguments: SGDTests.optimizers, [1, 7, 16, 32, 64])
    func pieces(optimizer: SGD, group: Int) {
        check(optimizer, group: group, as: Float.self)
        check(optimizer, group: group, as: Double.self)
    }

    @Test("A piece changes its own parameters and no others")
    func onePiece() {
        let scratch = Scratch()
        let network = MLP(MLPConfiguration(inputs: 6, hiddenDimensions: [4], classes: 3)).network
        let module = network.linears[1]
        let count = network.parameterLayout.count
        let (p, v) = (
            scratch.vector([Float](repeating: 1, count: count)),
            scratch.vector([Float](repeating: 0, count: count))
        )
        let update = OptimizerStep(
            SGD(momentum: 0.5), parameters: p, state: [v], learningRate: 0.25, number: 1)
        update.apply(
            toWeightOf: module, columns: 1..<3,
            gradient: scratch.vector([1, 2, 3, 4, 5, 6] as [Float]).matrix(rows: 3, columns: 2))
        var (expected, velocity) = ([Float](repeating: 1, count: count), [Float](repeating: 0, count: count))
        for (row, values) in [[1, 2], [3, 4], [5, 6]].enumerated() {
            for (column, value) in values.enumerated() {
                let index = module.weight.lowerBound + row * 4 + 1 + column
                velocity[index] = Float(value)
                expected[index] = 1 - 0.25 * Float(value)
            }
        }
        #expect(p.array == expected && v.array == velocity)
    }

    @Test(
        "Weight decay draws all parameters to 0, or where asked for weights alone",
        arguments: DecayScope.allCases)
    func decay(scope: DecayScope) {
        let optimizers: [any Optimizer] = [
            SGD(weightDecay: 0.5, decayScope: scope), AdamW(weightDecay: 0.5, decayScope: scope),
            Lion(weightDecay: 0.5, decayScope: scope),
        ]
        for optimizer in optimizers {
            let scratch = Scratch()
            let network = MLP(MLPConfiguration(inputs: 6, hiddenDimensions: [4], classes: 3)).network
            let count = network.parameterLayout.count
            let p = scratch.vector([Float](repeating: 1, count: count))
            let zeros = scratch.vector([Float](repeating: 0, count: count))
            let update = OptimizerStep(
                optimizer, parameters: p,
                state: optimizer.stateNames.map { _ in scratch.vector(zeros.array) }, learningRate: 0.25,
                number: 1)
            for module in network.linears {
                update.apply(to: module.bias, gradients: zeros[module.bias])
                update.apply(
                    toWeightOf: module, columns: 0..<module.inputs,
                    gradient: zeros[module.weight].matrix(rows: module.outputs, columns: module.inputs))
                #expect(p[module.weight].array.allSatisfy { $0 == 0.875 })
                #expect(p[module.bias].array.allSatisfy { $0 == (scope == .all ? 0.875 : 1) })
            }
        }
    }
}
