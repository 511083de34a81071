// The two products of digits on tiles of 16 rows of 64 bytes, as Intel's AMX has them. No include guard on purpose:
// digits.c includes this after defining DP_TARGET, DP_FN(name), and the operations on tiles by number,
//
//   dp_tile_zero(t), dp_tile_load(t, from, stride), dp_tile_store(t, to, stride)
//   dp_tile_dot_us(sum, a, b), dp_tile_dot_su(sum, a, b)   sums of products of bytes, where a or b is signed
//   dp_tile_begin(), dp_tile_end()                         around their use by a thread
//
// and a test does so with tiles made of plain memory.

#define DP_STATIC static inline __attribute__((always_inline)) DP_TARGET

// units * factor * (s0 + 256 s1 + 65536 s2) of row r, with the roundings of the other units.
DP_STATIC dp_floats DP_FN(dp_join_row)(int32_t (*sums)[DP_TILE_ROWS][DP_TILE_ROWS], const int digits, size_t r) {
    dp_floats joined = __builtin_convertvector(*(const dp_ints *)sums[digits - 1][r], dp_floats);
    for (int d = digits - 2; d >= 0; d--)
        joined = joined * 256.0f + __builtin_convertvector(*(const dp_ints *)sums[d][r], dp_floats);
    return joined;
}

DP_STATIC void DP_FN(dp_store_sums)(int32_t (*sums)[DP_TILE_ROWS][DP_TILE_ROWS], const int digits) {
    dp_tile_store(0, sums[0], DP_TILE_BYTES);
    dp_tile_store(1, sums[1], DP_TILE_BYTES);
    if (digits == 3) dp_tile_store(2, sums[2], DP_TILE_BYTES);
}

DP_STATIC void DP_FN(dp_zero_sums)(const int digits) {
    dp_tile_zero(0);
    dp_tile_zero(1);
    if (digits == 3) dp_tile_zero(2);
}

DP_STATIC void DP_FN(dp_tile_digits)(const int digits, size_t m, size_t n, size_t k, size_t planes, const uint8_t *x,
                                     size_t x_stride, const int8_t *packed, const dp_digit_scale *scales,
                                     const float *factors, const float *constant, float *y, size_t y_stride) {
    const size_t plane = k / planes, group = digits * DP_TILE_BYTES;
    int32_t sums[3][DP_TILE_ROWS][DP_TILE_ROWS] __attribute__((aligned(64)));
    uint8_t edge[DP_TILE_ROWS][DP_TILE_BYTES] __attribute__((aligned(64)));
    memset(edge, 0, sizeof edge);
    for (size_t panel = 0; panel < n; panel += DP_DIGIT_LANES) {
        const size_t columns = n - panel < DP_DIGIT_LANES ? n - panel : DP_DIGIT_LANES;
        dp_floats unit0 = {0}, unit1 = {0}, offset = {0};
        for (size_t i = 0; i < columns; i++) {
            unit0[i] = scales[panel + i].unit[0];
            unit1[i] = scales[panel + i].unit[1];
            offset[i] = constant[panel + i];
        }
        for (size_t row = 0; row < m; row += DP_TILE_ROWS) {
            const size_t rows = m - row < DP_TILE_ROWS ? m - row : DP_TILE_ROWS;
            const int8_t *right = packed + panel * k * digits;
            dp_floats total[DP_TILE_ROWS] = {{0}};
            for (size_t p = 0; p < planes; p++) {
                DP_FN(dp_zero_sums)(digits);
                for (size_t i = 0; i < plane; i += DP_TILE_BYTES, right += DP_TILE_ROWS * group) {
                    const uint8_t *left = x + row * x_stride + p * plane + i;
                    if (rows == DP_TILE_ROWS) {
                        dp_tile_load(3, left, x_stride);
                    } else {
                        // Nothing behind the last row may be read.
                        for (size_t r = 0; r < rows; r++) memcpy(edge[r], left + r * x_stride, DP_TILE_BYTES);
                        dp_tile_load(3, edge, DP_TILE_BYTES);
                    }
                    dp_tile_load(4, right, group);
                    dp_tile_dot_us(0, 3, 4);
                    dp_tile_load(5, right + DP_TILE_BYTES, group);
                    dp_tile_dot_us(1, 3, 5);
                    if (digits == 3) {
                        dp_tile_load(6, right + 2 * DP_TILE_BYTES, group);
                        dp_tile_dot_us(2, 3, 6);
                    }
                }
                DP_FN(dp_store_sums)(sums, digits);
                for (size_t r = 0; r < rows; r++) total[r] += DP_FN(dp_join_row)(sums, digits, r) * factors[p];
            }
            for (size_t r = 0; r < rows; r++) {
                const dp_floats result = total[r] * unit0 * unit1 + offset;
                memcpy(y + (row + r) * y_stride + panel, &result, columns * sizeof(float));
            }
        }
    }
}

// dY comes as [digit][n][padded samples], unlike in the other units.
DP_STATIC void DP_FN(dp_tile_samples)(const int digits, size_t n, size_t columns, size_t samples, const int8_t *dy,
                                      const dp_digit_sums *sums_of_dy, const dp_digit_scale *scales, const uint8_t *x,
                                      const float *factors, const float *middles, float *g, size_t g_stride) {
    const size_t padded = dp_padded_samples(samples);
    const size_t wide = (n + DP_DIGIT_LANES - 1) / DP_DIGIT_LANES * DP_DIGIT_LANES;
    int32_t sums[3][DP_TILE_ROWS][DP_TILE_ROWS] __attribute__((aligned(64)));
    for (size_t column = 0; column < columns; column += DP_DIGIT_LANES) {
        const size_t count = columns - column < DP_DIGIT_LANES ? columns - column : DP_DIGIT_LANES;
        dp_floats factor = {0}, middle = {0};
        memcpy(&factor, factors + column, count * sizeof(float));
        memcpy(&middle, middles + column, count * sizeof(float));
        const uint8_t *right = x + column * padded;
        for (size_t row = 0; row < n; row += DP_TILE_ROWS) {
            DP_FN(dp_zero_sums)(digits);
            for (size_t s = 0; s < padded; s += DP_TILE_BYTES) {
                const int8_t *left = dy + row * padded + s;
                dp_tile_load(3, right + s * DP_DIGIT_LANES, DP_TILE_BYTES);
                dp_tile_load(4, left, padded);
                dp_tile_dot_su(0, 4, 3);
                dp_tile_load(5, left + wide * padded, padded);
                dp_tile_dot_su(1, 5, 3);
                if (digits == 3) {
                    dp_tile_load(6, left + 2 * wide * padded, padded);
                    dp_tile_dot_su(2, 6, 3);
                }
            }
            DP_FN(dp_store_sums)(sums, digits);
            for (size_t r = 0; r < DP_TILE_ROWS && row + r < n; r++) {
                for (int d = 0; d < digits; d++)
                    *(dp_ints *)sums[d][r] -= 128 * sums_of_dy[row + r].of_digit[d];
                const float total = dp_total_of(&sums_of_dy[row + r]);
                const dp_floats joined = DP_FN(dp_join_row)(sums, digits, r) * factor + middle * total;
                const dp_floats result = joined * scales[row + r].unit[0] * scales[row + r].unit[1];
                memcpy(g + (row + r) * g_stride + column, &result, count * sizeof(float));
            }
        }
    }
}

DP_TARGET static __attribute__((noinline)) void DP_FN(dp_multiply_digits)(
    size_t m, size_t n, size_t k, size_t planes, const uint8_t *x, size_t x_stride, const int8_t *packed,
    const dp_digit_scale *scales, int digits, const float *factors, const float *constant, float *y, size_t y_stride) {
    dp_tile_begin();
    if (digits == 3)
        DP_FN(dp_tile_digits)(3, m, n, k, planes, x, x_stride, packed, scales, factors, constant, y, y_stride);
    else
        DP_FN(dp_tile_digits)(2, m, n, k, planes, x, x_stride, packed, scales, factors, constant, y, y_stride);
    dp_tile_end();
}

DP_TARGET static __attribute__((noinline)) void DP_FN(dp_multiply_samples)(
    size_t n, size_t columns, size_t samples, const int8_t *dy, const dp_digit_sums *sums, const dp_digit_scale *scales,
    int digits, const uint8_t *x, const float *factors, const float *middles, float *g, size_t g_stride) {
    dp_tile_begin();
    if (digits == 3)
        DP_FN(dp_tile_samples)(3, n, columns, samples, dy, sums, scales, x, factors, middles, g, g_stride);
    else
        DP_FN(dp_tile_samples)(2, n, columns, samples, dy, sums, scales, x, factors, middles, g, g_stride);
    dp_tile_end();
}

// Brings dY [digit][padded samples / 4][n][4] into the order of tiles, [digit][n][padded samples].
DP_TARGET static void DP_FN(dp_order_samples)(size_t samples, size_t n, int digits, const int8_t *lanes,
                                              int8_t *tiles) {
    const size_t padded = dp_padded_samples(samples);
    const size_t wide = (n + DP_DIGIT_LANES - 1) / DP_DIGIT_LANES * DP_DIGIT_LANES;
    for (int d = 0; d < digits; d++)
        for (size_t s = 0; s < padded; s += DP_DIGIT_BYTES)
            for (size_t c = 0; c < wide; c++)
                memcpy(tiles + (d * wide + c) * padded + s, lanes + ((d * padded + s) * wide + c * DP_DIGIT_BYTES),
                       DP_DIGIT_BYTES);
}

#undef DP_STATIC
