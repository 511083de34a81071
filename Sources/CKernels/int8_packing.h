// Rounding numbers to slices, and bringing slices and bytes into the order in which products read them. A file for an
// instruction set includes this after defining DP_TARGET and
//
//   dp_dot(sum, bytes, slices)       which adds to each of 16 lanes four products of a byte and a slice

DP_TARGET static void dp_row_maxima(size_t rows, size_t columns, const float *x, size_t stride, float *largest) {
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * stride;
        dp_ints most = {0};
        size_t c = 0;
        // Of floats without sign the order is that of their bits, NaN above all.
        for (; c + 16 <= columns; c += 16) {
            const dp_ints bits = *(const dp_ints *)(row + c) & 0x7fffffff;
            most = __builtin_elementwise_max(most, bits);
        }
        int32_t best = 0;
        for (int i = 0; i < 16; i++) best = most[i] > best ? most[i] : best;
        for (; c < columns; c++) {
            int32_t bits;
            memcpy(&bits, row + c, sizeof bits);
            bits &= 0x7fffffff;
            best = bits > best ? bits : best;
        }
        memcpy(largest + r, &best, sizeof best);
    }
}

DP_TARGET static void dp_column_maxima(size_t rows, size_t columns, const float *x, size_t stride,
                                       float *largest) {
    size_t c = 0;
    for (; c + 16 <= columns; c += 16) {
        dp_ints most = {0};
        for (size_t r = 0; r < rows; r++) {
            const dp_ints bits = *(const dp_ints *)(x + r * stride + c) & 0x7fffffff;
            most = __builtin_elementwise_max(most, bits);
        }
        memcpy(largest + c, &most, sizeof most);
    }
    for (; c < columns; c++) {
        int32_t best = 0;
        for (size_t r = 0; r < rows; r++) {
            int32_t bits;
            memcpy(&bits, x + r * stride + c, sizeof bits);
            bits &= 0x7fffffff;
            best = bits > best ? bits : best;
        }
        memcpy(largest + c, &best, sizeof best);
    }
}

// q of 16 numbers. Numbers that are too large or NaN give some q: the caller does not use it.
DP_STATIC dp_ints dp_round(dp_floats x, dp_floats inverse0, dp_floats inverse1) {
    return __builtin_convertvector(__builtin_elementwise_roundeven(x * inverse0 * inverse1), dp_ints);
}

// The slices of 16 q, lowest first.
DP_STATIC void dp_split(dp_ints q, const int slices, dp_sixteen_bytes *slice) {
    DP_UNROLL for (int d = 0; d < slices; d++) {
        slice[d] = __builtin_convertvector(q, dp_sixteen_bytes);
        q = (q + 128) >> 8;
    }
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
                dp_floats x = {0};
                if (count == 16)
                    x = *(const dp_floats *)from;
                else
                    memcpy(&x, from, count * sizeof(float));
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

#define DP_PAIR(a, b, first)                                                                                   \
    __builtin_shufflevector(a, b, first, first + 16, first + 1, first + 17, first + 2, first + 18, first + 3,  \
                            first + 19, first + 4, first + 20, first + 5, first + 21, first + 6, first + 22,   \
                            first + 7, first + 23)
#define DP_PAIR_OF_PAIRS(a, b, first)                                                                          \
    __builtin_shufflevector(a, b, first, first + 1, first + 16, first + 17, first + 2, first + 3, first + 18,  \
                            first + 19, first + 4, first + 5, first + 20, first + 21, first + 6, first + 7,    \
                            first + 22, first + 23)

DP_TARGET static void dp_sum_slots(size_t slots, size_t n, const int32_t *sums, double factor, double *totals) {
    for (size_t c = 0; c < n; c += 8) {
        const size_t count = n - c < 8 ? n - c : 8;
        dp_eight_doubles sum = {0};
        for (size_t i = 0; i < slots; i++) {
            dp_eight_ints x = {0};
            if (count == 8)
                x = *(const dp_eight_ints *)(sums + i * n + c);
            else
                memcpy(&x, sums + i * n + c, count * sizeof(int32_t));
            sum += __builtin_convertvector(x, dp_eight_doubles);
        }
        for (size_t i = 0; i < count; i++) totals[c + i] += factor * sum[i];
    }
}

// Four rows of 16 bytes become 16 lanes of four bytes.
DP_STATIC void dp_interleave(const dp_sixteen_bytes *rows, void *lanes) {
    const dp_sixteen_bytes low01 = DP_PAIR(rows[0], rows[1], 0), high01 = DP_PAIR(rows[0], rows[1], 8);
    const dp_sixteen_bytes low23 = DP_PAIR(rows[2], rows[3], 0), high23 = DP_PAIR(rows[2], rows[3], 8);
    const dp_sixteen_bytes out[4] = {DP_PAIR_OF_PAIRS(low01, low23, 0), DP_PAIR_OF_PAIRS(low01, low23, 8),
                                     DP_PAIR_OF_PAIRS(high01, high23, 0), DP_PAIR_OF_PAIRS(high01, high23, 8)};
    memcpy(lanes, out, sizeof out);
}

#undef DP_PAIR
#undef DP_PAIR_OF_PAIRS

DP_TARGET static void dp_pack_gradient(size_t samples, size_t n, const float *dy, size_t stride,
                                       const dp_int8_scale *scales, int slices, int8_t *packed, dp_int8_sums *sums) {
    const size_t padded = dp_int8_padded_samples(samples), wide = dp_whole_lanes(n);
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
                dp_floats x = {0};
                const float *from = dy + (start + s) * stride + column;
                if (columns == DP_INT8_LANES)
                    x = *(const dp_floats *)from;
                else
                    memcpy(&x, from, columns * sizeof(float));
                const dp_ints q = dp_round(x, inverse0, inverse1);
                dp_sixteen_bytes split[3];
                dp_split(q, slices, split);
                for (int d = 0; d < slices; d++) {
                    slice[d][s] = split[d];
                    total[d] += __builtin_convertvector(split[d], dp_ints);
                }
            }
            for (int d = 0; d < slices; d++)
                dp_interleave(slice[d], packed + (d * padded + start) * wide + column * DP_INT8_BYTES);
        }
        for (size_t i = 0; i < columns; i++)
            for (int d = 0; d < 3; d++) sums[column + i].of_slice[d] = total[d][i];
    }
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
