// Included once per element type and instruction set, with REAL, DP_FN, DP_TARGET, EXP, EXPM1_NEGATIVE, TANH, LOG and
// DP_VECTORIZE_EXPONENTIALS (loops that call the first three) defined. No include guard on purpose.

static DP_TARGET void DP_FN(dp_exp)(size_t count, const REAL *x, REAL *y) {
    DP_VECTORIZE_EXPONENTIALS
    for (size_t i = 0; i < count; i++) y[i] = EXP(x[i]);
}

static DP_TARGET void DP_FN(dp_elu)(size_t count, REAL alpha, const REAL *x, REAL *y) {
    DP_VECTORIZE_EXPONENTIALS
    for (size_t i = 0; i < count; i++) {
        const REAL value = x[i];
        const REAL below = alpha * EXPM1_NEGATIVE(value > 0 ? 0 : value);
        y[i] = value > 0 ? value : below;
    }
}

static DP_TARGET void DP_FN(dp_relu)(size_t count, const REAL *x, REAL *y) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

static DP_TARGET void DP_FN(dp_tanh)(size_t count, const REAL *x, REAL *y) {
    DP_VECTORIZE_EXPONENTIALS
    for (size_t i = 0; i < count; i++) y[i] = TANH(x[i]);
}

static DP_TARGET void DP_FN(dp_elu_backward)(size_t count, REAL alpha, const REAL *y, REAL *gradient) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) gradient[i] *= y[i] > 0 ? 1 : y[i] + alpha;
}

static DP_TARGET void DP_FN(dp_relu_backward)(size_t count, const REAL *y, REAL *gradient) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) gradient[i] = y[i] <= 0 ? 0 : gradient[i];
}

static DP_TARGET void DP_FN(dp_tanh_backward)(size_t count, const REAL *y, REAL *gradient) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) gradient[i] *= 1 - y[i] * y[i];
}

static DP_TARGET void DP_FN(dp_add)(size_t count, const REAL *x, REAL *y) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) y[i] += x[i];
}

static DP_TARGET void DP_FN(dp_scale)(size_t count, REAL factor, REAL *y) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) y[i] *= factor;
}

static DP_TARGET void DP_FN(dp_add_bias)(size_t rows, size_t columns, const REAL *bias, REAL *x) {
    for (size_t r = 0; r < rows; r++) {
        REAL *row = x + r * columns;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) row[c] += bias[c];
    }
}

static DP_TARGET void DP_FN(dp_column_sums)(size_t rows, size_t columns, const REAL *x, size_t stride, REAL *sums) {
    DP_VECTORIZE
    for (size_t c = 0; c < columns; c++) sums[c] = 0;
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = x + r * stride;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) sums[c] += row[c];
    }
}

static DP_TARGET void DP_FN(dp_column_moments)(size_t rows, size_t columns, const REAL *x, REAL *mean, REAL *m2) {
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
            m2[c] += deviation * deviation;
        }
    }
}

static DP_TARGET void DP_FN(dp_merge_moments)(size_t columns, REAL share, REAL weight, const REAL *from, REAL *into) {
    DP_VECTORIZE
    for (size_t c = 0; c < columns; c++) {
        const REAL delta = from[c] - into[c];
        into[c] += delta * share;
        into[columns + c] += from[columns + c] + delta * delta * weight;
    }
}

static DP_TARGET void DP_FN(dp_variances)(size_t columns, REAL count, REAL degrees, REAL epsilon, const REAL *m2,
                                           REAL *variance, REAL *scale) {
    DP_VECTORIZE
    for (size_t c = 0; c < columns; c++) {
        variance[c] = m2[c] / degrees;
        scale[c] = 1 / __builtin_elementwise_sqrt(m2[c] / count + epsilon);
    }
}

static DP_TARGET void DP_FN(dp_scales)(size_t columns, REAL epsilon, const REAL *variance, REAL *scale) {
    DP_VECTORIZE
    for (size_t c = 0; c < columns; c++) scale[c] = 1 / __builtin_elementwise_sqrt(variance[c] + epsilon);
}

static DP_TARGET void DP_FN(dp_blend)(size_t count, REAL share, const REAL *x, REAL *y) {
    DP_VECTORIZE
    for (size_t i = 0; i < count; i++) y[i] = (1 - share) * y[i] + share * x[i];
}

static DP_TARGET void DP_FN(dp_batch_norm)(size_t rows, size_t columns, const REAL *mean, const REAL *scale,
                                            const REAL *gamma, const REAL *beta, REAL *x, REAL *y) {
    for (size_t r = 0; r < rows; r++) {
        REAL *row = x + r * columns, *out = y + r * columns;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) {
            const REAL normalized = (row[c] - mean[c]) * scale[c];
            row[c] = normalized;
            out[c] = gamma[c] * normalized + beta[c];
        }
    }
}

static DP_TARGET void DP_FN(dp_batch_norm_sums)(size_t rows, size_t columns, const REAL *d, const REAL *normalized,
                                                 REAL *sums, REAL *products) {
    DP_VECTORIZE
    for (size_t c = 0; c < columns; c++) sums[c] = products[c] = 0;
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = d + r * columns, *other = normalized + r * columns;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) {
            sums[c] += row[c];
            products[c] += row[c] * other[c];
        }
    }
}

static DP_TARGET void DP_FN(dp_batch_norm_backward)(size_t rows, size_t columns, REAL count, const REAL *gamma,
                                                     const REAL *scale, const REAL *sums, const REAL *products,
                                                     const REAL *normalized, REAL *d) {
    for (size_t r = 0; r < rows; r++) {
        REAL *row = d + r * columns;
        const REAL *other = normalized + r * columns;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) {
            const REAL centred = row[c] - sums[c] / count - other[c] * (products[c] / count);
            row[c] = gamma[c] * scale[c] * centred;
        }
    }
}

DP_INLINE DP_TARGET size_t DP_FN(dp_largest)(size_t columns, const REAL *row) {
    size_t largest = 0;
    for (size_t c = 1; c < columns; c++)
        if (row[c] > row[largest]) largest = c;
    return largest;
}

// Stores e^(z - top) in out and returns the sum of the row.
DP_INLINE DP_TARGET REAL DP_FN(dp_exponentials)(size_t columns, const REAL *z, REAL top, REAL *out) {
    DP_VECTORIZE_EXPONENTIALS
    for (size_t c = 0; c < columns; c++) out[c] = EXP(z[c] - top);
    REAL sum = 0;
    for (size_t c = 0; c < columns; c++) sum += out[c];
    return sum;
}

static DP_TARGET void DP_FN(dp_softmax)(size_t rows, size_t columns, const REAL *x, REAL *y) {
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = x + r * columns;
        REAL *out = y + r * columns;
        const REAL sum = DP_FN(dp_exponentials)(columns, row, row[DP_FN(dp_largest)(columns, row)], out);
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) out[c] /= sum;
    }
}

static DP_TARGET void DP_FN(dp_softmax_backward)(size_t rows, size_t columns, const REAL *y, REAL *d) {
    for (size_t r = 0; r < rows; r++) {
        const REAL *out = y + r * columns;
        REAL *row = d + r * columns;
        REAL dot = 0;
        for (size_t c = 0; c < columns; c++) dot += row[c] * out[c];
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) row[c] = out[c] * (row[c] - dot);
    }
}

static DP_TARGET double DP_FN(dp_softmax_cross_entropy)(size_t rows, size_t columns, const REAL *z,
                                                         const int32_t *labels, REAL factor, REAL *gradient,
                                                         size_t *correct) {
    double loss = 0;
    size_t hits = 0;
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = z + r * columns;
        REAL *out = gradient + r * columns;
        const size_t label = (size_t)labels[r], largest = DP_FN(dp_largest)(columns, row);
        const REAL top = row[largest], of_label = row[label];
        const REAL sum = DP_FN(dp_exponentials)(columns, row, top, out);
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

static DP_TARGET double DP_FN(dp_softmax_cross_entropy_soft)(size_t rows, size_t columns, const REAL *z,
                                                              const REAL *targets, REAL factor, REAL *gradient,
                                                              size_t *correct) {
    double loss = 0;
    size_t hits = 0;
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = z + r * columns, *target = targets + r * columns;
        REAL *out = gradient + r * columns;
        const size_t largest = DP_FN(dp_largest)(columns, row);
        const REAL top = row[largest];
        // Before the row is overwritten, as z and gradient may be the same.
        REAL expected = 0;
        for (size_t c = 0; c < columns; c++) expected += target[c] * (top - row[c]);
        const REAL sum = DP_FN(dp_exponentials)(columns, row, top, out);
        hits += largest == DP_FN(dp_largest)(columns, target);
        loss += LOG(sum) + expected;
        const REAL share = factor / sum;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) out[c] = out[c] * share - factor * target[c];
    }
    *correct = hits;
    return loss;
}

static DP_TARGET void DP_FN(dp_sgd)(size_t rows, size_t columns, REAL rate, REAL momentum, int nesterov,
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
