// The kernels for floating-point numbers, each declared once:
//
//   KERNEL(result, name, (parameters), (arguments))   with REAL for an element and SCALAR for a number passed by value.
//
// From this list come the functions that CKernels.h declares, the tables of each instruction set and what chooses among
// them. A new kernel is an entry here, and its loop in elementwise.h, rows.h, fixed_point.h or optimizers.h (or gemm.h).
#ifndef DP_TRAIN_KERNEL_LIST_H
#define DP_TRAIN_KERNEL_LIST_H

#define DP_KERNELS(KERNEL, REAL, SCALAR)                                                                                   \
                                                                                                                           \
    /* General matrix products (GEMM), gemm.h. op(A) [m, k] and B [k, n] give C [m, n]; B is packed (see CKernels.h),      \
       strides are elements from row to row, scratch is DP_GEMM_SCRATCH elements to work in.                               \
       C = A B with A [m, k]. */                                                                                           \
    KERNEL(void, gemm_nn,                                                                                                  \
           (size_t m, size_t n, size_t k, const REAL *a, size_t a_stride, const REAL *b, REAL *c, size_t c_stride,         \
            REAL *scratch),                                                                                                \
           (m, n, k, a, a_stride, b, c, c_stride, scratch))                                                                \
    /* C = A^T B with A [k, m]. */                                                                                         \
    KERNEL(void, gemm_tn,                                                                                                  \
           (size_t m, size_t n, size_t k, const REAL *a, size_t a_stride, const REAL *b, REAL *c, size_t c_stride,         \
            REAL *scratch),                                                                                                \
           (m, n, k, a, a_stride, b, c, c_stride, scratch))                                                                \
    /* C = A B with A [m, k] made of pixels. */                                                                            \
    KERNEL(void, gemm_pixels,                                                                                              \
           (size_t m, size_t n, size_t k, dp_pixels a, const REAL *scale, const REAL *shift, const REAL *b, REAL *c,       \
            size_t c_stride, REAL *scratch),                                                                               \
           (m, n, k, a, scale, shift, b, c, c_stride, scratch))                                                            \
    /* The numbers [rows, columns] that pixels stand for. */                                                               \
    KERNEL(void, convert_pixels,                                                                                           \
           (size_t rows, size_t columns, dp_pixels x, const REAL *scale, const REAL *shift, REAL *y),                      \
           (rows, columns, x, scale, shift, y))                                                                            \
    /* Packs B [k, n]. */                                                                                                  \
    KERNEL(void, pack_b, (size_t k, size_t n, const REAL *b, size_t stride, REAL *packed), (k, n, b, stride, packed))      \
    /* Packs B [k, n] from its transpose [n, k]; panel_stride elements from panel to panel, so that some values of k can   \
       be packed by themselves. */                                                                                         \
    KERNEL(void, pack_b_transposed,                                                                                        \
           (size_t k, size_t n, const REAL *b, size_t stride, REAL *packed, size_t panel_stride),                          \
           (k, n, b, stride, packed, panel_stride))                                                                        \
    /* Packs columns first ..< first + n of k rows of pixels. */                                                           \
    KERNEL(void, pack_b_pixels,                                                                                            \
           (size_t k, size_t first, size_t n, dp_pixels b, const REAL *scale, const REAL *shift, REAL *packed),            \
           (k, first, n, b, scale, shift, packed))                                                                         \
                                                                                                                           \
    /* Activations and sums, elementwise.h. y[i] = e^x[i]. */                                                              \
    KERNEL(void, exp, (size_t count, const REAL *x, REAL *y), (count, x, y))                                               \
    /* y = x > 0 ? x : alpha (e^x - 1); as with all activations x and y may be the same. */                                \
    KERNEL(void, elu, (size_t count, SCALAR alpha, const REAL *x, REAL *y), (count, alpha, x, y))                          \
    /* y = max(x, 0), NaN stays NaN. */                                                                                    \
    KERNEL(void, relu, (size_t count, const REAL *x, REAL *y), (count, x, y))                                              \
    KERNEL(void, tanh, (size_t count, const REAL *x, REAL *y), (count, x, y))                                              \
    /* gradient[i] *= h'(x), from the activation's output y = h(x). */                                                     \
    KERNEL(void, elu_backward, (size_t count, SCALAR alpha, const REAL *y, REAL *gradient), (count, alpha, y, gradient))   \
    KERNEL(void, relu_backward, (size_t count, const REAL *y, REAL *gradient), (count, y, gradient))                       \
    KERNEL(void, tanh_backward, (size_t count, const REAL *y, REAL *gradient), (count, y, gradient))                       \
    /* GELU(x) = x Phi(x) with the normal distribution's function Phi, as PyTorch's default. */                            \
    KERNEL(void, gelu, (size_t count, const REAL *x, REAL *y), (count, x, y))                                              \
    /* gradient[i] *= Phi(x) + x phi(x), from the activation's input x. */                                                 \
    KERNEL(void, gelu_backward, (size_t count, const REAL *x, REAL *gradient), (count, x, gradient))                       \
    /* Dropout: x[r][c] *= mask / (1 - p), where mask is 0 with probability p and else 1, and depends on nothing but the   \
       key, the stream, the step, the global row first_row + r and the column c: see elementwise.h. */                     \
    KERNEL(void, dropout,                                                                                                  \
           (size_t rows, size_t columns, double p, uint64_t key, uint32_t stream, uint32_t step, uint32_t first_row,       \
            REAL *x),                                                                                                      \
           (rows, columns, p, key, stream, step, first_row, x))                                                            \
    /* y[i] += x[i]. */                                                                                                    \
    KERNEL(void, add, (size_t count, const REAL *x, REAL *y), (count, x, y))                                               \
    /* y[i] *= factor. */                                                                                                  \
    KERNEL(void, scale, (size_t count, SCALAR factor, REAL *y), (count, factor, y))                                        \
    /* y = (1 - share) y + share x. */                                                                                     \
    KERNEL(void, blend, (size_t count, SCALAR share, const REAL *x, REAL *y), (count, share, x, y))                        \
                                                                                                                           \
    /* Rows and columns of matrices, rows.h. x[r][c] += bias[c]. */                                                        \
    KERNEL(void, add_bias, (size_t rows, size_t columns, const REAL *bias, REAL *x), (rows, columns, bias, x))             \
    /* sums[c] = sum over r of x[r][c], rows added from first to last; `stride` elements from row to row. */               \
    KERNEL(void, column_sums, (size_t rows, size_t columns, const REAL *x, size_t stride, REAL *sums),                     \
           (rows, columns, x, stride, sums))                                                                               \
    /* mean[c], and m2[c] = sum over r of (x[r][c] - mean[c])^2, in two passes. */                                         \
    KERNEL(void, column_moments, (size_t rows, size_t columns, const REAL *x, REAL *mean, REAL *m2),                       \
           (rows, columns, x, mean, m2))                                                                                   \
    /* Merges the moments of two sets of rows, means then sums of squared deviations, [2 columns], into the first; share   \
       is the second set's share of all rows, weight the number of the first's rows times it. */                           \
    KERNEL(void, merge_moments, (size_t columns, SCALAR share, SCALAR weight, const REAL *from, REAL *into),               \
           (columns, share, weight, from, into))                                                                           \
    /* variance = m2 / degrees, scale = 1 / sqrt(m2 / count + epsilon). */                                                 \
    KERNEL(void, variances,                                                                                                \
           (size_t columns, SCALAR count, SCALAR degrees, SCALAR epsilon, const REAL *m2, REAL *variance, REAL *scale),    \
           (columns, count, degrees, epsilon, m2, variance, scale))                                                        \
    /* scale = 1 / sqrt(variance + epsilon). */                                                                            \
    KERNEL(void, scales, (size_t columns, SCALAR epsilon, const REAL *variance, REAL *scale),                              \
           (columns, epsilon, variance, scale))                                                                            \
    /* x becomes (x - mean) scale; y = gamma x + beta. Per column. */                                                      \
    KERNEL(void, batch_norm,                                                                                               \
           (size_t rows, size_t columns, const REAL *mean, const REAL *scale, const REAL *gamma, const REAL *beta,         \
            REAL *x, REAL *y),                                                                                             \
           (rows, columns, mean, scale, gamma, beta, x, y))                                                                \
    /* sums[c] = sum of d[r][c]; products[c] = sum of d[r][c] normalized[r][c]. */                                         \
    KERNEL(void, batch_norm_sums,                                                                                          \
           (size_t rows, size_t columns, const REAL *d, const REAL *normalized, REAL *sums, REAL *products),               \
           (rows, columns, d, normalized, sums, products))                                                                 \
    /* d becomes gamma scale (d - sums / count - normalized products / count). */                                          \
    KERNEL(void, batch_norm_backward,                                                                                      \
           (size_t rows, size_t columns, SCALAR count, const REAL *gamma, const REAL *scale, const REAL *sums,             \
            const REAL *products, const REAL *normalized, REAL *d),                                                        \
           (rows, columns, count, gamma, scale, sums, products, normalized, d))                                            \
    /* Layer norm. x becomes (x - mean) scale with the mean and scale[r] = 1 / sqrt(variance + epsilon) of its row;        \
       y = gamma x + beta. */                                                                                              \
    KERNEL(void, layer_norm,                                                                                               \
           (size_t rows, size_t columns, SCALAR epsilon, const REAL *gamma, const REAL *beta, REAL *x, REAL *y,            \
            REAL *scale),                                                                                                  \
           (rows, columns, epsilon, gamma, beta, x, y, scale))                                                             \
    /* d becomes scale[r] (g - mean of g - normalized mean of (g normalized)) with g = gamma d and means over the row. */  \
    KERNEL(void, layer_norm_backward,                                                                                      \
           (size_t rows, size_t columns, const REAL *gamma, const REAL *scale, const REAL *normalized, REAL *d),           \
           (rows, columns, gamma, scale, normalized, d))                                                                   \
    /* y = softmax of each row of x; x and y may be the same. */                                                           \
    KERNEL(void, softmax, (size_t rows, size_t columns, const REAL *x, REAL *y), (rows, columns, x, y))                    \
    /* d becomes y (d - sum over the row of d y). */                                                                       \
    KERNEL(void, softmax_backward, (size_t rows, size_t columns, const REAL *y, REAL *d), (rows, columns, y, d))           \
    /* For each row: loss = log(sum e^z) - z[label], gradient = factor (softmax(z) - one-hot(label)); z and gradient may   \
       be the same. Returns the sum of the losses and stores the number of rows whose largest logit is the label's. */     \
    KERNEL(double, softmax_cross_entropy,                                                                                  \
           (size_t rows, size_t columns, const REAL *z, const int32_t *labels, SCALAR factor, REAL *gradient,              \
            size_t *correct),                                                                                              \
           (rows, columns, z, labels, factor, gradient, correct))                                                          \
    /* The same against rows of target probabilities; correct counts rows where both have their largest entry in the same  \
       column. */                                                                                                          \
    KERNEL(double, softmax_cross_entropy_soft,                                                                             \
           (size_t rows, size_t columns, const REAL *z, const REAL *targets, SCALAR factor, REAL *gradient,                \
            size_t *correct),                                                                                              \
           (rows, columns, z, targets, factor, gradient, correct))                                                         \
                                                                                                                           \
    /* Sums in fixed point, fixed_point.h, in integers as wide as a REAL. magnitudes[c] becomes the larger one of itself   \
       and the sum over r of |x[r][c]|, which is infinite where it is no number. */                                        \
    KERNEL(void, column_magnitudes, (size_t rows, size_t columns, const REAL *x, size_t stride, REAL *magnitudes),         \
           (rows, columns, x, stride, magnitudes))                                                                         \
    /* The largest |x[i]|, infinite where one is no number. */                                                             \
    KERNEL(double, largest_magnitude, (size_t count, const REAL *x), (count, x))                                           \
    /* sums[r][c], or 0 if this is the first summand, + x[r][c] factors[r], kept within +-limit and rounded to nearest. */ \
    KERNEL(void, add_fixed,                                                                                                \
           (size_t rows, size_t columns, const REAL *x, size_t stride, const REAL *factors, SCALAR limit, int begins,      \
            void *sums, size_t sums_stride),                                                                               \
           (rows, columns, x, stride, factors, limit, begins, sums, sums_stride))                                          \
    /* y[r][c] = sums[r][c] units[r]. */                                                                                   \
    KERNEL(void, from_fixed,                                                                                               \
           (size_t rows, size_t columns, const void *sums, size_t sums_stride, const REAL *units, REAL *y, size_t stride), \
           (rows, columns, sums, sums_stride, units, y, stride))                                                           \
                                                                                                                           \
    /* Optimizers on rows of parameters, optimizers.h; parameters and state are `stride` elements from row to row.         \
       One step of SGD as PyTorch defines it, with L1: d = g + weight_decay p + l1 sign(p); with momentum,                 \
       v = momentum v + d and d = v, or d + momentum v if nesterov; p -= rate d. velocity may be null when momentum is     \
       0. */                                                                                                               \
    KERNEL(void, sgd,                                                                                                      \
           (size_t rows, size_t columns, SCALAR rate, SCALAR momentum, int nesterov, SCALAR weight_decay, SCALAR l1,       \
            const REAL *gradient, size_t gradient_stride, REAL *velocity, REAL *parameters, size_t stride),                \
           (rows, columns, rate, momentum, nesterov, weight_decay, l1, gradient, gradient_stride, velocity, parameters,    \
            stride))                                                                                                       \
    /* One step of AdamW: p -= rate decay p; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;                   \
       p -= rate (m / correction1) / (sqrt(v / correction2) + epsilon), with corrections 1 - beta^step; at last p goes     \
       towards 0 by rate l1, and stays there if it gets to it. */                                                          \
    KERNEL(void, adamw,                                                                                                    \
           (size_t rows, size_t columns, double rate, double beta1, double beta2, double epsilon, double decay, double l1, \
            double correction1, double correction2, const REAL *gradient, size_t gradient_stride, REAL *m, REAL *v,        \
            REAL *parameters, size_t stride),                                                                              \
           (rows, columns, rate, beta1, beta2, epsilon, decay, l1, correction1, correction2, gradient, gradient_stride, m, \
            v, parameters, stride))                                                                                        \
    /* One step of Lion: p -= rate (sign(beta1 m + (1 - beta1) g) + decay p); m = beta2 m + (1 - beta2) g. */              \
    KERNEL(void, lion,                                                                                                     \
           (size_t rows, size_t columns, double rate, double beta1, double beta2, double decay, const REAL *gradient,      \
            size_t gradient_stride, REAL *m, REAL *parameters, size_t stride),                                             \
           (rows, columns, rate, beta1, beta2, decay, gradient, gradient_stride, m, parameters, stride))

#endif
