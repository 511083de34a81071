// The two products with bytes on tiles of 16 rows of 64 bytes, as Intel's AMX has them, and the table of kernels with them.
// A file includes this after int8_slices.h, which takes what does not fit tiles, having defined the operations on tiles by
// number,
//
//   dp_tile_zero(t), dp_tile_load(t, from, stride), dp_tile_store(t, to, stride)
//   dp_tile_dot_us(sum, a, b), dp_tile_dot_su(sum, a, b)   sums of products of bytes, where a or b is signed
//   dp_tile_begin(), dp_tile_end()                         around their use by a thread
//
// and a test does so with tiles made of plain memory.

#define DP_TILE_ROWS 16
#define DP_TILE_BYTES 64

// The sums of row r as one number.
DP_STATIC dp_floats dp_join_row(int32_t (*sums)[DP_TILE_ROWS][DP_TILE_ROWS], const int slices, size_t r, size_t largest) {
    dp_ints all[3];
    for (int d = 0; d < slices; d++) all[d] = *(const dp_ints *)sums[d][r];
    return dp_join(all, slices, largest);
}

DP_STATIC void dp_store_sums(int32_t (*sums)[DP_TILE_ROWS][DP_TILE_ROWS], const int slices) {
    dp_tile_store(0, sums[0], DP_TILE_BYTES);
    dp_tile_store(1, sums[1], DP_TILE_BYTES);
    if (slices == 3) dp_tile_store(2, sums[2], DP_TILE_BYTES);
}

DP_STATIC void dp_zero_sums(const int slices) {
    dp_tile_zero(0);
    dp_tile_zero(1);
    if (slices == 3) dp_tile_zero(2);
}

DP_STATIC void dp_nt_tiles(const int slices, size_t m, size_t n, size_t k, size_t channels, const uint8_t *x,
                           size_t x_stride, const int8_t *packed, const dp_int8_scale *scales,
                           const float *factors, const float *offset, float *y, size_t y_stride) {
    const size_t channel_size = k / channels, group = slices * DP_TILE_BYTES;
    int32_t sums[3][DP_TILE_ROWS][DP_TILE_ROWS] __attribute__((aligned(64)));
    uint8_t edge[DP_TILE_ROWS][DP_TILE_BYTES] __attribute__((aligned(64)));
    memset(edge, 0, sizeof edge);
    for (size_t panel = 0; panel < n; panel += DP_INT8_LANES) {
        const size_t columns = n - panel < DP_INT8_LANES ? n - panel : DP_INT8_LANES;
        dp_floats scale0, scale1, added = {0};
        dp_two_factors(scales + panel, columns, &scale0, &scale1);
        memcpy(&added, offset + panel, columns * sizeof(float));
        for (size_t row = 0; row < m; row += DP_TILE_ROWS) {
            const size_t rows = m - row < DP_TILE_ROWS ? m - row : DP_TILE_ROWS;
            const int8_t *right = packed + panel * k * slices;
            dp_floats total[DP_TILE_ROWS] = {{0}};
            for (size_t p = 0; p < channels; p++) {
                dp_zero_sums(slices);
                for (size_t i = 0; i < channel_size; i += DP_TILE_BYTES, right += DP_TILE_ROWS * group) {
                    const uint8_t *left = x + row * x_stride + p * channel_size + i;
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
                    if (slices == 3) {
                        dp_tile_load(6, right + 2 * DP_TILE_BYTES, group);
                        dp_tile_dot_us(2, 3, 6);
                    }
                }
                dp_store_sums(sums, slices);
                for (size_t r = 0; r < rows; r++)
                    total[r] += dp_join_row(sums, slices, r, dp_largest_product(channel_size)) * factors[p];
            }
            for (size_t r = 0; r < rows; r++) {
                const dp_floats result = total[r] * scale0 * scale1 + added;
                memcpy(y + (row + r) * y_stride + panel, &result, columns * sizeof(float));
            }
        }
    }
}

// dY comes as [slice][n][padded samples], unlike for vectors.
DP_STATIC void dp_tn_tiles(const int slices, size_t n, size_t columns, size_t samples, const int8_t *dy,
                           const dp_int8_sums *sums_of_dy, const dp_int8_scale *scales, const uint8_t *x,
                           const float *factors, const float *zero_points, float *g, size_t g_stride) {
    const size_t padded = dp_int8_padded_samples(samples);
    const size_t wide = dp_whole_lanes(n);
    int32_t sums[3][DP_TILE_ROWS][DP_TILE_ROWS] __attribute__((aligned(64)));
    for (size_t column = 0; column < columns; column += DP_INT8_LANES) {
        const size_t count = columns - column < DP_INT8_LANES ? columns - column : DP_INT8_LANES;
        dp_floats factor = {0}, zero_point = {0};
        memcpy(&factor, factors + column, count * sizeof(float));
        memcpy(&zero_point, zero_points + column, count * sizeof(float));
        const uint8_t *right = x + column * padded;
        for (size_t row = 0; row < n; row += DP_TILE_ROWS) {
            dp_zero_sums(slices);
            for (size_t s = 0; s < padded; s += DP_TILE_BYTES) {
                const int8_t *left = dy + row * padded + s;
                dp_tile_load(3, right + s * DP_INT8_LANES, DP_TILE_BYTES);
                dp_tile_load(4, left, padded);
                dp_tile_dot_su(0, 4, 3);
                dp_tile_load(5, left + wide * padded, padded);
                dp_tile_dot_su(1, 5, 3);
                if (slices == 3) {
                    dp_tile_load(6, left + 2 * wide * padded, padded);
                    dp_tile_dot_su(2, 6, 3);
                }
            }
            dp_store_sums(sums, slices);
            for (size_t r = 0; r < DP_TILE_ROWS && row + r < n; r++) {
                for (int d = 0; d < slices; d++)
                    *(dp_ints *)sums[d][r] -= DP_INT8_ZERO_POINT * sums_of_dy[row + r].of_slice[d];
                const float total = dp_total_of(&sums_of_dy[row + r]);
                const dp_floats joined =
                    dp_join_row(sums, slices, r, dp_largest_centred(samples)) * factor + zero_point * total;
                const dp_floats result = joined * scales[row + r].scale[0] * scales[row + r].scale[1];
                memcpy(g + (row + r) * g_stride + column, &result, count * sizeof(float));
            }
        }
    }
}

DP_TARGET static void dp_tiled_gemm_nt(size_t m, size_t n, size_t k, size_t channels, const uint8_t *x, size_t x_stride,
                                       const int8_t *packed, const dp_int8_scale *scales, int slices,
                                       const float *factors, const float *offset, float *y, size_t y_stride) {
    // Where a channel is not made of whole tiles vectors take it.
    if (k % (channels * DP_TILE_BYTES) != 0) {
        dp_gemm_nt(m, n, k, channels, x, x_stride, packed, scales, slices, factors, offset, y, y_stride);
        return;
    }
    dp_tile_begin();
    if (slices == 3)
        dp_nt_tiles(3, m, n, k, channels, x, x_stride, packed, scales, factors, offset, y, y_stride);
    else
        dp_nt_tiles(2, m, n, k, channels, x, x_stride, packed, scales, factors, offset, y, y_stride);
    dp_tile_end();
}

// Packs dY for vectors, and behind that in the order of tiles, [slice][n][padded samples].
DP_TARGET static void dp_tiled_pack_gradient(size_t samples, size_t n, const float *dy, size_t stride,
                                             const dp_int8_scale *scales, int slices, int8_t *packed,
                                             dp_int8_sums *sums) {
    dp_pack_gradient(samples, n, dy, stride, scales, slices, packed, sums);
    const size_t padded = dp_int8_padded_samples(samples), wide = dp_whole_lanes(n);
    int8_t *ordered = packed + slices * padded * wide;
    for (int d = 0; d < slices; d++)
        for (size_t s = 0; s < padded; s += DP_INT8_BYTES)
            for (size_t c = 0; c < wide; c++)
                memcpy(ordered + (d * wide + c) * padded + s, packed + dp_place_of_samples(slices, padded, c, s, d),
                       DP_INT8_BYTES);
}

DP_TARGET static void dp_tiled_gemm_tn(size_t n, size_t columns, size_t samples, const int8_t *dy,
                                       const dp_int8_sums *sums, const dp_int8_scale *scales, int slices,
                                       const uint8_t *x, const float *factors, const float *zero_points, float *g,
                                       size_t g_stride) {
    const int8_t *ordered = dy + slices * dp_int8_padded_samples(samples) * dp_whole_lanes(n);
    dp_tile_begin();
    if (slices == 3)
        dp_tn_tiles(3, n, columns, samples, ordered, sums, scales, x, factors, zero_points, g, g_stride);
    else
        dp_tn_tiles(2, n, columns, samples, ordered, sums, scales, x, factors, zero_points, g, g_stride);
    dp_tile_end();
}

#define DP_TILED_KERNELS                                                                                                   \
    {                                                                                                                      \
        .row_maxima = dp_row_maxima, .column_maxima = dp_column_maxima, .pack_weights = dp_pack_weights,                   \
        .sum_slots = dp_sum_slots, .gemm_nt = dp_tiled_gemm_nt, .pack_gradient = dp_tiled_pack_gradient,                   \
        .pack_bytes = dp_pack_bytes, .gemm_tn = dp_tiled_gemm_tn, DP_BYTES_KERNELS(DP_BYTES_ENTRY)                         \
    }
