internal import CKernels

// Documented at the requirements of TensorScalar.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension Float: TensorScalar {
    public static func exp(_ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
        dp_exp_f32(count, x, y)
    }

    public static func elu(
        _ count: Int, _ alpha: Float, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
    ) {
        dp_elu_f32(count, alpha, x, y)
    }

    public static func relu(_ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
        dp_relu_f32(count, x, y)
    }

    public static func tanh(_ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
        dp_tanh_f32(count, x, y)
    }

    public static func eluBackward(
        _ count: Int, _ alpha: Float, _ y: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>
    ) {
        dp_elu_backward_f32(count, alpha, y, gradient)
    }

    public static func reluBackward(
        _ count: Int, _ y: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>
    ) {
        dp_relu_backward_f32(count, y, gradient)
    }

    public static func tanhBackward(
        _ count: Int, _ y: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>
    ) {
        dp_tanh_backward_f32(count, y, gradient)
    }

    public static func add(_ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
        dp_add_f32(count, x, y)
    }

    public static func scale(_ count: Int, _ factor: Float, _ y: UnsafeMutablePointer<Float>) {
        dp_scale_f32(count, factor, y)
    }

    public static func addBias(
        _ rows: Int, _ columns: Int, _ bias: UnsafePointer<Float>, _ x: UnsafeMutablePointer<Float>
    ) {
        dp_add_bias_f32(rows, columns, bias, x)
    }

    public static func columnSums(
        _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>, _ stride: Int,
        _ sums: UnsafeMutablePointer<Float>
    ) {
        dp_column_sums_f32(rows, columns, x, stride, sums)
    }

    public static func columnMoments(
        _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>, _ mean: UnsafeMutablePointer<Float>,
        _ m2: UnsafeMutablePointer<Float>
    ) {
        dp_column_moments_f32(rows, columns, x, mean, m2)
    }

    public static func mergeMoments(
        _ columns: Int, _ share: Float, _ weight: Float, _ from: UnsafePointer<Float>,
        _ into: UnsafeMutablePointer<Float>
    ) {
        dp_merge_moments_f32(columns, share, weight, from, into)
    }

    public static func variances(
        _ columns: Int, _ count: Float, _ degrees: Float, _ epsilon: Float, _ m2: UnsafePointer<Float>,
        _ variance: UnsafeMutablePointer<Float>, _ scale: UnsafeMutablePointer<Float>
    ) {
        dp_variances_f32(columns, count, degrees, epsilon, m2, variance, scale)
    }

    public static func scales(
        _ columns: Int, _ epsilon: Float, _ variance: UnsafePointer<Float>,
        _ scale: UnsafeMutablePointer<Float>
    ) {
        dp_scales_f32(columns, epsilon, variance, scale)
    }

    public static func blend(
        _ count: Int, _ share: Float, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
    ) {
        dp_blend_f32(count, share, x, y)
    }

    public static func batchNorm(
        _ rows: Int, _ columns: Int, _ mean: UnsafePointer<Float>, _ scale: UnsafePointer<Float>,
        _ gamma: UnsafePointer<Float>, _ beta: UnsafePointer<Float>, _ x: UnsafeMutablePointer<Float>,
        _ y: UnsafeMutablePointer<Float>
    ) {
        dp_batch_norm_f32(rows, columns, mean, scale, gamma, beta, x, y)
    }

    public static func batchNormSums(
        _ rows: Int, _ columns: Int, _ d: UnsafePointer<Float>, _ normalized: UnsafePointer<Float>,
        _ sums: UnsafeMutablePointer<Float>, _ products: UnsafeMutablePointer<Float>
    ) {
        dp_batch_norm_sums_f32(rows, columns, d, normalized, sums, products)
    }

    public static func batchNormBackward(
        _ rows: Int, _ columns: Int, _ count: Float, _ gamma: UnsafePointer<Float>,
        _ scale: UnsafePointer<Float>, _ sums: UnsafePointer<Float>, _ products: UnsafePointer<Float>,
        _ normalized: UnsafePointer<Float>, _ d: UnsafeMutablePointer<Float>
    ) {
        dp_batch_norm_backward_f32(rows, columns, count, gamma, scale, sums, products, normalized, d)
    }

    public static func softmax(
        _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
    ) {
        dp_softmax_f32(rows, columns, x, y)
    }

    public static func softmaxBackward(
        _ rows: Int, _ columns: Int, _ y: UnsafePointer<Float>, _ d: UnsafeMutablePointer<Float>
    ) {
        dp_softmax_backward_f32(rows, columns, y, d)
    }

    public static func softmaxCrossEntropy(
        _ rows: Int, _ columns: Int, _ z: UnsafePointer<Float>, _ labels: UnsafePointer<Int32>,
        _ factor: Float, _ gradient: UnsafeMutablePointer<Float>, _ correct: UnsafeMutablePointer<Int>
    ) -> Double {
        dp_softmax_cross_entropy_f32(rows, columns, z, labels, factor, gradient, correct)
    }

    public static func softmaxCrossEntropySoft(
        _ rows: Int, _ columns: Int, _ z: UnsafePointer<Float>, _ targets: UnsafePointer<Float>,
        _ factor: Float, _ gradient: UnsafeMutablePointer<Float>, _ correct: UnsafeMutablePointer<Int>
    ) -> Double {
        dp_softmax_cross_entropy_soft_f32(rows, columns, z, targets, factor, gradient, correct)
    }

    public static func sgd(
        _ rows: Int, _ columns: Int, _ rate: Float, _ momentum: Float, _ nesterov: Bool,
        _ weightDecay: Float, _ gradient: UnsafePointer<Float>, _ gradientStride: Int,
        _ velocity: UnsafeMutablePointer<Float>?, _ parameters: UnsafeMutablePointer<Float>, _ stride: Int
    ) {
        dp_sgd_f32(
            rows, columns, rate, momentum, nesterov ? 1 : 0, weightDecay, gradient, gradientStride, velocity,
            parameters, stride)
    }
}
