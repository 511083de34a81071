internal import CKernels

/// A type of scalar that the engine can compute with: `Float`, which trains, and `Double`, which checks.
///
/// Its static functions are raw kernels on pointers, one call for a whole matrix. Products and sums are operations on
/// ``Matrix`` and ``Vector``. A kernel is a loop in CKernels, an entry in that library's list, and a function here.
public protocol TensorScalar: BinaryFloatingPoint, BitwiseCopyable, Sendable {
    /// Which of the kernels' precisions it has.
    static var precision: Precision { get }
}

/// The precisions that kernels exist for.
public enum Precision: Sendable {
    /// 32 bits.
    case single
    /// 64 bits.
    case double
}

extension Float: TensorScalar {
    /// Single.
    public static var precision: Precision { .single }
}

extension Double: TensorScalar {
    /// Double.
    public static var precision: Precision { .double }
}

extension TensorScalar {
    /// The precision, for CKernels.
    static var kernels: dp_precision { precision == .single ? dp_float32 : dp_float64 }
}

// MARK: - Activations

extension TensorScalar {
    /// Writes eˣ of every x into y.
    public static func exp(_ count: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>) {
        dp_exp(kernels, count, x, y)
    }

    /// Writes x for x > 0 and α (eˣ − 1) otherwise into y, which may be x.
    public static func elu(
        _ count: Int, _ alpha: Self, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>
    ) {
        dp_elu(kernels, count, Double(alpha), x, y)
    }

    /// Writes max(x, 0) into y, which may be x.
    public static func relu(_ count: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>) {
        dp_relu(kernels, count, x, y)
    }

    /// Writes tanh(x) into y, which may be x.
    public static func tanh(_ count: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>) {
        dp_tanh(kernels, count, x, y)
    }

    /// Multiplies the gradient by ELU's derivative, from ELU's output y.
    public static func eluBackward(
        _ count: Int, _ alpha: Self, _ y: UnsafePointer<Self>, _ gradient: UnsafeMutablePointer<Self>
    ) {
        dp_elu_backward(kernels, count, Double(alpha), y, gradient)
    }

    /// Multiplies the gradient by ReLU's derivative, from ReLU's output y.
    public static func reluBackward(
        _ count: Int, _ y: UnsafePointer<Self>, _ gradient: UnsafeMutablePointer<Self>
    ) {
        dp_relu_backward(kernels, count, y, gradient)
    }

    /// Multiplies the gradient by tanh's derivative, from tanh's output y.
    public static func tanhBackward(
        _ count: Int, _ y: UnsafePointer<Self>, _ gradient: UnsafeMutablePointer<Self>
    ) {
        dp_tanh_backward(kernels, count, y, gradient)
    }

    /// Writes GELU(x) = x Φ(x), with the normal distribution's function Φ, into y, which may be x.
    public static func gelu(_ count: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>) {
        dp_gelu(kernels, count, x, y)
    }

    /// Multiplies the gradient by GELU's derivative, from GELU's input x (of the other activations it is the output).
    public static func geluBackward(
        _ count: Int, _ x: UnsafePointer<Self>, _ gradient: UnsafeMutablePointer<Self>
    ) {
        dp_gelu_backward(kernels, count, x, gradient)
    }

    /// Multiplies x by a dropout mask: 0 with the given probability, else 1 / (1 − probability). Forward and backward are the
    /// same.
    ///
    /// The mask depends on nothing but what it is named by: on no division into ranks, parts or vectors.
    ///
    /// - Parameters:
    ///   - rows: The rows of x.
    ///   - columns: The columns of x.
    ///   - probability: That an entry becomes 0, from 0 to below 1.
    ///   - seed: The run's seed.
    ///   - layer: Which of the network's masks this is, below 2²⁴.
    ///   - step: The training step, below 2³².
    ///   - firstRow: The row of the global batch that x begins with, below 2³².
    ///   - x: The matrix.
    public static func dropout(
        _ rows: Int, _ columns: Int, probability: Double, seed: UInt64, layer: Int, step: Int, firstRow: Int,
        _ x: UnsafeMutablePointer<Self>
    ) {
        precondition(probability >= 0 && probability < 1, "dropout of \(probability)")
        precondition(layer >= 0 && layer < 1 << 24, "mask \(layer)")
        dp_dropout(
            kernels, rows, columns, probability, seed,
            RandomStream.Purpose.dropout.rawValue | UInt32(layer) << 8, UInt32(step), UInt32(firstRow), x)
    }
}

// MARK: - Normalisation

extension TensorScalar {
    /// Merges moments [2 columns] of one set of rows into those of another; see the engine's part tree.
    public static func mergeMoments(
        _ columns: Int, _ share: Self, _ weight: Self, _ from: UnsafePointer<Self>,
        _ into: UnsafeMutablePointer<Self>
    ) {
        dp_merge_moments(kernels, columns, Double(share), Double(weight), from, into)
    }

    /// Writes variance = m2 / degrees and scale = 1 / √(m2 / count + epsilon).
    public static func variances(
        _ columns: Int, _ count: Self, _ degrees: Self, _ epsilon: Self, _ m2: UnsafePointer<Self>,
        _ variance: UnsafeMutablePointer<Self>, _ scale: UnsafeMutablePointer<Self>
    ) {
        dp_variances(kernels, columns, Double(count), Double(degrees), Double(epsilon), m2, variance, scale)
    }

    /// Writes scale = 1 / √(variance + epsilon).
    public static func scales(
        _ columns: Int, _ epsilon: Self, _ variance: UnsafePointer<Self>, _ scale: UnsafeMutablePointer<Self>
    ) {
        dp_scales(kernels, columns, Double(epsilon), variance, scale)
    }

    /// Moves y towards x: y ← (1 − share) y + share x.
    public static func blend(
        _ count: Int, _ share: Self, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>
    ) {
        dp_blend(kernels, count, Double(share), x, y)
    }

    /// Turns x into (x − mean) · scale and writes γ x + β into y, column by column.
    public static func batchNorm(
        _ rows: Int, _ columns: Int, _ mean: UnsafePointer<Self>, _ scale: UnsafePointer<Self>,
        _ gamma: UnsafePointer<Self>, _ beta: UnsafePointer<Self>, _ x: UnsafeMutablePointer<Self>,
        _ y: UnsafeMutablePointer<Self>
    ) {
        dp_batch_norm(kernels, rows, columns, mean, scale, gamma, beta, x, y)
    }

    /// Writes the column sums of d, and of d ∘ normalized.
    public static func batchNormSums(
        _ rows: Int, _ columns: Int, _ d: UnsafePointer<Self>, _ normalized: UnsafePointer<Self>,
        _ sums: UnsafeMutablePointer<Self>, _ products: UnsafeMutablePointer<Self>
    ) {
        dp_batch_norm_sums(kernels, rows, columns, d, normalized, sums, products)
    }

    /// Turns d into γ · scale · (d − sums / count − normalized ∘ products / count).
    public static func batchNormBackward(
        _ rows: Int, _ columns: Int, _ count: Self, _ gamma: UnsafePointer<Self>,
        _ scale: UnsafePointer<Self>, _ sums: UnsafePointer<Self>, _ products: UnsafePointer<Self>,
        _ normalized: UnsafePointer<Self>, _ d: UnsafeMutablePointer<Self>
    ) {
        dp_batch_norm_backward(
            kernels, rows, columns, Double(count), gamma, scale, sums, products, normalized, d)
    }
}

extension TensorScalar {
    /// Layer norm: turns each row of x into (x − mean) · scale with its mean and scale = 1 / √(variance + epsilon), and
    /// writes γ x + β into y.
    public static func layerNorm(
        _ rows: Int, _ columns: Int, _ epsilon: Self, _ gamma: UnsafePointer<Self>,
        _ beta: UnsafePointer<Self>,
        _ x: UnsafeMutablePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ scale: UnsafeMutablePointer<Self>
    ) {
        dp_layer_norm(kernels, rows, columns, Double(epsilon), gamma, beta, x, y, scale)
    }

    /// Turns each row of d into scale · (g − mean of g − normalized · mean of (g ∘ normalized)), g = γ ∘ d. The sums for the
    /// gradients of γ and β are ``batchNormSums(_:_:_:_:_:_:)`` of the d before.
    public static func layerNormBackward(
        _ rows: Int, _ columns: Int, _ gamma: UnsafePointer<Self>, _ scale: UnsafePointer<Self>,
        _ normalized: UnsafePointer<Self>, _ d: UnsafeMutablePointer<Self>
    ) {
        dp_layer_norm_backward(kernels, rows, columns, gamma, scale, normalized, d)
    }
}

// MARK: - Loss

extension TensorScalar {
    /// Writes the softmax of each row of x into y, which may be x.
    public static func softmax(
        _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>
    ) {
        dp_softmax(kernels, rows, columns, x, y)
    }

    /// Turns d into y ∘ (d − (d ∘ y) 1 1ᵀ).
    public static func softmaxBackward(
        _ rows: Int, _ columns: Int, _ y: UnsafePointer<Self>, _ d: UnsafeMutablePointer<Self>
    ) {
        dp_softmax_backward(kernels, rows, columns, y, d)
    }

    /// Writes factor · (softmax(z) − one-hot(label)) into gradient, which may be z; returns the sum of the rows'
    /// losses and stores how many rows have their largest entry at the label.
    public static func softmaxCrossEntropy(
        _ rows: Int, _ columns: Int, _ z: UnsafePointer<Self>, _ labels: UnsafePointer<Int32>, _ factor: Self,
        _ gradient: UnsafeMutablePointer<Self>, _ correct: UnsafeMutablePointer<Int>
    ) -> Double {
        dp_softmax_cross_entropy(kernels, rows, columns, z, labels, Double(factor), gradient, correct)
    }

    /// The same against rows of target probabilities.
    public static func softmaxCrossEntropySoft(
        _ rows: Int, _ columns: Int, _ z: UnsafePointer<Self>, _ targets: UnsafePointer<Self>, _ factor: Self,
        _ gradient: UnsafeMutablePointer<Self>, _ correct: UnsafeMutablePointer<Int>
    ) -> Double {
        dp_softmax_cross_entropy_soft(kernels, rows, columns, z, targets, Double(factor), gradient, correct)
    }
}

// MARK: - Optimizers

extension TensorScalar {
    /// One step of stochastic gradient descent on rows of parameters, as PyTorch defines it, with l1 · sign(p) in the
    /// gradient; velocity may be nil when momentum is 0.
    public static func sgd(
        _ rows: Int, _ columns: Int, _ rate: Self, _ momentum: Self, _ nesterov: Bool, _ weightDecay: Self,
        l1: Self, _ gradient: UnsafePointer<Self>, _ gradientStride: Int,
        _ velocity: UnsafeMutablePointer<Self>?,
        _ parameters: UnsafeMutablePointer<Self>, _ stride: Int
    ) {
        dp_sgd(
            kernels, rows, columns, Double(rate), Double(momentum), nesterov ? 1 : 0, Double(weightDecay),
            Double(l1), gradient, gradientStride, velocity, parameters, stride)
    }

    /// One step of AdamW on rows of parameters, as PyTorch defines it; m and v are the means of gradients and of their
    /// squares, the corrections 1 − β₁ᵗ and 1 − β₂ᵗ for step t, from 1. At last each parameter goes towards 0 by rate · l1, and
    /// stays there if it gets to it.
    public static func adamW(
        _ rows: Int, _ columns: Int, rate: Double, beta1: Double, beta2: Double, epsilon: Double,
        weightDecay: Double, l1: Double, correction1: Double, correction2: Double,
        _ gradient: UnsafePointer<Self>,
        _ gradientStride: Int, m: UnsafeMutablePointer<Self>, v: UnsafeMutablePointer<Self>,
        _ parameters: UnsafeMutablePointer<Self>, _ stride: Int
    ) {
        dp_adamw(
            kernels, rows, columns, rate, beta1, beta2, epsilon, weightDecay, l1, correction1, correction2,
            gradient, gradientStride, m, v, parameters, stride)
    }

    /// One step of Lion on rows of parameters: the sign of a mean of gradients, and decoupled weight decay.
    public static func lion(
        _ rows: Int, _ columns: Int, rate: Double, beta1: Double, beta2: Double, weightDecay: Double,
        _ gradient: UnsafePointer<Self>, _ gradientStride: Int, m: UnsafeMutablePointer<Self>,
        _ parameters: UnsafeMutablePointer<Self>, _ stride: Int
    ) {
        dp_lion(
            kernels, rows, columns, rate, beta1, beta2, weightDecay, gradient, gradientStride, m, parameters,
            stride)
    }
}
