import MLPEngine
import MLPReference
import TensorTestSupport
import Tensors

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
        let y: Matrix<Scalar> = scratch.unset(7, 5)
        activation.forward(x, into: y)
        activation.backward(kept: activation.keepsInput ? x : y, gradient: gradient)
        activation.forward(x, into: x)
        precondition(x.vector.array == y.vector.array, "the same in place")
        return (weightedSum(coefficients, y), [gradient.vector.doubles])
    }
}

/// Y = softmax(X).
struct SoftmaxCase: GradientCase {
    let columns: Int

    var testDescription: String { "softmax" }

    var variables: [[Double]] { [Scratch.normals(4 * columns, seed: 3, stream: 1)] }

    func coefficients(_ count: Int) -> [Double] { Scratch.normals(count, seed: 3, stream: 2) }

    func evaluate<Scalar: TensorScalar>(_ variables: [[Double]], as type: Scalar.Type) -> (
        value: Double, gradients: [[Double]]
    ) {
        let scratch = Scratch()
        let x: Matrix<Scalar> = scratch.vector(rounding: variables[0]).matrix(rows: 4, columns: columns)
        let coefficients = coefficients(x.count)
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

    var rows: Int { 6 }
    var classes: Int { 4 }

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
