// The kernels, once per element type REAL: DP_KERNEL(result, name, parameters, arguments). CKernels.h makes declarations of
// them, kernels_dispatch.h the functions that hand over to those of an instruction set. No include guard on purpose.

// y[i] = e^x[i].
DP_KERNEL(void, dp_exp, (size_t count, const REAL *x, REAL *y), (count, x, y))

// y = x > 0 ? x : alpha (e^x - 1); x and y may be the same.
DP_KERNEL(void, dp_elu, (size_t count, REAL alpha, const REAL *x, REAL *y), (count, alpha, x, y))
// y = max(x, 0), NaN stays NaN.
DP_KERNEL(void, dp_relu, (size_t count, const REAL *x, REAL *y), (count, x, y))
DP_KERNEL(void, dp_tanh, (size_t count, const REAL *x, REAL *y), (count, x, y))

// gradient[i] *= h'(x), from the activation's output y = h(x).
DP_KERNEL(void, dp_elu_backward, (size_t count, REAL alpha, const REAL *y, REAL *gradient), (count, alpha, y, gradient))
DP_KERNEL(void, dp_relu_backward, (size_t count, const REAL *y, REAL *gradient), (count, y, gradient))
DP_KERNEL(void, dp_tanh_backward, (size_t count, const REAL *y, REAL *gradient), (count, y, gradient))

// y[i] += x[i].
DP_KERNEL(void, dp_add, (size_t count, const REAL *x, REAL *y), (count, x, y))
// y[i] *= factor.
DP_KERNEL(void, dp_scale, (size_t count, REAL factor, REAL *y), (count, factor, y))

// x[r][c] += bias[c].
DP_KERNEL(void, dp_add_bias, (size_t rows, size_t columns, const REAL *bias, REAL *x), (rows, columns, bias, x))
// sums[c] = sum over r of x[r][c], rows added from first to last; `stride` elements from row to row.
DP_KERNEL(void, dp_column_sums,
          (size_t rows, size_t columns, const REAL *x, size_t stride, REAL *sums),
          (rows, columns, x, stride, sums))
// mean[c], and m2[c] = sum over r of (x[r][c] - mean[c])^2, in two passes.
DP_KERNEL(void, dp_column_moments,
          (size_t rows, size_t columns, const REAL *x, REAL *mean, REAL *m2),
          (rows, columns, x, mean, m2))

// Merges the moments of two sets of rows, means then sums of squared deviations, [2 columns], into the first; share is
// the second set's share of all rows, weight the number of the first's rows times it.
DP_KERNEL(void, dp_merge_moments,
          (size_t columns, REAL share, REAL weight, const REAL *from, REAL *into),
          (columns, share, weight, from, into))
// variance = m2 / degrees, scale = 1 / sqrt(m2 / count + epsilon).
DP_KERNEL(void, dp_variances,
          (size_t columns, REAL count, REAL degrees, REAL epsilon, const REAL *m2, REAL *variance, REAL *scale),
          (columns, count, degrees, epsilon, m2, variance, scale))
// scale = 1 / sqrt(variance + epsilon).
DP_KERNEL(void, dp_scales,
          (size_t columns, REAL epsilon, const REAL *variance, REAL *scale),
          (columns, epsilon, variance, scale))
// y = (1 - share) y + share x.
DP_KERNEL(void, dp_blend, (size_t count, REAL share, const REAL *x, REAL *y), (count, share, x, y))

// x becomes (x - mean) scale; y = gamma x + beta. Per column.
DP_KERNEL(void, dp_batch_norm,
          (size_t rows, size_t columns, const REAL *mean, const REAL *scale, const REAL *gamma, const REAL *beta,
           REAL *x, REAL *y),
          (rows, columns, mean, scale, gamma, beta, x, y))
// sums[c] = sum of d[r][c]; products[c] = sum of d[r][c] normalized[r][c].
DP_KERNEL(void, dp_batch_norm_sums,
          (size_t rows, size_t columns, const REAL *d, const REAL *normalized, REAL *sums, REAL *products),
          (rows, columns, d, normalized, sums, products))
// d becomes gamma scale (d - sums / count - normalized products / count).
DP_KERNEL(void, dp_batch_norm_backward,
          (size_t rows, size_t columns, REAL count, const REAL *gamma, const REAL *scale, const REAL *sums,
           const REAL *products, const REAL *normalized, REAL *d),
          (rows, columns, count, gamma, scale, sums, products, normalized, d))

// y = softmax of each row of x; x and y may be the same.
DP_KERNEL(void, dp_softmax, (size_t rows, size_t columns, const REAL *x, REAL *y), (rows, columns, x, y))
// d becomes y (d - sum over the row of d y).
DP_KERNEL(void, dp_softmax_backward, (size_t rows, size_t columns, const REAL *y, REAL *d), (rows, columns, y, d))

// For each row: loss = log(sum e^z) - z[label], gradient = factor (softmax(z) - one-hot(label)); z and gradient may
// be the same. Returns the sum of the losses and stores the number of rows whose largest logit is the label's.
DP_KERNEL(double, dp_softmax_cross_entropy,
          (size_t rows, size_t columns, const REAL *z, const int32_t *labels, REAL factor, REAL *gradient,
           size_t *correct),
          (rows, columns, z, labels, factor, gradient, correct))
// The same against rows of target probabilities; correct counts rows where both have their largest entry in the
// same column.
DP_KERNEL(double, dp_softmax_cross_entropy_soft,
          (size_t rows, size_t columns, const REAL *z, const REAL *targets, REAL factor, REAL *gradient,
           size_t *correct),
          (rows, columns, z, targets, factor, gradient, correct))

// One step of SGD as PyTorch defines it, on rows of parameters: d = g + weight_decay p; with momentum, v = momentum v + d
// and d = v, or d + momentum v if nesterov; p -= rate d. Parameters and velocity are `stride` elements from row to row.
// velocity may be null when momentum is 0.
DP_KERNEL(void, dp_sgd,
          (size_t rows, size_t columns, REAL rate, REAL momentum, int nesterov, REAL weight_decay, const REAL *gradient,
           size_t gradient_stride, REAL *velocity, REAL *parameters, size_t stride),
          (rows, columns, rate, momentum, nesterov, weight_decay, gradient, gradient_stride, velocity, parameters,
           stride))
