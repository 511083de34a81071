internal import CKernels

// Documented at the requirements of TensorScalar.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension Double: TensorScalar {
    public static func exp(_ count: Int, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>) {
        dp_exp_f64(count, x, y)
    }

    public static func elu(
        _ count: Int, _ alpha: Double, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>
    ) {
        dp_elu_f64(count, alpha, x, y)
    }

    public static func relu(_ count: Int, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>) {
        dp_relu_f64(count, x, y)
    }

    public static func tanh(_ count: Int, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>) {
        dp_tanh_f64(count, x, y)
    }

    public static func eluBackward(
        _ count: Int, _ alpha: Double, _ y: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Double>
    ) {
        dp_elu_backward_f64(count, alpha, y, gradient)
    }

    public static func reluBackward(
        _ count: Int, _ y: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Double>
    ) {
        dp_relu_backward_f64(count, y, gradient)
    }

    public static func tanhBackward(
        _ count: Int, _ y: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Double>
    ) {
        dp_tanh_backward_f64(count, y, gradient)
    }

    public static func add(_ count: Int, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>) {
        dp_add_f64(count, x, y)
    }

    public static func scale(_ count: Int, _ factor: Double, _ y: UnsafeMutablePointer<Double>) {
        dp_scale_f64(count, factor, y)
    }

    public static func addBias(
        _ rows: Int, _ columns: Int, _ bias: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>
    ) {
        dp_add_bias_f64(rows, columns, bias, x)
    }

    public static func columnSums(
        _ rows: Int, _ columns: Int, _ x: UnsafePointer<Double>, _ stride: Int,
        _ sums: UnsafeMutablePointer<Double>
    ) {
        dp_column_sums_f64(rows, columns, x, stride, sums)
    }

    public static func columnMoments(
        _ rows: Int, _ columns: Int, _ x: UnsafePointer<Double>, _ mean: UnsafeMutablePointer<Double>,
        _ m2: UnsafeMutablePointer<Double>
    ) {
        dp_column_moments_f64(rows, columns, x, mean, m2)
    }

    public static func mergeMoments(
        _ columns: Int, _ share: Double, _ weight: Double, _ from: UnsafePointer<Double>,
        _ into: UnsafeMutablePointer<Double>
    ) {
        dp_merge_moments_f64(columns, share, weight, from, into)
    }

    public static func variances(
        _ columns: Int, _ count: Double, _ degrees: Double, _ epsilon: Double, _ m2: UnsafePointer<Double>,
        _ variance: UnsafeMutablePointer<Double>, _ scale: UnsafeMutablePointer<Double>
    ) {
        dp_variances_f64(columns, count, degrees, epsilon, m2, variance, scale)
    }

    public static func scales(
        _ columns: Int, _ epsilon: Double, _ variance: UnsafePointer<Double>,
        _ scale: UnsafeMutablePointer<Double>
    ) {
        dp_scales_f64(columns, epsilon, variance, scale)
    }

    public static func blend(
        _ count: Int, _ share: Double, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>
    ) {
        dp_blend_f64(count, share, x, y)
    }

    public static func batchNorm(
        _ rows: Int, _ columns: Int, _ mean: UnsafePointer<Double>, _ scale: UnsafePointer<Double>,
        _ gamma: UnsafePointer<Double>, _ beta: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>,
        _ y: UnsafeMutablePointer<Double>
    ) {
        dp_batch_norm_f64(rows, columns, mean, scale, gamma, beta, x, y)
    }

    public static func batchNormSums(
        _ rows: Int, _ columns: Int, _ d: UnsafePointer<Double>, _ normalized: UnsafePointer<Double>,
        _ sums: UnsafeMutablePointer<Double>, _ products: UnsafeMutablePointer<Double>
    ) {
        dp_batch_norm_sums_f64(rows, columns, d, normalized, sums, products)
    }

    public static func batchNormBackward(
        _ rows: Int, _ columns: Int, _ count: Double, _ gamma: UnsafePointer<Double>,
        _ scale: UnsafePointer<Double>, _ sums: UnsafePointer<Double>, _ products: UnsafePointer<Double>,
        _ normalized: UnsafePointer<Double>, _ d: UnsafeMutablePointer<Double>
    ) {
        dp_batch_norm_backward_f64(rows, columns, count, gamma, scale, sums, products, normalized, d)
    }

    public static func softmax(
        _ rows: Int, _ columns: Int, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>
    ) {
        dp_softmax_f64(rows, columns, x, y)
    }

    public static func softmaxBackward(
        _ rows: Int, _ columns: Int, _ y: UnsafePointer<Double>, _ d: UnsafeMutablePointer<Double>
    ) {
        dp_softmax_backward_f64(rows, columns, y, d)
    }

    public static func softmaxCrossEntropy(
        _ rows: Int, _ columns: Int, _ z: UnsafePointer<Double>, _ labels: UnsafePointer<Int32>,
        _ factor: Double, _ gradient: UnsafeMutablePointer<Double>, _ correct: UnsafeMutablePointer<Int>
    ) -> Double {
        dp_softmax_cross_entropy_f64(rows, columns, z, labels, factor, gradient, correct)
    }

    public static func softmaxCrossEntropySoft(
        _ rows: Int, _ columns: Int, _ z: UnsafePointer<Double>, _ targets: UnsafePointer<Double>,
        _ factor: Double, _ gradient: UnsafeMutablePointer<Double>, _ correct: UnsafeMutablePointer<Int>
    ) -> Double {
        dp_softmax_cross_entropy_soft_f64(rows, columns, z, targets, factor, gradient, correct)
    }

    public static func sgd(
        _ rows: Int, _ columns: Int, _ rate: Double, _ momentum: Double, _ nesterov: Bool,
        _ weightDecay: Double, _ gradient: UnsafePointer<Double>, _ gradientStride: Int,
        _ velocity: UnsafeMutablePointer<Double>?, _ parameters: UnsafeMutablePointer<Double>, _ stride: Int
    ) {
        dp_sgd_f64(
            rows, columns, rate, momentum, nesterov ? 1 : 0, weightDecay, gradient, gradientStride, velocity,
            parameters, stride)
    }
}
