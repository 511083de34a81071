// The two products with bytes on vectors. A file for an instruction set includes this after int8_packing.h, having defined
//
//   DP_ROWS, DP_COLUMN_ROWS          rows of Y, and of G, at once
//   dp_splat_bytes(bytes)            which repeats four bytes in all lanes
//
// The number of slices is a constant in every loop.

// s0 + 256 s1 + 65536 s2.
DP_STATIC dp_floats dp_join(const dp_ints *sums, const int slices) {
    dp_floats joined = __builtin_convertvector(sums[slices - 1], dp_floats);
    DP_UNROLL for (int d = slices - 2; d >= 0; d--) joined = joined * 256.0f + __builtin_convertvector(sums[d], dp_floats);
    return joined;
}

DP_STATIC void dp_nt_rows(const size_t rows, const int slices, size_t columns, size_t k, size_t channels,
                          const uint8_t *x, size_t x_stride, const int8_t *packed, dp_floats scale0,
                          dp_floats scale1, const float *factors, dp_floats offset, float *y,
                          size_t y_stride) {
    dp_floats total[DP_ROWS];
    DP_UNROLL for (size_t r = 0; r < rows; r++) total[r] = (dp_floats){0};
    const size_t groups = k / channels / DP_INT8_BYTES;
    for (size_t p = 0; p < channels; p++) {
        dp_ints sum[DP_ROWS][3];
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (int d = 0; d < slices; d++) sum[r][d] = (dp_ints){0};
        }
        for (size_t i = 0; i < groups; i++) {
            dp_ints right[3];
            DP_UNROLL for (int d = 0; d < slices; d++) right[d] = *(const dp_ints *)(packed + d * 64);
            DP_UNROLL for (size_t r = 0; r < rows; r++) {
                const dp_ints left = dp_splat_bytes(x + r * x_stride);
                DP_UNROLL for (int d = 0; d < slices; d++) sum[r][d] = dp_dot(sum[r][d], left, right[d]);
            }
            x += DP_INT8_BYTES;
            packed += slices * 64;
        }
        const float factor = factors[p];
        DP_UNROLL for (size_t r = 0; r < rows; r++) total[r] += dp_join(sum[r], slices) * factor;
    }
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        const dp_floats result = total[r] * scale0 * scale1 + offset;
        if (columns == DP_INT8_LANES)
            *(dp_floats *)(y + r * y_stride) = result;
        else
            memcpy(y + r * y_stride, &result, columns * sizeof(float));
    }
}

DP_STATIC void dp_nt_panels(const int slices, size_t m, size_t n, size_t k, size_t channels, const uint8_t *x,
                            size_t x_stride, const int8_t *packed, const dp_int8_scale *scales,
                            const float *factors, const float *offset, float *y, size_t y_stride) {
    for (size_t panel = 0; panel < n; panel += DP_INT8_LANES) {
        const size_t columns = n - panel < DP_INT8_LANES ? n - panel : DP_INT8_LANES;
        const int8_t *right = packed + panel * k * slices;
        dp_floats scale0, scale1, added = {0};
        dp_two_factors(scales + panel, columns, &scale0, &scale1);
        memcpy(&added, offset + panel, columns * sizeof(float));
        size_t row = 0;
        for (; row + DP_ROWS <= m; row += DP_ROWS)
            dp_nt_rows(DP_ROWS, slices, columns, k, channels, x + row * x_stride, x_stride, right, scale0, scale1,
                       factors, added, y + row * y_stride + panel, y_stride);
        for (; row < m; row++)
            dp_nt_rows(1, slices, columns, k, channels, x + row * x_stride, x_stride, right, scale0, scale1,
                       factors, added, y + row * y_stride + panel, y_stride);
    }
}

DP_TARGET static __attribute__((noinline)) void dp_gemm_nt(
    size_t m, size_t n, size_t k, size_t channels, const uint8_t *x, size_t x_stride, const int8_t *packed,
    const dp_int8_scale *scales, int slices, const float *factors, const float *offset, float *y, size_t y_stride) {
    if (slices == 3)
        dp_nt_panels(3, m, n, k, channels, x, x_stride, packed, scales, factors, offset, y, y_stride);
    else
        dp_nt_panels(2, m, n, k, channels, x, x_stride, packed, scales, factors, offset, y, y_stride);
}

// Rows of G for 32 columns, the second 16 of which may be missing.
DP_STATIC void dp_tn_rows(const size_t rows, const size_t vectors, const int slices, size_t n, size_t samples,
                          const int8_t *dy, const dp_int8_sums *sums, const dp_int8_scale *scales,
                          const uint8_t *x, size_t panel_bytes, const float *factors, const float *zero_points,
                          size_t columns, float *g, size_t g_stride) {
    const size_t padded = dp_int8_padded_samples(samples), wide = dp_whole_lanes(n);
    dp_ints sum[DP_COLUMN_ROWS][2][3];
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        DP_UNROLL for (size_t v = 0; v < vectors; v++) {
            DP_UNROLL for (int d = 0; d < slices; d++) sum[r][v][d] = (dp_ints){0};
        }
    }
    for (size_t i = 0; i < samples; i += DP_INT8_BYTES) {
        dp_ints right[2];
        DP_UNROLL for (size_t v = 0; v < vectors; v++)
            right[v] = *(const dp_ints *)(x + v * panel_bytes + i * DP_INT8_LANES);
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (int d = 0; d < slices; d++) {
                const dp_ints left = dp_splat_bytes((const uint8_t *)dy + (d * padded + i) * wide + r * DP_INT8_BYTES);
                DP_UNROLL for (size_t v = 0; v < vectors; v++) sum[r][v][d] = dp_dot(sum[r][v][d], right[v], left);
            }
        }
    }
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        const float total = dp_total_of(&sums[r]);
        DP_UNROLL for (size_t v = 0; v < vectors; v++) {
            const size_t column = v * DP_INT8_LANES;
            const float *factor = factors + column, *zero_point = zero_points + column;
            float *out = g + r * g_stride + column, edge[2][DP_INT8_LANES] = {{0}};
            const size_t bytes = (columns - column) * sizeof(float);
            if (columns < vectors * DP_INT8_LANES) {
                memcpy(edge[0], factor, bytes < 64 ? bytes : 64);
                memcpy(edge[1], zero_point, bytes < 64 ? bytes : 64);
                factor = edge[0];
                zero_point = edge[1];
            }
            DP_UNROLL for (int d = 0; d < slices; d++) sum[r][v][d] -= DP_INT8_ZERO_POINT * sums[r].of_slice[d];
            const dp_floats joined =
                dp_join(sum[r][v], slices) * *(const dp_floats *)factor + *(const dp_floats *)zero_point * total;
            const dp_floats result = joined * scales[r].scale[0] * scales[r].scale[1];
            if (columns < vectors * DP_INT8_LANES)
                memcpy(out, &result, bytes < 64 ? bytes : 64);
            else
                *(dp_floats *)out = result;
        }
    }
}

DP_STATIC void dp_tn_panels(const int slices, size_t n, size_t columns, size_t samples, const int8_t *dy,
                            const dp_int8_sums *sums, const dp_int8_scale *scales, const uint8_t *x,
                            const float *factors, const float *zero_points, float *g, size_t g_stride) {
    const size_t padded = dp_int8_padded_samples(samples), panel_bytes = padded * DP_INT8_LANES;
    for (size_t column = 0; column < columns; column += 2 * DP_INT8_LANES) {
        const size_t count = columns - column < 2 * DP_INT8_LANES ? columns - column : 2 * DP_INT8_LANES;
        const uint8_t *right = x + column / DP_INT8_LANES * panel_bytes;
        for (size_t row = 0; row < n;) {
            const int8_t *left = dy + row * DP_INT8_BYTES;
            float *out = g + row * g_stride + column;
            if (n - row < DP_COLUMN_ROWS) {
                if (count > DP_INT8_LANES)
                    dp_tn_rows(1, 2, slices, n, samples, left, sums + row, scales + row, right, panel_bytes,
                               factors + column, zero_points + column, count, out, g_stride);
                else
                    dp_tn_rows(1, 1, slices, n, samples, left, sums + row, scales + row, right, panel_bytes,
                               factors + column, zero_points + column, count, out, g_stride);
                row++;
            } else {
                if (count > DP_INT8_LANES)
                    dp_tn_rows(DP_COLUMN_ROWS, 2, slices, n, samples, left, sums + row, scales + row, right,
                               panel_bytes, factors + column, zero_points + column, count, out, g_stride);
                else
                    dp_tn_rows(DP_COLUMN_ROWS, 1, slices, n, samples, left, sums + row, scales + row, right,
                               panel_bytes, factors + column, zero_points + column, count, out, g_stride);
                row += DP_COLUMN_ROWS;
            }
        }
    }
}

DP_TARGET static __attribute__((noinline)) void dp_gemm_tn(
    size_t n, size_t columns, size_t samples, const int8_t *dy, const dp_int8_sums *sums, const dp_int8_scale *scales,
    int slices, const uint8_t *x, const float *factors, const float *zero_points, float *g, size_t g_stride) {
    if (slices == 3)
        dp_tn_panels(3, n, columns, samples, dy, sums, scales, x, factors, zero_points, g, g_stride);
    else
        dp_tn_panels(2, n, columns, samples, dy, sums, scales, x, factors, zero_points, g, g_stride);
}
