// Activations, and sums of vectors. kernels_both_precisions.h includes this for each precision; which functions are
// called in vector code, and which one at a time, it defines.

static DP_TARGET void DP_FN(exp)(size_t count, const REAL *x, REAL *y) {
    DP_VECTORIZE_FUNCTIONS
    for (size_t i = 0; i < count; i++) y[i] = EXP(x[i]);
}

static DP_TARGET void DP_FN(elu)(size_t count, REAL alpha, const REAL *x, REAL *y) {
    DP_VECTORIZE_FUNCTIONS
    for (size_t i = 0; i < count; i++) {
        const REAL value = x[i];
        const REAL below = alpha * EXPM1_NEGATIVE(value > 0 ? 0 : value);
        y[i] = value > 0 ? value : below;
    }
}

static DP_TARGET void DP_FN(relu)(size_t count, const REAL *x, REAL *y) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

static DP_TARGET void DP_FN(tanh)(size_t count, const REAL *x, REAL *y) {
    DP_VECTORIZE_FUNCTIONS
    for (size_t i = 0; i < count; i++) y[i] = TANH(x[i]);
}

static DP_TARGET void DP_FN(elu_backward)(size_t count, REAL alpha, const REAL *y, REAL *gradient) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) gradient[i] *= y[i] > 0 ? 1 : y[i] + alpha;
}

static DP_TARGET void DP_FN(relu_backward)(size_t count, const REAL *y, REAL *gradient) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) gradient[i] = y[i] <= 0 ? 0 : gradient[i];
}

static DP_TARGET void DP_FN(tanh_backward)(size_t count, const REAL *y, REAL *gradient) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) gradient[i] *= 1 - y[i] * y[i];
}

static DP_TARGET void DP_FN(add)(size_t count, const REAL *x, REAL *y) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) y[i] += x[i];
}

static DP_TARGET void DP_FN(scale)(size_t count, REAL factor, REAL *y) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) y[i] *= factor;
}

static DP_TARGET void DP_FN(blend)(size_t count, REAL share, const REAL *x, REAL *y) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) y[i] = (1 - share) * y[i] + share * x[i];
}
