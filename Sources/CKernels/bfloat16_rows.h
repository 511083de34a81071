// Rounding to bfloat16 and packing (bfloat16.h), for all instruction sets. A file for one includes this before
// bfloat16_gemm.h, having defined DP_TARGET; DP_ROUND(x, y) if it has an instruction that rounds two vectors of Floats, of
// which none is a denormal number, to 32 numbers.

// Floats of which those that are too small have become 0.
DP_STATIC dp_floats dp_without_small(dp_floats x) {
    const dp_floats smallest = DP_BFLOAT16_SMALLEST - (dp_floats){0};
    return (dp_floats)((dp_pairs)x & ~(dp_pairs)(((dp_pairs)x & 0x7fffffff) < (dp_pairs)smallest));
}

#ifndef DP_ROUND
// To the nearest, ties to even, in the upper halves; NaN stays one.
DP_STATIC dp_pairs dp_rounded(dp_floats x) {
    const dp_pairs bits = (dp_pairs)x, is_nan = (dp_pairs)((bits & 0x7fffffff) > 0x7f800000);
    return ((bits | 0x400000) & is_nan) | ((bits + 0x7fff + ((bits >> 16) & 1)) & ~is_nan);
}

#define DP_ROUND(x, y) dp_upper_halves(dp_rounded(x), dp_rounded(y))
DP_STATIC dp_thirty_two dp_upper_halves(dp_pairs x, dp_pairs y) {
    return DP_SHUFFLE((dp_thirty_two)x, (dp_thirty_two)y, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35,
                      37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63);
}
#endif

// 32 numbers from x on, or `count` and zeros.
DP_STATIC dp_thirty_two dp_round_some(const float *x, size_t count) {
    dp_floats two[2] = {{0}, {0}};
    if (count >= 32) {
        two[0] = *(const dp_floats *)x;
        two[1] = *(const dp_floats *)(x + 16);
    } else {
        memcpy(two, x, count * sizeof(float));
    }
    return DP_ROUND(dp_without_small(two[0]), dp_without_small(two[1]));
}

// Of 32 columns, pairs of a number of the first and one of the second row.
DP_STATIC void dp_pair_rows(dp_thirty_two first, dp_thirty_two second, dp_bfloat16_pair *pairs) {
    *(dp_thirty_two *)pairs = DP_SHUFFLE(second, first, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 8, 40, 9, 41,
                                         10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47);
    *(dp_thirty_two *)(pairs + 16) = DP_SHUFFLE(second, first, 16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23,
                                                55, 24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63);
}

DP_TARGET static void dp_bf16_round(size_t rows, size_t columns, const float *x, size_t x_stride, dp_bfloat16 *y,
                               size_t y_stride) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c += 32)
            *(dp_thirty_two *)(y + r * y_stride + c) = dp_round_some(x + r * x_stride + c, columns - c);
}

// Panels that are packed together: rows are read in more than a cache line at a time.
#define DP_STRIP_PANELS 4

DP_TARGET static void dp_bf16_pack_b(size_t k, size_t n, const dp_bfloat16 *b, size_t stride, dp_bfloat16_pair *packed) {
    const size_t panel = dp_bfloat16_pairs(k) * DP_NR, strip = DP_STRIP_PANELS * DP_NR;
    for (size_t column = 0; column < n; column += strip)
        for (size_t row = 0; row < k; row += 2)
            for (size_t c = column; c < n && c < column + strip; c += DP_NR) {
                const dp_bfloat16 *from = b + row * stride + c;
                dp_thirty_two first = *(const dp_thirty_two *)from, second = {0};
                if (row + 1 < k) second = *(const dp_thirty_two *)(from + stride);
                if (n - c < DP_NR) {
                    // What stands behind the last column belongs to others.
                    dp_thirty_two mask = {0};
                    memset(&mask, 0xff, (n - c) * sizeof(dp_bfloat16));
                    first &= mask;
                    second &= mask;
                }
                dp_pair_rows(first, second, packed + c / DP_NR * panel + row / 2 * DP_NR);
            }
}

// The transpose of 16 rows of 16 pairs.
DP_STATIC void dp_transpose(dp_pairs x[16]) {
    dp_pairs y[16];
    DP_UNROLL for (size_t i = 0; i < 16; i += 2) {
        y[i] = DP_SHUFFLE(x[i], x[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
        y[i + 1] = DP_SHUFFLE(x[i], x[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    }
    // x[4 j + i] has column i of each quarter, of rows 4 j to 4 j + 3.
    DP_UNROLL for (size_t i = 0; i < 16; i += 4)
        DP_UNROLL for (size_t j = 0; j < 2; j++) {
            const dp_pairs a = y[i + j], b = y[i + j + 2];
            x[i + 2 * j] = DP_SHUFFLE(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
            x[i + 2 * j + 1] = DP_SHUFFLE(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
        }
    DP_UNROLL for (size_t i = 0; i < 4; i++)
        DP_UNROLL for (size_t j = 0; j < 2; j++) {
            const dp_pairs a = x[8 * j + i], b = x[8 * j + 4 + i];
            y[4 * i + 2 * j] = DP_SHUFFLE(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
            y[4 * i + 2 * j + 1] = DP_SHUFFLE(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
        }
    DP_UNROLL for (size_t i = 0; i < 4; i++)
        DP_UNROLL for (size_t j = 0; j < 2; j++) {
            // y[4 i + j] has columns i and i + 8 (j = 0), or i + 4 and i + 12, of rows 0 to 7; two further, of rows 8 to 15.
            const dp_pairs a = y[4 * i + j], b = y[4 * i + j + 2];
            x[i + 4 * j] = DP_SHUFFLE(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
            x[i + 4 * j + 8] = DP_SHUFFLE(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
        }
}

DP_TARGET static void dp_bf16_pack_weights(size_t n, size_t k, size_t first, size_t columns, const float *w, size_t stride,
                                      dp_bfloat16_pair *transposed, dp_bfloat16_pair *packed) {
    const size_t panel = dp_bfloat16_pairs(k) * DP_NR, back_panel = dp_bfloat16_pairs(n) * DP_NR;
    const size_t end = first + columns, filled = (n + DP_NR - 1) / DP_NR * DP_NR;
    for (size_t row = 0; row < filled; row += 16)
        for (size_t column = first; column < end; column += DP_NR) {
            const size_t count = end - column < DP_NR ? end - column : DP_NR;
            dp_thirty_two x[16];
            for (size_t i = 0; i < 16; i++)
                x[i] = row + i < n ? dp_round_some(w + (row + i) * stride + column, count) : (dp_thirty_two){0};
            for (size_t i = 0; i < 16 && row + i < n; i += 2)
                dp_pair_rows(x[i], x[i + 1], packed + column / DP_NR * back_panel + (row + i) / 2 * DP_NR);
            dp_pairs y[16];
            DP_UNROLL for (size_t i = 0; i < 16; i++) y[i] = ((dp_pairs)x[i] << 16) | ((dp_pairs)x[i] >> 16);
            dp_transpose(y);
            dp_bfloat16_pair *to = transposed + row / DP_NR * panel + column / 2 * DP_NR + row % DP_NR;
            for (size_t i = 0; i < dp_bfloat16_pairs(count); i++) *(dp_pairs *)(to + i * DP_NR) = y[i];
        }
}

DP_TARGET static void dp_bf16_column_sums(size_t rows, size_t columns, const dp_bfloat16 *x, size_t stride, float *sums) {
    for (size_t c = 0; c < columns; c += 16) {
        dp_floats sum = {0};
        for (size_t r = 0; r < rows; r++) {
            const dp_sixteen numbers = *(const dp_sixteen *)(x + r * stride + c);
            sum += (dp_floats)(__builtin_convertvector(numbers, dp_pairs) << 16);
        }
        memcpy(sums + c, &sum, (columns - c < 16 ? columns - c : 16) * sizeof(float));
    }
}
