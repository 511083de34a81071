// Steps of optimizers on rows of parameters. kernels_both_precisions.h includes this for each precision.

// 0 and NaN are their own signs.
#undef SIGN
#define SIGN(x) ((x) > 0 ? 1 : (x) < 0 ? -1 : (x))

// has_l1 is known where this is inlined: a loop without L1 has no signs to compute.
DP_INLINE DP_TARGET void DP_FN(sgd_rows)(int has_l1, size_t rows, size_t columns, REAL rate, REAL momentum, int nesterov,
                                         REAL weight_decay, REAL l1, const REAL *gradient, size_t gradient_stride,
                                         REAL *velocity, REAL *parameters, size_t stride) {
    // Nesterov's look-ahead as two factors, so that one loop serves both.
    const REAL of_gradient = nesterov ? 1 : 0, of_velocity = nesterov ? momentum : 1;
    for (size_t r = 0; r < rows; r++) {
        const REAL *g = gradient + r * gradient_stride;
        REAL *p = parameters + r * stride;
        if (momentum == 0) {
            DP_VECTORIZE
            for (size_t i = 0; i < columns; i++) {
                const REAL decayed = FMA(weight_decay, p[i], g[i]);
                p[i] = FMA(-rate, has_l1 ? FMA(l1, SIGN(p[i]), decayed) : decayed, p[i]);
            }
            continue;
        }
        REAL *v = velocity + r * stride;
        DP_VECTORIZE
        for (size_t i = 0; i < columns; i++) {
            const REAL decayed = FMA(weight_decay, p[i], g[i]);
            const REAL d = has_l1 ? FMA(l1, SIGN(p[i]), decayed) : decayed;
            const REAL next = FMA(momentum, v[i], d);
            v[i] = next;
            p[i] = FMA(-rate, FMA(of_gradient, d, of_velocity * next), p[i]);
        }
    }
}

static DP_TARGET void DP_FN(sgd)(size_t rows, size_t columns, REAL rate, REAL momentum, int nesterov,
                                 REAL weight_decay, REAL l1, const REAL *gradient, size_t gradient_stride,
                                 REAL *velocity, REAL *parameters, size_t stride) {
    if (l1 == 0)
        DP_FN(sgd_rows)(0, rows, columns, rate, momentum, nesterov, weight_decay, 0, gradient, gradient_stride, velocity,
                        parameters, stride);
    else
        DP_FN(sgd_rows)(1, rows, columns, rate, momentum, nesterov, weight_decay, l1, gradient, gradient_stride, velocity,
                        parameters, stride);
}

DP_INLINE DP_TARGET void DP_FN(adamw_rows)(int has_l1, size_t rows, size_t columns, double rate, double beta1, double beta2,
                                           double epsilon, double decay, double l1, double correction1,
                                           double correction2, const REAL *gradient, size_t gradient_stride, REAL *m,
                                           REAL *v, REAL *parameters, size_t stride) {
    // Each rounded once: 1 - beta2 of a rounded beta2 would be off by far more.
    const REAL keep = (REAL)(1 - rate * decay), step = (REAL)(rate / correction1), floor = (REAL)epsilon;
    const REAL of_m = (REAL)beta1, into_m = (REAL)(1 - beta1), of_v = (REAL)beta2, into_v = (REAL)(1 - beta2);
    const REAL unbiased = (REAL)(1 / correction2), most = (REAL)(rate * l1);
    for (size_t r = 0; r < rows; r++) {
        const REAL *g = gradient + r * gradient_stride;
        REAL *p = parameters + r * stride, *first = m + r * stride, *second = v + r * stride;
        DP_VECTORIZE
        for (size_t i = 0; i < columns; i++) {
            const REAL mean = FMA(of_m, first[i], into_m * g[i]);
            const REAL square = FMA(of_v, second[i], into_v * (g[i] * g[i]));
            first[i] = mean;
            second[i] = square;
            const REAL next = FMA(keep, p[i], -(step * mean / (__builtin_elementwise_sqrt(square * unbiased) + floor)));
            // NaN stays NaN, whatever the ends are.
            p[i] = has_l1 ? next - (next > most ? most : next < -most ? -most : next) : next;
        }
    }
}

// Sources: Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019, as PyTorch computes it; the step of L1 is
// that of Beck, Teboulle, "A fast iterative shrinkage-thresholding algorithm", SIAM J. Imaging Sciences 2009.
static DP_TARGET void DP_FN(adamw)(size_t rows, size_t columns, double rate, double beta1, double beta2, double epsilon,
                                   double decay, double l1, double correction1, double correction2, const REAL *gradient,
                                   size_t gradient_stride, REAL *m, REAL *v, REAL *parameters, size_t stride) {
    if (l1 == 0)
        DP_FN(adamw_rows)(0, rows, columns, rate, beta1, beta2, epsilon, decay, 0, correction1, correction2, gradient,
                          gradient_stride, m, v, parameters, stride);
    else
        DP_FN(adamw_rows)(1, rows, columns, rate, beta1, beta2, epsilon, decay, l1, correction1, correction2, gradient,
                          gradient_stride, m, v, parameters, stride);
}

// Source: Chen and others, "Symbolic discovery of optimization algorithms", NeurIPS 2023.
static DP_TARGET void DP_FN(lion)(size_t rows, size_t columns, double rate, double beta1, double beta2, double decay,
                                  const REAL *gradient, size_t gradient_stride, REAL *m, REAL *parameters,
                                  size_t stride) {
    const REAL keep = (REAL)(1 - rate * decay), step = (REAL)rate;
    const REAL of_m1 = (REAL)beta1, into_m1 = (REAL)(1 - beta1), of_m2 = (REAL)beta2, into_m2 = (REAL)(1 - beta2);
    for (size_t r = 0; r < rows; r++) {
        const REAL *g = gradient + r * gradient_stride;
        REAL *p = parameters + r * stride, *momentum = m + r * stride;
        DP_VECTORIZE
        for (size_t i = 0; i < columns; i++) {
            const REAL direction = FMA(of_m1, momentum[i], into_m1 * g[i]);
            const REAL sign = SIGN(direction);
            p[i] = FMA(keep, p[i], -(step * sign));
            momentum[i] = FMA(of_m2, momentum[i], into_m2 * g[i]);
        }
    }
}
