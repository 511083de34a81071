// Steps of optimizers on rows of parameters. kernels_both_precisions.h includes this for each precision.

static DP_TARGET void DP_FN(sgd)(size_t rows, size_t columns, REAL rate, REAL momentum, int nesterov,
                                 REAL weight_decay, const REAL *gradient, size_t gradient_stride, REAL *velocity,
                                 REAL *parameters, size_t stride) {
    // Nesterov's look-ahead as two factors, so that one loop serves both.
    const REAL of_gradient = nesterov ? 1 : 0, of_velocity = nesterov ? momentum : 1;
    for (size_t r = 0; r < rows; r++) {
        const REAL *g = gradient + r * gradient_stride;
        REAL *p = parameters + r * stride;
        if (momentum == 0) {
            DP_VECTORIZE
            for (size_t i = 0; i < columns; i++) p[i] -= rate * (g[i] + weight_decay * p[i]);
            continue;
        }
        REAL *v = velocity + r * stride;
        DP_VECTORIZE
        for (size_t i = 0; i < columns; i++) {
            const REAL d = g[i] + weight_decay * p[i];
            const REAL next = momentum * v[i] + d;
            v[i] = next;
            p[i] -= rate * (of_gradient * d + of_velocity * next);
        }
    }
}
