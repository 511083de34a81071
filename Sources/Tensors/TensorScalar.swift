/// A type of scalar that the engine can compute with: `Float`, which trains, and `Double`, which checks.
///
/// The requirements are raw kernels on pointers, one call for a whole matrix; what other targets call are the
/// checked operations on ``Matrix`` and ``Vector``.
public protocol TensorScalar: BinaryFloatingPoint, BitwiseCopyable, Sendable {
    /// The scalars of memory that a product works in.
    static var productScratch: Int { get }

    /// C [m, n] ← A B with A [m, k] and B packed; strides are scalars from row to row.
    static func multiplyRows(
        _ m: Int, _ n: Int, _ k: Int, _ left: UnsafePointer<Self>, _ leftStride: Int,
        _ right: UnsafePointer<Self>, _ c: UnsafeMutablePointer<Self>, _ cStride: Int,
        _ scratch: UnsafeMutablePointer<Self>)

    /// The same with A made of pixels, pixel i of a row being p · scale + shift of its colour plane i / plane.
    static func multiplyPixels(
        _ m: Int, _ n: Int, _ k: Int, _ left: UnsafePointer<UInt8>, _ plane: Int,
        _ scale: UnsafePointer<Self>,
        _ shift: UnsafePointer<Self>, _ right: UnsafePointer<Self>, _ c: UnsafeMutablePointer<Self>,
        _ cStride: Int, _ scratch: UnsafeMutablePointer<Self>)

    /// C [m, n] ← Aᵀ B with A [k, m] and B packed.
    static func multiplyColumns(
        _ m: Int, _ n: Int, _ k: Int, _ left: UnsafePointer<Self>, _ leftStride: Int,
        _ right: UnsafePointer<Self>, _ c: UnsafeMutablePointer<Self>, _ cStride: Int,
        _ scratch: UnsafeMutablePointer<Self>)

    /// Packs B [k, n].
    static func packRows(
        _ k: Int, _ n: Int, _ b: UnsafePointer<Self>, _ stride: Int, _ packed: UnsafeMutablePointer<Self>)

    /// Packs B [k, n] from its transpose [n, k].
    static func packColumns(
        _ k: Int, _ n: Int, _ b: UnsafePointer<Self>, _ stride: Int, _ packed: UnsafeMutablePointer<Self>,
        _ panelStride: Int)

    /// Packs columns first ..< first + n of k rows of pixels.
    static func packPixels(
        _ k: Int, _ first: Int, _ n: Int, _ b: UnsafePointer<UInt8>, _ stride: Int, _ plane: Int,
        _ scale: UnsafePointer<Self>, _ shift: UnsafePointer<Self>, _ packed: UnsafeMutablePointer<Self>)

    /// Writes eˣ of every x into y.
    static func exp(_ count: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)

    /// Writes x for x > 0 and α (eˣ − 1) otherwise into y, which may be x.
    static func elu(_ count: Int, _ alpha: Self, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)

    /// Writes max(x, 0) into y, which may be x.
    static func relu(_ count: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)

    /// Writes tanh(x) into y, which may be x.
    static func tanh(_ count: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)

    /// Multiplies the gradient by ELU's derivative, from ELU's output y.
    static func eluBackward(
        _ count: Int, _ alpha: Self, _ y: UnsafePointer<Self>, _ gradient: UnsafeMutablePointer<Self>)

    /// Multiplies the gradient by ReLU's derivative, from ReLU's output y.
    static func reluBackward(_ count: Int, _ y: UnsafePointer<Self>, _ gradient: UnsafeMutablePointer<Self>)

    /// Multiplies the gradient by tanh's derivative, from tanh's output y.
    static func tanhBackward(_ count: Int, _ y: UnsafePointer<Self>, _ gradient: UnsafeMutablePointer<Self>)

    /// Adds x to y.
    static func add(_ count: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)

    /// Multiplies y by a factor.
    static func scale(_ count: Int, _ factor: Self, _ y: UnsafeMutablePointer<Self>)

    /// Adds bias [columns] to every row of x.
    static func addBias(
        _ rows: Int, _ columns: Int, _ bias: UnsafePointer<Self>, _ x: UnsafeMutablePointer<Self>)

    /// Writes the sum of each column of x into sums [columns], rows added from first to last.
    static func columnSums(
        _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ stride: Int,
        _ sums: UnsafeMutablePointer<Self>)

    /// Writes each column's mean and sum of squared deviations from it, in two passes.
    static func columnMoments(
        _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ mean: UnsafeMutablePointer<Self>,
        _ m2: UnsafeMutablePointer<Self>)

    /// Merges moments [2 columns] of one set of rows into those of another; see the engine's part tree.
    static func mergeMoments(
        _ columns: Int, _ share: Self, _ weight: Self, _ from: UnsafePointer<Self>,
        _ into: UnsafeMutablePointer<Self>)

    /// Writes variance = m2 / degrees and scale = 1 / √(m2 / count + epsilon).
    static func variances(
        _ columns: Int, _ count: Self, _ degrees: Self, _ epsilon: Self, _ m2: UnsafePointer<Self>,
        _ variance: UnsafeMutablePointer<Self>, _ scale: UnsafeMutablePointer<Self>)

    /// Writes scale = 1 / √(variance + epsilon).
    static func scales(
        _ columns: Int, _ epsilon: Self, _ variance: UnsafePointer<Self>, _ scale: UnsafeMutablePointer<Self>)

    /// Moves y towards x: y ← (1 − share) y + share x.
    static func blend(_ count: Int, _ share: Self, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)

    /// Turns x into (x − mean) · scale and writes γ x + β into y, column by column.
    static func batchNorm(
        _ rows: Int, _ columns: Int, _ mean: UnsafePointer<Self>, _ scale: UnsafePointer<Self>,
        _ gamma: UnsafePointer<Self>, _ beta: UnsafePointer<Self>, _ x: UnsafeMutablePointer<Self>,
        _ y: UnsafeMutablePointer<Self>)

    /// Writes the column sums of d, and of d ∘ normalized.
    static func batchNormSums(
        _ rows: Int, _ columns: Int, _ d: UnsafePointer<Self>, _ normalized: UnsafePointer<Self>,
        _ sums: UnsafeMutablePointer<Self>, _ products: UnsafeMutablePointer<Self>)

    /// Turns d into γ · scale · (d − sums / count − normalized ∘ products / count).
    static func batchNormBackward(
        _ rows: Int, _ columns: Int, _ count: Self, _ gamma: UnsafePointer<Self>,
        _ scale: UnsafePointer<Self>, _ sums: UnsafePointer<Self>, _ products: UnsafePointer<Self>,
        _ normalized: UnsafePointer<Self>, _ d: UnsafeMutablePointer<Self>)

    /// Writes the softmax of each row of x into y, which may be x.
    static func softmax(
        _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)

    /// Turns d into y ∘ (d − (d ∘ y) 1 1ᵀ).
    static func softmaxBackward(
        _ rows: Int, _ columns: Int, _ y: UnsafePointer<Self>, _ d: UnsafeMutablePointer<Self>)

    /// Writes factor · (softmax(z) − one-hot(label)) into gradient, which may be z; returns the sum of the rows'
    /// losses and stores how many rows have their largest entry at the label.
    static func softmaxCrossEntropy(
        _ rows: Int, _ columns: Int, _ z: UnsafePointer<Self>, _ labels: UnsafePointer<Int32>, _ factor: Self,
        _ gradient: UnsafeMutablePointer<Self>, _ correct: UnsafeMutablePointer<Int>
    ) -> Double

    /// The same against rows of target probabilities.
    static func softmaxCrossEntropySoft(
        _ rows: Int, _ columns: Int, _ z: UnsafePointer<Self>, _ targets: UnsafePointer<Self>, _ factor: Self,
        _ gradient: UnsafeMutablePointer<Self>, _ correct: UnsafeMutablePointer<Int>
    ) -> Double

    /// One step of stochastic gradient descent on rows of parameters, as PyTorch defines it; velocity may be nil when
    /// momentum is 0.
    static func sgd(
        _ rows: Int, _ columns: Int, _ rate: Self, _ momentum: Self, _ nesterov: Bool, _ weightDecay: Self,
        _ gradient: UnsafePointer<Self>, _ gradientStride: Int, _ velocity: UnsafeMutablePointer<Self>?,
        _ parameters: UnsafeMutablePointer<Self>, _ stride: Int)
}
