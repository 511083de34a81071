// Loops over the rows of matrices: biases, sums over columns, normalisation, softmax and the loss.
// kernels_both_precisions.h includes this for each precision.

static DP_TARGET void DP_FN(add_bias)(size_t rows, size_t columns, const REAL *bias, REAL *x) {
    for (size_t r = 0; r < rows; r++) {
        REAL *row = x + r * columns;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) row[c] += bias[c];
    }
}

static DP_TARGET void DP_FN(column_sums)(size_t rows, size_t columns, const REAL *x, size_t stride, REAL *sums) {
    DP_VECTORIZE
    for (size_t c = 0; c < columns; c++) sums[c] = 0;
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = x + r * stride;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) sums[c] += row[c];
    }
}

static DP_TARGET void DP_FN(column_moments)(size_t rows, size_t columns, const REAL *x, REAL *mean, REAL *m2) {
    DP_VECTORIZE
    for (size_t c = 0; c < columns; c++) mean[c] = m2[c] = 0;
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = x + r * columns;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) mean[c] += row[c];
    }
    DP_VECTORIZE
    for (size_t c = 0; c < columns; c++) mean[c] /= (REAL)rows;
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = x + r * columns;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) {
            const REAL deviation = row[c] - mean[c];
            m2[c] = FMA(deviation, deviation, m2[c]);
        }
    }
}

static DP_TARGET void DP_FN(merge_moments)(size_t columns, REAL share, REAL weight, const REAL *from, REAL *into) {
    DP_VECTORIZE
    for (size_t c = 0; c < columns; c++) {
        const REAL delta = from[c] - into[c];
        into[c] = FMA(delta, share, into[c]);
        into[columns + c] += FMA(delta * delta, weight, from[columns + c]);
    }
}

static DP_TARGET void DP_FN(variances)(size_t columns, REAL count, REAL degrees, REAL epsilon, const REAL *m2,
                                       REAL *variance, REAL *scale) {
    DP_VECTORIZE
    for (size_t c = 0; c < columns; c++) {
        variance[c] = m2[c] / degrees;
        scale[c] = 1 / __builtin_elementwise_sqrt(m2[c] / count + epsilon);
    }
}

static DP_TARGET void DP_FN(scales)(size_t columns, REAL epsilon, const REAL *variance, REAL *scale) {
    DP_VECTORIZE
    for (size_t c = 0; c < columns; c++) scale[c] = 1 / __builtin_elementwise_sqrt(variance[c] + epsilon);
}

static DP_TARGET void DP_FN(batch_norm)(size_t rows, size_t columns, const REAL *mean, const REAL *scale,
                                        const REAL *gamma, const REAL *beta, REAL *x, REAL *y) {
    for (size_t r = 0; r < rows; r++) {
        REAL *row = x + r * columns, *out = y + r * columns;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) {
            const REAL normalized = (row[c] - mean[c]) * scale[c];
            row[c] = normalized;
            out[c] = FMA(gamma[c], normalized, beta[c]);
        }
    }
}

static DP_TARGET void DP_FN(batch_norm_sums)(size_t rows, size_t columns, const REAL *d, const REAL *normalized,
                                             REAL *sums, REAL *products) {
    DP_VECTORIZE
    for (size_t c = 0; c < columns; c++) sums[c] = products[c] = 0;
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = d + r * columns, *other = normalized + r * columns;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) {
            sums[c] += row[c];
            products[c] = FMA(row[c], other[c], products[c]);
        }
    }
}

static DP_TARGET void DP_FN(batch_norm_backward)(size_t rows, size_t columns, REAL count, const REAL *gamma,
                                                 const REAL *scale, const REAL *sums, const REAL *products,
                                                 const REAL *normalized, REAL *d) {
    for (size_t r = 0; r < rows; r++) {
        REAL *row = d + r * columns;
        const REAL *other = normalized + r * columns;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) {
            const REAL centred = FMA(-other[c], products[c] / count, row[c] - sums[c] / count);
            row[c] = gamma[c] * scale[c] * centred;
        }
    }
}

// The sum of a row is 16 sums, of every 16th element each, added in halves: the same bits for any length of vectors.
typedef REAL DP_FN(sixteen) __attribute__((vector_size(16 * sizeof(REAL)), aligned(sizeof(REAL))));
DP_FMA_VECTOR(DP_FN(fma_sixteen), DP_FN(sixteen))

DP_INLINE DP_TARGET REAL DP_FN(sum_of_16)(const DP_FN(sixteen) *sums) {
    REAL sum[16];
    memcpy(sum, sums, sizeof sum);
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++) sum[i] += sum[half + i];
    return sum[0];
}

static DP_TARGET void DP_FN(layer_norm)(size_t rows, size_t columns, REAL epsilon, const REAL *gamma, const REAL *beta,
                                        REAL *x, REAL *y, REAL *scale) {
    const size_t whole = columns / 16 * 16;
    for (size_t r = 0; r < rows; r++) {
        REAL *row = x + r * columns, *out = y + r * columns;
        DP_FN(sixteen) sums = {0}, squares = {0};
        for (size_t c = 0; c < whole; c += 16) sums += *(const DP_FN(sixteen) *)(row + c);
        for (size_t c = whole; c < columns; c++) sums[c - whole] += row[c];
        const REAL mean = DP_FN(sum_of_16)(&sums) / (REAL)columns;
        for (size_t c = 0; c < whole; c += 16) {
            const DP_FN(sixteen) deviation = *(const DP_FN(sixteen) *)(row + c) - mean;
            squares = DP_FN(fma_sixteen)(deviation, deviation, squares);
        }
        for (size_t c = whole; c < columns; c++) {
            const REAL deviation = row[c] - mean;
            squares[c - whole] = FMA(deviation, deviation, squares[c - whole]);
        }
        const REAL factor = 1 / __builtin_elementwise_sqrt(DP_FN(sum_of_16)(&squares) / (REAL)columns + epsilon);
        scale[r] = factor;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) {
            const REAL normalized = (row[c] - mean) * factor;
            row[c] = normalized;
            out[c] = FMA(gamma[c], normalized, beta[c]);
        }
    }
}

static DP_TARGET void DP_FN(layer_norm_backward)(size_t rows, size_t columns, const REAL *gamma, const REAL *scale,
                                                 const REAL *normalized, REAL *d) {
    const size_t whole = columns / 16 * 16;
    for (size_t r = 0; r < rows; r++) {
        REAL *row = d + r * columns;
        const REAL *other = normalized + r * columns;
        DP_FN(sixteen) sums = {0}, products = {0};
        for (size_t c = 0; c < whole; c += 16) {
            const DP_FN(sixteen) g = *(const DP_FN(sixteen) *)(gamma + c) * *(const DP_FN(sixteen) *)(row + c);
            *(DP_FN(sixteen) *)(row + c) = g;
            sums += g;
            products = DP_FN(fma_sixteen)(g, *(const DP_FN(sixteen) *)(other + c), products);
        }
        for (size_t c = whole; c < columns; c++) {
            const REAL g = gamma[c] * row[c];
            row[c] = g;
            sums[c - whole] += g;
            products[c - whole] = FMA(g, other[c], products[c - whole]);
        }
        const REAL mean = DP_FN(sum_of_16)(&sums) / (REAL)columns;
        const REAL slope = DP_FN(sum_of_16)(&products) / (REAL)columns, factor = scale[r];
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) row[c] = factor * FMA(-other[c], slope, row[c] - mean);
    }
}

DP_INLINE DP_TARGET size_t DP_FN(largest)(size_t columns, const REAL *row) {
    size_t largest = 0;
    for (size_t c = 1; c < columns; c++)
        if (row[c] > row[largest]) largest = c;
    return largest;
}

// Stores e^(z - top) in out and returns the sum of the row.
DP_INLINE DP_TARGET REAL DP_FN(exponentials)(size_t columns, const REAL *z, REAL top, REAL *out) {
    DP_VECTORIZE_FUNCTIONS
    for (size_t c = 0; c < columns; c++) out[c] = EXP(z[c] - top);
    REAL sum = 0;
    for (size_t c = 0; c < columns; c++) sum += out[c];
    return sum;
}

static DP_TARGET void DP_FN(softmax)(size_t rows, size_t columns, const REAL *x, REAL *y) {
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = x + r * columns;
        REAL *out = y + r * columns;
        const REAL sum = DP_FN(exponentials)(columns, row, row[DP_FN(largest)(columns, row)], out);
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) out[c] /= sum;
    }
}

static DP_TARGET void DP_FN(softmax_backward)(size_t rows, size_t columns, const REAL *y, REAL *d) {
    for (size_t r = 0; r < rows; r++) {
        const REAL *out = y + r * columns;
        REAL *row = d + r * columns;
        REAL dot = 0;
        for (size_t c = 0; c < columns; c++) dot = FMA(row[c], out[c], dot);
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) row[c] = out[c] * (row[c] - dot);
    }
}

static DP_TARGET double DP_FN(softmax_cross_entropy)(size_t rows, size_t columns, const REAL *z,
                                                     const int32_t *labels, REAL factor, REAL *gradient,
                                                     size_t *correct) {
    double loss = 0;
    size_t hits = 0;
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = z + r * columns;
        REAL *out = gradient + r * columns;
        const size_t label = (size_t)labels[r], largest = DP_FN(largest)(columns, row);
        const REAL top = row[largest], of_label = row[label];
        const REAL sum = DP_FN(exponentials)(columns, row, top, out);
        hits += largest == label;
        loss += LOG(sum) + (top - of_label);
        const REAL share = factor / sum;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) out[c] *= share;
        out[label] -= factor;
    }
    *correct = hits;
    return loss;
}

static DP_TARGET double DP_FN(softmax_cross_entropy_soft)(size_t rows, size_t columns, const REAL *z,
                                                          const REAL *targets, REAL factor, REAL *gradient,
                                                          size_t *correct) {
    double loss = 0;
    size_t hits = 0;
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = z + r * columns, *target = targets + r * columns;
        REAL *out = gradient + r * columns;
        const size_t largest = DP_FN(largest)(columns, row);
        const REAL top = row[largest];
        // Before the row is overwritten, as z and gradient may be the same.
        REAL expected = 0;
        for (size_t c = 0; c < columns; c++) expected = FMA(target[c], top - row[c], expected);
        const REAL sum = DP_FN(exponentials)(columns, row, top, out);
        hits += largest == DP_FN(largest)(columns, target);
        loss += LOG(sum) + expected;
        const REAL share = factor / sum;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) out[c] = FMA(out[c], share, -(factor * target[c]));
    }
    *correct = hits;
    return loss;
}
