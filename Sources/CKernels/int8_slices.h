// Products with bytes, of slices of one byte each: four products of a byte and a slice go into each lane at once. A file for
// an instruction set that has such an instruction includes this after int8_rounding.h, having defined
//
//   DP_ROWS, DP_COLUMN_ROWS          rows of Y, and of G, at once
//   dp_splat_bytes(bytes)            which repeats four bytes in all lanes
//   dp_dot(sum, bytes, slices)       which adds to each of 16 lanes four products of a byte and a slice
//   DP_SIGNED_PIXELS                 where the bytes of dp_dot are signed, too: pixels are then taken less 128
//
// The number of slices is a constant in every loop. Layouts: W as [panel of n][k / 4][slice][lane][4], dY as
// [n / 4][padded samples / 4][slice][4][4], X as [panel of columns][padded samples / 4][lane][4].

// Where four samples of a slice of a row of dY's transpose stand; those of the rows of one tile one behind the other.
DP_STATIC size_t dp_place_of_samples(const int slices, size_t padded, size_t row, size_t sample, int slice) {
    return ((row / 4 * padded + sample) * slices + DP_INT8_BYTES * slice + row % 4) * DP_INT8_BYTES;
}

DP_STATIC dp_ints dp_concatenate(const dp_sixteen_bytes *quarters) {
    dp_ints whole;
    memcpy(&whole, quarters, sizeof whole);
    return whole;
}

DP_STATIC void dp_pack_panel(const int slices, size_t rows, size_t first, size_t columns, const float *w,
                             size_t stride, const dp_int8_scale *scales, int8_t *packed, int32_t *sums) {
    static const float nothing[16];
    dp_floats inverse0[DP_INT8_LANES], inverse1[DP_INT8_LANES];
    for (size_t r = 0; r < DP_INT8_LANES; r++) {
        inverse0[r] = (r < rows ? scales[r].inverse[0] : 0) - (dp_floats){0};
        inverse1[r] = (r < rows ? scales[r].inverse[1] : 0) - (dp_floats){0};
    }
    dp_ints slice_sums[3] = {{0}, {0}, {0}};
    for (size_t c = 0; c < columns; c += 16) {
        const size_t count = columns - c < 16 ? columns - c : 16;
        // Rows i, i + 4, i + 8 and i + 12 stand in a[][i], 16 values of k of each.
        dp_ints a[3][4];
        DP_UNROLL for (size_t i = 0; i < 4; i++) {
            dp_sixteen_bytes quarters[3][4];
            DP_UNROLL for (size_t j = 0; j < 4; j++) {
                const size_t r = i + 4 * j;
                const float *from = r < rows ? w + r * stride + first + c : nothing;
                const dp_floats x = dp_load(from, count);
                dp_sixteen_bytes split[3];
                dp_split(dp_round(x, inverse0[r], inverse1[r]), slices, split);
                DP_UNROLL for (int d = 0; d < slices; d++) quarters[d][j] = split[d];
            }
            DP_UNROLL for (int d = 0; d < slices; d++) a[d][i] = dp_concatenate(quarters[d]);
        }
        // Four bytes of k become a lane, the 16 rows of n next to one another.
        DP_UNROLL for (int d = 0; d < slices; d++) {
            dp_ints b[4], out[4];
            b[0] = __builtin_shufflevector(a[d][0], a[d][1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
            b[1] = __builtin_shufflevector(a[d][0], a[d][1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
            b[2] = __builtin_shufflevector(a[d][2], a[d][3], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
            b[3] = __builtin_shufflevector(a[d][2], a[d][3], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
            out[0] = __builtin_shufflevector(b[0], b[2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
            out[1] = __builtin_shufflevector(b[0], b[2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
            out[2] = __builtin_shufflevector(b[1], b[3], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
            out[3] = __builtin_shufflevector(b[1], b[3], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
            const dp_ints ones = 0x01010101 - (dp_ints){0};
            DP_UNROLL for (size_t i = 0; i < 4; i++) {
                if (i * DP_INT8_BYTES < count)
                    memcpy(packed + (((first + c) / DP_INT8_BYTES + i) * slices + d) * 64, &out[i], 64);
                slice_sums[d] = dp_dot(slice_sums[d], ones, out[i]);
            }
        }
    }
    dp_ints total = slice_sums[slices - 1];
    for (int d = slices - 2; d >= 0; d--) total = total * 256 + slice_sums[d];
    memcpy(sums, &total, rows * sizeof(int32_t));
}

DP_TARGET static void dp_pack_weights(size_t n, size_t k, size_t first, size_t columns, const float *w,
                                      size_t stride, const dp_int8_scale *scales, int slices, int8_t *packed,
                                      int32_t *sums) {
    for (size_t row = 0; row < n; row += DP_INT8_LANES) {
        const size_t rows = n - row < DP_INT8_LANES ? n - row : DP_INT8_LANES;
        int8_t *to = packed + row * k * slices;
        if (slices == 3)
            dp_pack_panel(3, rows, first, columns, w + row * stride, stride, scales + row, to, sums + row);
        else
            dp_pack_panel(2, rows, first, columns, w + row * stride, stride, scales + row, to, sums + row);
    }
}

DP_STATIC void dp_pack_gradient_slices(const int slices, size_t samples, size_t n, const float *dy, size_t stride,
                                       const dp_int8_scale *scales, int8_t *packed, dp_int8_sums *sums) {
    const size_t padded = dp_int8_padded_samples(samples);
    for (size_t column = 0; column < n; column += DP_INT8_LANES) {
        const size_t columns = n - column < DP_INT8_LANES ? n - column : DP_INT8_LANES;
        dp_floats inverse0 = {0}, inverse1 = {0};
        dp_ints total[3] = {{0}, {0}, {0}};
        for (size_t i = 0; i < columns; i++) {
            inverse0[i] = scales[column + i].inverse[0];
            inverse1[i] = scales[column + i].inverse[1];
        }
        for (size_t start = 0; start < padded; start += DP_INT8_BYTES) {
            dp_sixteen_bytes slice[3][4];
            memset(slice, 0, sizeof slice);
            for (size_t s = 0; s < 4 && start + s < samples; s++) {
                const dp_floats x = dp_load(dy + (start + s) * stride + column, columns);
                const dp_ints q = dp_round(x, inverse0, inverse1);
                dp_sixteen_bytes split[3];
                dp_split(q, slices, split);
                for (int d = 0; d < slices; d++) {
                    slice[d][s] = split[d];
                    total[d] += __builtin_convertvector(split[d], dp_ints);
                }
            }
            for (int d = 0; d < slices; d++) {
                int8_t of_sixteen[4][16];
                dp_interleave(slice[d], of_sixteen);
                for (size_t i = 0; i < 4; i++)
                    memcpy(packed + dp_place_of_samples(slices, padded, column + 4 * i, start, d), of_sixteen[i], 16);
            }
        }
        for (size_t i = 0; i < columns; i++)
            for (int d = 0; d < 3; d++) sums[column + i].of_slice[d] = total[d][i];
    }
}

DP_TARGET static void dp_pack_gradient(size_t samples, size_t n, const float *dy, size_t stride,
                                       const dp_int8_scale *scales, int slices, int8_t *packed, dp_int8_sums *sums) {
    if (slices == 3)
        dp_pack_gradient_slices(3, samples, n, dy, stride, scales, packed, sums);
    else
        dp_pack_gradient_slices(2, samples, n, dy, stride, scales, packed, sums);
}

DP_TARGET static void dp_pack_bytes(size_t samples, size_t columns, const uint8_t *x, size_t stride,
                                    uint8_t *packed) {
    const size_t padded = dp_int8_padded_samples(samples);
    for (size_t column = 0; column < columns; column += DP_INT8_LANES) {
        const size_t count = columns - column < DP_INT8_LANES ? columns - column : DP_INT8_LANES;
        for (size_t s = 0; s < padded; s += DP_INT8_BYTES, packed += 64) {
            dp_sixteen_bytes rows[4] = {{0}, {0}, {0}, {0}};
            for (size_t i = 0; i < 4 && s + i < samples; i++) {
                const uint8_t *from = x + (s + i) * stride + column;
                if (count == DP_INT8_LANES)
                    rows[i] = *(const dp_sixteen_bytes *)from;
                else
                    memcpy(&rows[i], from, count);
            }
            dp_interleave(rows, packed);
        }
    }
}

// Pixels as dp_dot takes them.
DP_STATIC dp_ints dp_pixels_of(dp_ints bytes) {
#if defined(DP_SIGNED_PIXELS)
    return bytes ^ (int32_t)0x80808080;
#else
    return bytes;
#endif
}

#if defined(DP_SIGNED_PIXELS)
// 128 times the sums of 16 rows' slices over so many columns: what the products of pixels less 128 lack.
DP_STATIC void dp_slice_sums(const int slices, size_t columns, const int8_t *packed, dp_ints *sums) {
    const dp_ints ones = 0x01010101 - (dp_ints){0};
    for (int d = 0; d < slices; d++) sums[d] = (dp_ints){0};
    for (size_t i = 0; i < columns; i += DP_INT8_BYTES, packed += slices * 64)
        for (int d = 0; d < slices; d++) sums[d] = dp_dot(sums[d], ones, *(const dp_ints *)(packed + d * 64));
    for (int d = 0; d < slices; d++) sums[d] *= 128;
}
#endif

DP_STATIC void dp_nt_rows(const size_t rows, const int slices, size_t columns, size_t k, size_t channels,
                          const uint8_t *x, size_t x_stride, const int8_t *packed, const dp_ints (*corrections)[3],
                          dp_floats scale0, dp_floats scale1, const float *factors, dp_floats offset, float *y,
                          size_t y_stride) {
    dp_floats total[DP_ROWS];
    dp_prefetch_result(y, rows, y_stride * sizeof(float), 64);
    DP_UNROLL for (size_t r = 0; r < rows; r++) total[r] = (dp_floats){0};
    const size_t groups = k / channels / DP_INT8_BYTES;
    for (size_t p = 0; p < channels; p++) {
        dp_ints sum[DP_ROWS][3];
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (int d = 0; d < slices; d++) sum[r][d] = corrections ? corrections[p][d] : (dp_ints){0};
        }
        for (size_t i = 0; i < groups; i++) {
            dp_ints right[3];
            DP_UNROLL for (int d = 0; d < slices; d++) right[d] = *(const dp_ints *)(packed + d * 64);
            DP_UNROLL for (size_t r = 0; r < rows; r++) {
                const dp_ints left = dp_pixels_of(dp_splat_bytes(x + r * x_stride));
                DP_UNROLL for (int d = 0; d < slices; d++) sum[r][d] = dp_dot(sum[r][d], left, right[d]);
            }
            x += DP_INT8_BYTES;
            packed += slices * 64;
        }
        const float factor = factors[p];
        DP_UNROLL for (size_t r = 0; r < rows; r++)
            total[r] += dp_join(sum[r], slices, dp_largest_product(k / channels)) * factor;
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
#if defined(DP_SIGNED_PIXELS)
        dp_ints corrections[channels][3];
        for (size_t p = 0; p < channels; p++)
            dp_slice_sums(slices, k / channels, right + p * (k / channels) * DP_INT8_LANES * slices, corrections[p]);
#else
        const dp_ints(*corrections)[3] = NULL;
#endif
        const size_t bytes = DP_INT8_LANES * k * slices;
        dp_lines_ahead ahead =
            dp_lines_of(right + bytes, panel + DP_INT8_LANES < n ? bytes : 0, (m + DP_ROWS - 1) / DP_ROWS);
        size_t row = 0;
        for (; row + DP_ROWS <= m; row += DP_ROWS) {
            dp_prefetch(&ahead);
            dp_nt_rows(DP_ROWS, slices, columns, k, channels, x + row * x_stride, x_stride, right, corrections, scale0,
                       scale1, factors, added, y + row * y_stride + panel, y_stride);
        }
        for (; row < m; row++)
            dp_nt_rows(1, slices, columns, k, channels, x + row * x_stride, x_stride, right, corrections, scale0, scale1,
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
DP_STATIC void dp_tn_rows(const size_t rows, const size_t vectors, const int slices, size_t samples, const int8_t *dy,
                          const dp_int8_sums *sums, const dp_int8_scale *scales,
                          const uint8_t *x, size_t panel_bytes, const float *factors, const float *zero_points,
                          size_t columns, float *g, size_t g_stride) {
    dp_ints sum[DP_COLUMN_ROWS][2][3];
    dp_prefetch_result(g, rows, g_stride * sizeof(float), 64 * vectors);
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        DP_UNROLL for (size_t v = 0; v < vectors; v++) {
            DP_UNROLL for (int d = 0; d < slices; d++) sum[r][v][d] = (dp_ints){0};
        }
    }
    for (size_t i = 0; i < samples; i += DP_INT8_BYTES) {
        dp_ints right[2];
        DP_UNROLL for (size_t v = 0; v < vectors; v++)
            right[v] = dp_pixels_of(*(const dp_ints *)(x + v * panel_bytes + i * DP_INT8_LANES));
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (int d = 0; d < slices; d++) {
                const dp_ints left = dp_splat_bytes((const uint8_t *)dy + (DP_INT8_BYTES * d + r) * DP_INT8_BYTES);
                DP_UNROLL for (size_t v = 0; v < vectors; v++) sum[r][v][d] = dp_dot(sum[r][v][d], right[v], left);
            }
        }
        dy += slices * 16;
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
#if !defined(DP_SIGNED_PIXELS)
            DP_UNROLL for (int d = 0; d < slices; d++) sum[r][v][d] -= DP_INT8_ZERO_POINT * sums[r].of_slice[d];
#endif
            const dp_floats joined = dp_join(sum[r][v], slices, dp_largest_centred(samples)) * *(const dp_floats *)factor +
                                     *(const dp_floats *)zero_point * total;
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
            const int8_t *left = dy + dp_place_of_samples(slices, padded, row, 0, 0);
            float *out = g + row * g_stride + column;
            if (n - row < DP_COLUMN_ROWS) {
                if (count > DP_INT8_LANES)
                    dp_tn_rows(1, 2, slices, samples, left, sums + row, scales + row, right, panel_bytes,
                               factors + column, zero_points + column, count, out, g_stride);
                else
                    dp_tn_rows(1, 1, slices, samples, left, sums + row, scales + row, right, panel_bytes,
                               factors + column, zero_points + column, count, out, g_stride);
                row++;
            } else {
                if (count > DP_INT8_LANES)
                    dp_tn_rows(DP_COLUMN_ROWS, 2, slices, samples, left, sums + row, scales + row, right,
                               panel_bytes, factors + column, zero_points + column, count, out, g_stride);
                else
                    dp_tn_rows(DP_COLUMN_ROWS, 1, slices, samples, left, sums + row, scales + row, right,
                               panel_bytes, factors + column, zero_points + column, count, out, g_stride);
                row += DP_COLUMN_ROWS;
            }
        }
    }
}

// Tiles take all of these.
DP_TARGET static __attribute__((noinline, unused)) void dp_gemm_tn(
    size_t n, size_t columns, size_t samples, const int8_t *dy, const dp_int8_sums *sums, const dp_int8_scale *scales,
    int slices, const uint8_t *x, const float *factors, const float *zero_points, float *g, size_t g_stride) {
    if (slices == 3)
        dp_tn_panels(3, n, columns, samples, dy, sums, scales, x, factors, zero_points, g, g_stride);
    else
        dp_tn_panels(2, n, columns, samples, dy, sums, scales, x, factors, zero_points, g, g_stride);
}
