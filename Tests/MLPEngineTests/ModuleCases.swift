import MLPEngine
import TensorTestSupport
import Tensors

/// Y = X Wᵀ + 1 bᵀ, of X and of the parameters; other tensors stand before and behind it in the layout.
struct LinearCase: GradientCase {
    let rows: Int
    let inputs: Int
    let outputs: Int

    var testDescription: String { "linear" }

    var variables: [[Double]] {
        [
            Scratch.normals(rows * inputs, seed: 1, stream: 1),
            Scratch.normals(outputs * inputs + outputs, seed: 1, stream: 2),
        ]
    }

    func evaluate<Scalar: TensorScalar>(_ variables: [[Double]], as type: Scalar.Type) -> (
        value: Double, gradients: [[Double]]
    ) {
        let scratch = Scratch()
        var layout = ParameterLayout()
        _ = layout.append(name: "before", shape: [5], initialization: .constant(0))
        let module = Linear(inputs: inputs, outputs: outputs, name: "a", standardDeviation: 1, in: &layout)
        _ = layout.append(name: "behind", shape: [2], initialization: .constant(0))
        let unused = [Double](repeating: .nan, count: 5)
        let parameters: Vector<Scalar> = scratch.vector(rounding: unused + variables[1] + unused[..<2])
        let gradients: Vector<Scalar> = scratch.unset(layout.count)
        let x: Matrix<Scalar> = scratch.vector(rounding: variables[0]).matrix(rows: rows, columns: inputs)
        let y: Matrix<Scalar> = scratch.unset(rows * outputs).matrix(rows: rows, columns: outputs)
        let dx: Matrix<Scalar> = scratch.unset(rows * inputs).matrix(rows: rows, columns: inputs)
        let coefficients = Scratch.normals(rows * outputs, seed: 1, stream: 3)
        module.forward(x, parameters: parameters, into: y)
        let value = weightedSum(coefficients, y)
        let dy: Matrix<Scalar> = scratch.vector(rounding: coefficients).matrix(rows: rows, columns: outputs)
        module.backward(dy: dy, parameters: parameters, into: dx)
        module.computeGradient(x: x, dy: dy, gradients: gradients)
        let own = gradients[module.weight.lowerBound..<module.bias.upperBound]
        return (value, [dx.vector.doubles, own.doubles])
    }
}

/// Y = h(X) at inputs that are far enough from 0 for no difference to cross a kink.
struct ActivationCase: GradientCase {
    let activation: Activation

    var testDescription: String { "\(activation)" }

    var variables: [[Double]] {
        [Scratch.normals(35, seed: 2, stream: 1).map { $0 + ($0 < 0 ? -0.125 : 0.125) }]
    }

    func evaluate<Scalar: TensorScalar>(_ variables: [[Double]], as type: Scalar.Type) -> (
        value: Double, gradients: [[Double]]
    ) {
        let scratch = Scratch()
        let x: Matrix<Scalar> = scratch.vector(rounding: variables[0]).matrix(rows: 7, columns: 5)
        let coefficients = Scratch.normals(35, seed: 2, stream: 2)
        let gradient: Matrix<Scalar> = scratch.vector(rounding: coefficients).matrix(rows: 7, columns: 5)
        activation.forward(x, into: x)
        activation.backward(y: x, gradient: gradient)
        return (weightedSum(coefficients, x), [gradient.vector.doubles])
    }
}

/// Y = softmax(X).
struct SoftmaxCase: GradientCase {
    let columns: Int

    var testDescription: String { "softmax" }

    var variables: [[Double]] { [Scratch.normals(4 * columns, seed: 3, stream: 1)] }

    func evaluate<Scalar: TensorScalar>(_ variables: [[Double]], as type: Scalar.Type) -> (
        value: Double, gradients: [[Double]]
    ) {
        let scratch = Scratch()
        let x: Matrix<Scalar> = scratch.vector(rounding: variables[0]).matrix(rows: 4, columns: columns)
        let coefficients = Scratch.normals(x.count, seed: 3, stream: 2)
        let gradient: Matrix<Scalar> = scratch.vector(rounding: coefficients).matrix(
            rows: 4, columns: columns)
        Softmax().forward(x, into: x)
        Softmax().backward(y: x, gradient: gradient)
        return (weightedSum(coefficients, x), [gradient.vector.doubles])
    }
}

/// The mean loss of probabilities or of logits against labels or rows of probabilities.
struct LossCase: GradientCase {
    let fused: Bool
    let soft: Bool

    private var rows: Int { 6 }
    private var classes: Int { 4 }

    var testDescription: String { (fused ? "softmax " : "") + "cross-entropy, " + (soft ? "soft" : "labels") }

    var variables: [[Double]] {
        let values = Scratch.normals(rows * classes, seed: 4, stream: 1)
        // Away from 0, where 1/y and with it the error of the differences grows.
        return [fused ? values : values.map { 0.25 + min(abs($0), 2) }]
    }

    func evaluate<Scalar: TensorScalar>(_ variables: [[Double]], as type: Scalar.Type) -> (
        value: Double, gradients: [[Double]]
    ) {
        let scratch = Scratch()
        let x: Matrix<Scalar> = scratch.vector(rounding: variables[0]).matrix(rows: rows, columns: classes)
        let gradient: Matrix<Scalar> = scratch.unset(x.count).matrix(rows: rows, columns: classes)
        let targets = Self.targets(rows: rows, classes: classes, soft: soft, scratch, as: Scalar.self)
        if fused {
            let loss = SoftmaxCrossEntropy().evaluate(
                x, targets, factor: 1 / Scalar(rows), gradient: gradient)
            return (loss.meanLoss, [gradient.vector.doubles])
        }
        CrossEntropy().backward(y: x, targets, into: gradient)
        return (CrossEntropy().forward(x, targets), [gradient.vector.doubles])
    }

    /// Labels, or rows of sixteenths that sum to 1.
    static func targets<Scalar: TensorScalar>(
        rows: Int, classes: Int, soft: Bool, _ scratch: borrowing Scratch, as type: Scalar.Type
    ) -> Targets<Scalar> {
        var random = RandomStream(seed: 4, purpose: .testing, shard: 3)
        guard soft else {
            return .labels(scratch.vector((0..<rows).map { _ in Int32(random.integer(below: classes)) }))
        }
        var targets = [Scalar](repeating: 0, count: rows * classes)
        for row in 0..<rows {
            for _ in 0..<16 { targets[row * classes + random.integer(below: classes)] += 1 / 16 }
        }
        return .probabilities(scratch.vector(targets).matrix(rows: rows, columns: classes))
    }
}

/// Batch norm in training, of X and of (γ, β).
struct BatchNormCase: GradientCase {
    let rows: Int
    let width: Int

    var testDescription: String { "batch norm" }

    var variables: [[Double]] {
        [
            Scratch.normals(rows * width, seed: 5, stream: 1),
            Scratch.normals(2 * width, seed: 5, stream: 2),
        ]
    }

    func evaluate<Scalar: TensorScalar>(_ variables: [[Double]], as type: Scalar.Type) throws -> (
        value: Double, gradients: [[Double]]
    ) {
        let scratch = Scratch()
        var (layout, statistics) = (ParameterLayout(), ParameterLayout())
        let module = BatchNorm(width: width, name: "a", in: &layout, statistics: &statistics)
        let parameters: Vector<Scalar> = scratch.vector(rounding: variables[1])
        let gradients: Vector<Scalar> = scratch.unset(layout.count)
        let x: Matrix<Scalar> = scratch.vector(rounding: variables[0]).matrix(rows: rows, columns: width)
        let y: Matrix<Scalar> = scratch.unset(x.count).matrix(rows: rows, columns: width)
        let columns: Vector<Scalar> = scratch.unset(BatchNorm.columnScalars(width: width, parts: 1))
        let coefficients = Scratch.normals(x.count, seed: 5, stream: 3)
        try module.forward(
            x, into: y, parameters: parameters, batchStatistics: scratch.unset(1, statistics.count),
            columns: columns, reducer: LocalBatch())
        let value = weightedSum(coefficients, y)
        let gradient: Matrix<Scalar> = scratch.vector(rounding: coefficients).matrix(
            rows: rows, columns: width)
        try module.backward(
            normalized: x, gradient: gradient, parts: 1, parameters: parameters, gradients: gradients,
            columns: columns,
            reducer: LocalBatch())
        return (value, [gradient.vector.doubles, gradients.doubles])
    }
}

/// Y = X + tanh(X).
struct ResidualCase: GradientCase {
    var testDescription: String { "residual" }

    var variables: [[Double]] { [Scratch.normals(20, seed: 6, stream: 1)] }

    func evaluate<Scalar: TensorScalar>(_ variables: [[Double]], as type: Scalar.Type) -> (
        value: Double, gradients: [[Double]]
    ) {
        let scratch = Scratch()
        let x: Matrix<Scalar> = scratch.vector(rounding: variables[0]).matrix(rows: 4, columns: 5)
        let (branch, y): (Matrix<Scalar>, Matrix<Scalar>) = (
            scratch.unset(20).matrix(rows: 4, columns: 5), scratch.unset(20).matrix(rows: 4, columns: 5)
        )
        let coefficients = Scratch.normals(20, seed: 6, stream: 2)
        let dy: Matrix<Scalar> = scratch.vector(rounding: coefficients).matrix(rows: 4, columns: 5)
        let gradient: Matrix<Scalar> = scratch.vector(rounding: coefficients).matrix(rows: 4, columns: 5)
        Activation.tanh.forward(x, into: branch)
        y.vector.copy(from: branch.vector)
        Residual().forward(x, branch: y)
        Activation.tanh.backward(y: branch, gradient: gradient)
        Residual().backward(dy: dy, branchGradient: gradient)
        return (weightedSum(coefficients, y), [gradient.vector.doubles])
    }
}
