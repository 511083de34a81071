// Activations, dropout, and sums of vectors. kernels_both_precisions.h includes this for each precision; which functions are
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
    for (size_t i = 0; i < count; i++) gradient[i] *= FMA(-y[i], y[i], 1);
}

static DP_TARGET void DP_FN(gelu)(size_t count, const REAL *x, REAL *y) {
    DP_VECTORIZE_FUNCTIONS
    for (size_t i = 0; i < count; i++) y[i] = x[i] * NORMAL_CDF(x[i]);
}

static DP_TARGET void DP_FN(gelu_backward)(size_t count, const REAL *x, REAL *gradient) {
    // 1 / sqrt(2 pi).
    const REAL height = (REAL)0x1.9884533d43651p-2;
    DP_VECTORIZE_FUNCTIONS
    for (size_t i = 0; i < count; i++) {
        const REAL value = x[i];
        gradient[i] *= FMA(value, height * EXP(value * value * (REAL)-0.5), NORMAL_CDF(value));
    }
}

// An entry is kept where its random word is at least p 2^32: for column c word (c / 16) % 4 of the block of Philox with the
// counter (c / 64 * 16 + c % 16, row, step, stream), so that 16 blocks side by side make 64 columns.
static DP_TARGET void DP_FN(dropout)(size_t rows, size_t columns, double p, uint64_t key, uint32_t stream, uint32_t step,
                                     uint32_t first_row, REAL *x) {
    const REAL kept = (REAL)(1 / (1 - p));
    const uint32_t least = (uint32_t)(p * 0x1p32);
    for (size_t r = 0; r < rows; r++) {
        REAL *row = x + r * columns;
        for (size_t column = 0; column < columns; column += 64) {
            uint32_t words[64];
            DP_VECTORIZE
            for (uint32_t i = 0; i < 16; i++) {
                const dp_philox_block block = dp_philox((uint32_t)(column / 64 * 16) + i, first_row + (uint32_t)r, step,
                                                        stream, (uint32_t)key, (uint32_t)(key >> 32));
                words[i] = block.word[0];
                words[16 + i] = block.word[1];
                words[32 + i] = block.word[2];
                words[48 + i] = block.word[3];
            }
            const size_t count = columns - column < 64 ? columns - column : 64;
            DP_VECTORIZE
            for (size_t i = 0; i < count; i++) row[column + i] *= words[i] >= least ? kept : 0;
        }
    }
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
    for (size_t i = 0; i < count; i++) y[i] = FMA(1 - share, y[i], share * x[i]);
}
