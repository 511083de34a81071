// The two products of digits for one unit and a constant number of digits. No include guard on purpose: digits.c includes
// this after defining DP_FN(name), DP_TARGET and, for the unit,
//
//   DP_ROWS, DP_COLUMN_ROWS          rows of Y, and of G, at once
//   dp_dot(sum, bytes, digits)       adds to each of 16 lanes four products of a byte and a digit

#define DP_STATIC static inline __attribute__((always_inline)) DP_TARGET
#define DP_UNROLL _Pragma("clang loop unroll(full)")

// unit * (s0 + 256 s1 + 65536 s2), the units later.
DP_STATIC dp_floats DP_FN(dp_join)(const dp_ints *sums, const int digits) {
    dp_floats joined = __builtin_convertvector(sums[digits - 1], dp_floats);
    DP_UNROLL for (int d = digits - 2; d >= 0; d--) joined = joined * 256.0f + __builtin_convertvector(sums[d], dp_floats);
    return joined;
}

DP_STATIC void DP_FN(dp_digit_rows)(const size_t rows, const int digits, size_t columns, size_t k, size_t planes,
                                    const uint8_t *x, size_t x_stride, const int8_t *packed, dp_floats unit0,
                                    dp_floats unit1, const float *factors, dp_floats constant, float *y,
                                    size_t y_stride) {
    dp_floats total[DP_ROWS];
    DP_UNROLL for (size_t r = 0; r < rows; r++) total[r] = (dp_floats){0};
    const size_t groups = k / planes / DP_DIGIT_BYTES;
    for (size_t p = 0; p < planes; p++) {
        dp_ints sum[DP_ROWS][3];
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (int d = 0; d < digits; d++) sum[r][d] = (dp_ints){0};
        }
        for (size_t i = 0; i < groups; i++) {
            dp_ints right[3];
            DP_UNROLL for (int d = 0; d < digits; d++) right[d] = *(const dp_ints *)(packed + d * 64);
            DP_UNROLL for (size_t r = 0; r < rows; r++) {
                const dp_ints left = dp_splat_bytes(x + r * x_stride);
                DP_UNROLL for (int d = 0; d < digits; d++) sum[r][d] = dp_dot(sum[r][d], left, right[d]);
            }
            x += DP_DIGIT_BYTES;
            packed += digits * 64;
        }
        const float factor = factors[p];
        DP_UNROLL for (size_t r = 0; r < rows; r++) total[r] += DP_FN(dp_join)(sum[r], digits) * factor;
    }
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        const dp_floats result = total[r] * unit0 * unit1 + constant;
        if (columns == DP_DIGIT_LANES)
            *(dp_floats *)(y + r * y_stride) = result;
        else
            memcpy(y + r * y_stride, &result, columns * sizeof(float));
    }
}

DP_STATIC void DP_FN(dp_digit_panels)(const int digits, size_t m, size_t n, size_t k, size_t planes, const uint8_t *x,
                                      size_t x_stride, const int8_t *packed, const dp_digit_scale *scales,
                                      const float *factors, const float *constant, float *y, size_t y_stride) {
    for (size_t panel = 0; panel < n; panel += DP_DIGIT_LANES) {
        const size_t columns = n - panel < DP_DIGIT_LANES ? n - panel : DP_DIGIT_LANES;
        const int8_t *right = packed + panel * k * digits;
        dp_floats unit0 = {0}, unit1 = {0}, offset = {0};
        for (size_t i = 0; i < columns; i++) {
            unit0[i] = scales[panel + i].unit[0];
            unit1[i] = scales[panel + i].unit[1];
            offset[i] = constant[panel + i];
        }
        size_t row = 0;
        for (; row + DP_ROWS <= m; row += DP_ROWS)
            DP_FN(dp_digit_rows)(DP_ROWS, digits, columns, k, planes, x + row * x_stride, x_stride, right, unit0, unit1,
                                 factors, offset, y + row * y_stride + panel, y_stride);
        for (; row < m; row++)
            DP_FN(dp_digit_rows)(1, digits, columns, k, planes, x + row * x_stride, x_stride, right, unit0, unit1,
                                 factors, offset, y + row * y_stride + panel, y_stride);
    }
}

DP_TARGET static __attribute__((noinline)) void DP_FN(dp_multiply_digits)(
    size_t m, size_t n, size_t k, size_t planes, const uint8_t *x, size_t x_stride, const int8_t *packed,
    const dp_digit_scale *scales, int digits, const float *factors, const float *constant, float *y, size_t y_stride) {
    if (digits == 3)
        DP_FN(dp_digit_panels)(3, m, n, k, planes, x, x_stride, packed, scales, factors, constant, y, y_stride);
    else
        DP_FN(dp_digit_panels)(2, m, n, k, planes, x, x_stride, packed, scales, factors, constant, y, y_stride);
}

// Rows of G for 32 columns, the second 16 of which may be missing.
DP_STATIC void DP_FN(dp_sample_rows)(const size_t rows, const size_t vectors, const int digits, size_t n, size_t samples,
                                     const int8_t *dy, const dp_digit_sums *sums, const dp_digit_scale *scales,
                                     const uint8_t *x, size_t panel_bytes, const float *factors, const float *middles,
                                     size_t columns, float *g, size_t g_stride) {
    const size_t padded = dp_padded_samples(samples), wide = (n + DP_DIGIT_LANES - 1) / DP_DIGIT_LANES * DP_DIGIT_LANES;
    dp_ints sum[DP_COLUMN_ROWS][2][3];
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        DP_UNROLL for (size_t v = 0; v < vectors; v++) {
            DP_UNROLL for (int d = 0; d < digits; d++) sum[r][v][d] = (dp_ints){0};
        }
    }
    for (size_t i = 0; i < samples; i += DP_DIGIT_BYTES) {
        dp_ints right[2];
        DP_UNROLL for (size_t v = 0; v < vectors; v++)
            right[v] = *(const dp_ints *)(x + v * panel_bytes + i * DP_DIGIT_LANES);
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (int d = 0; d < digits; d++) {
                const dp_ints left = dp_splat_bytes((const uint8_t *)dy + (d * padded + i) * wide + r * DP_DIGIT_BYTES);
                DP_UNROLL for (size_t v = 0; v < vectors; v++) sum[r][v][d] = dp_dot(sum[r][v][d], right[v], left);
            }
        }
    }
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        const float total = dp_total_of(&sums[r]);
        DP_UNROLL for (size_t v = 0; v < vectors; v++) {
            const size_t column = v * DP_DIGIT_LANES;
            const float *factor = factors + column, *middle = middles + column;
            float *out = g + r * g_stride + column, edge[2][DP_DIGIT_LANES] = {{0}};
            const size_t bytes = (columns - column) * sizeof(float);
            if (columns < vectors * DP_DIGIT_LANES) {
                memcpy(edge[0], factor, bytes < 64 ? bytes : 64);
                memcpy(edge[1], middle, bytes < 64 ? bytes : 64);
                factor = edge[0];
                middle = edge[1];
            }
            DP_UNROLL for (int d = 0; d < digits; d++) sum[r][v][d] -= 128 * sums[r].of_digit[d];
            const dp_floats joined =
                DP_FN(dp_join)(sum[r][v], digits) * *(const dp_floats *)factor + *(const dp_floats *)middle * total;
            const dp_floats result = joined * scales[r].unit[0] * scales[r].unit[1];
            if (columns < vectors * DP_DIGIT_LANES)
                memcpy(out, &result, bytes < 64 ? bytes : 64);
            else
                *(dp_floats *)out = result;
        }
    }
}

DP_STATIC void DP_FN(dp_sample_panels)(const int digits, size_t n, size_t columns, size_t samples, const int8_t *dy,
                                       const dp_digit_sums *sums, const dp_digit_scale *scales, const uint8_t *x,
                                       const float *factors, const float *middles, float *g, size_t g_stride) {
    const size_t padded = dp_padded_samples(samples), panel_bytes = padded * DP_DIGIT_LANES;
    for (size_t column = 0; column < columns; column += 2 * DP_DIGIT_LANES) {
        const size_t count = columns - column < 2 * DP_DIGIT_LANES ? columns - column : 2 * DP_DIGIT_LANES;
        const uint8_t *right = x + column / DP_DIGIT_LANES * panel_bytes;
        for (size_t row = 0; row < n;) {
            const int8_t *left = dy + row * DP_DIGIT_BYTES;
            float *out = g + row * g_stride + column;
            if (n - row < DP_COLUMN_ROWS) {
                if (count > DP_DIGIT_LANES)
                    DP_FN(dp_sample_rows)(1, 2, digits, n, samples, left, sums + row, scales + row, right, panel_bytes,
                                          factors + column, middles + column, count, out, g_stride);
                else
                    DP_FN(dp_sample_rows)(1, 1, digits, n, samples, left, sums + row, scales + row, right, panel_bytes,
                                          factors + column, middles + column, count, out, g_stride);
                row++;
            } else {
                if (count > DP_DIGIT_LANES)
                    DP_FN(dp_sample_rows)(DP_COLUMN_ROWS, 2, digits, n, samples, left, sums + row, scales + row, right,
                                          panel_bytes, factors + column, middles + column, count, out, g_stride);
                else
                    DP_FN(dp_sample_rows)(DP_COLUMN_ROWS, 1, digits, n, samples, left, sums + row, scales + row, right,
                                          panel_bytes, factors + column, middles + column, count, out, g_stride);
                row += DP_COLUMN_ROWS;
            }
        }
    }
}

DP_TARGET static __attribute__((noinline)) void DP_FN(dp_multiply_samples)(
    size_t n, size_t columns, size_t samples, const int8_t *dy, const dp_digit_sums *sums, const dp_digit_scale *scales,
    int digits, const uint8_t *x, const float *factors, const float *middles, float *g, size_t g_stride) {
    if (digits == 3)
        DP_FN(dp_sample_panels)(3, n, columns, samples, dy, sums, scales, x, factors, middles, g, g_stride);
    else
        DP_FN(dp_sample_panels)(2, n, columns, samples, dy, sums, scales, x, factors, middles, g, g_stride);
}

#undef DP_UNROLL
#undef DP_STATIC
