// Numbers as halves of 16 bits, and pixels, in the order in which the products of int8_halves.h read them; that file includes
// this one.
//
// The number of halves is a constant in every loop. Four numbers stand as two pairs: of W and X (1, 3) and (0, 2), of a row's
// pixels and dY (0, 2) and (1, 3), so that first is added to first and second to second. Layouts:
//
//   W    [panel of n][vector][k / 4][half][pair][lane of the vector][2]
//   dY   [tile of n][padded samples / 4][half][row of the tile][pair][2], then the sums of q, Floats [n], and the products
//        of neighbours, [run][half][n]
//   X    [panel of columns][padded samples / 4][pair][lane][2]

// Columns of W, and samples, over which sums fit into 32 bits: 128 * 32,639 * 512 is below 2^31. Fewer columns stand in
// the caches better.
#define DP_RUN_OF_COLUMNS 256
#define DP_RUN_OF_SAMPLES 512
#define DP_MOST_RUNS (65536 / DP_RUN_OF_SAMPLES)
// Numbers of 16 bits that four columns or samples of 16 lanes take.
#define DP_QUARTET (4 * DP_INT8_LANES)

typedef int16_t dp_sixteen_shorts __attribute__((vector_size(32), aligned(2)));
typedef uint8_t dp_sixteen_unsigned __attribute__((vector_size(16), aligned(1)));

DP_STATIC size_t dp_halves_of(int slices) { return slices == 3 ? 2 : 1; }
// Rows of a tile of G.
DP_STATIC size_t dp_tile_rows(const size_t halves) { return halves == 2 ? DP_COLUMN_ROWS : 2 * DP_COLUMN_ROWS; }
// Where the sums of q stand behind dY.
DP_STATIC size_t dp_tiled_count(const size_t halves, size_t n, size_t padded) {
    return (n + dp_tile_rows(halves) - 1) / dp_tile_rows(halves) * dp_tile_rows(halves) * padded * halves;
}

// The halves of 16 q, the high one first.
DP_STATIC void dp_split_halves(dp_ints q, const size_t halves, dp_sixteen_shorts *half) {
    half[0] = __builtin_convertvector(halves == 2 ? (q + 128) >> 8 : q, dp_sixteen_shorts);
    if (halves == 2) half[1] = __builtin_convertvector((q << 24) >> 24, dp_sixteen_shorts);
}

// Pairs of a and b, lane by lane.
DP_STATIC void dp_store_pairs(dp_sixteen_shorts a, dp_sixteen_shorts b, int16_t *to) {
    const dp_sixteen_shorts low =
        __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const dp_sixteen_shorts high =
        __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    memcpy(to, &low, sizeof low);
    memcpy(to + 16, &high, sizeof high);
}

// 16 numbers of each of eight rows become eight vectors of a pair of each row, `step` numbers apart: of each four numbers the
// second and fourth, then the first and third.
DP_STATIC void dp_transpose_pairs(const dp_sixteen_shorts *rows, int16_t *to, size_t step) {
    dp_eight_ints a[8], b[8];
    DP_UNROLL for (size_t i = 0; i < 8; i++) {
        const dp_sixteen_shorts pairs =
            __builtin_shufflevector(rows[i], rows[i], 1, 3, 0, 2, 5, 7, 4, 6, 9, 11, 8, 10, 13, 15, 12, 14);
        memcpy(&a[i], &pairs, sizeof pairs);
    }
    DP_UNROLL for (size_t i = 0; i < 4; i++) {
        b[2 * i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        b[2 * i + 1] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    DP_UNROLL for (size_t i = 0; i < 8; i += 4) {
        DP_UNROLL for (size_t j = 0; j < 2; j++) {
            a[i + j] = __builtin_shufflevector(b[i + j], b[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            a[i + j + 2] = __builtin_shufflevector(b[i + j], b[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    }
    DP_UNROLL for (size_t i = 0; i < 4; i++) {
        const dp_eight_ints first = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        const dp_eight_ints second = __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
        memcpy(to + i * step, &first, sizeof first);
        memcpy(to + (i + 4) * step, &second, sizeof second);
    }
}

DP_STATIC void dp_pack_panel(const size_t halves, size_t rows, size_t k, size_t first, size_t columns, const float *w,
                             size_t stride, const dp_int8_scale *scales, int16_t *packed, int32_t *sums) {
    const size_t vector_count = k * halves * DP_WIDTH;
    static const float nothing[16];
    dp_ints total[DP_INT8_LANES];
    for (size_t r = 0; r < DP_INT8_LANES; r++) total[r] = (dp_ints){0};
    for (size_t c = 0; c < columns; c += 16) {
        const size_t count = columns - c < 16 ? columns - c : 16;
        dp_sixteen_shorts half[2][DP_INT8_LANES];
        for (size_t r = 0; r < DP_INT8_LANES; r++) {
            const float *from = r < rows ? w + r * stride + first + c : nothing;
            const dp_floats x = dp_load(from, count);
            const dp_int8_scale *scale = &scales[r < rows ? r : 0];
            const dp_ints q = dp_round(x, scale->inverse[0] - (dp_floats){0}, scale->inverse[1] - (dp_floats){0});
            dp_sixteen_shorts split[2];
            dp_split_halves(q, halves, split);
            total[r] += q;
            for (size_t h = 0; h < halves; h++) half[h][r] = split[h];
        }
        for (size_t h = 0; h < halves; h++) {
            int16_t lanes[8][2 * DP_INT8_LANES];
            dp_transpose_pairs(half[h], lanes[0], 2 * DP_INT8_LANES);
            dp_transpose_pairs(half[h] + 8, lanes[0] + DP_INT8_LANES, 2 * DP_INT8_LANES);
            for (size_t i = 0; 4 * i < count; i++)
                for (size_t v = 0; v < DP_INT8_LANES / DP_WIDTH; v++) {
                    int16_t *to =
                        packed + v * vector_count + (((first + c) / 4 + i) * halves + h) * 4 * DP_WIDTH;
                    memcpy(to, lanes[2 * i] + 2 * v * DP_WIDTH, 4 * DP_WIDTH);
                    memcpy(to + 2 * DP_WIDTH, lanes[2 * i + 1] + 2 * v * DP_WIDTH, 4 * DP_WIDTH);
                }
        }
    }
    for (size_t r = 0; r < rows; r++) {
        int32_t sum = 0;
        for (int i = 0; i < 16; i++) sum += total[r][i];
        sums[r] = sum;
    }
}

DP_TARGET static void dp_pack_weights(size_t n, size_t k, size_t first, size_t columns, const float *w, size_t stride,
                                      const dp_int8_scale *scales, int slices, int8_t *packed, int32_t *sums) {
    for (size_t row = 0; row < n; row += DP_INT8_LANES) {
        const size_t rows = n - row < DP_INT8_LANES ? n - row : DP_INT8_LANES;
        int16_t *to = (int16_t *)packed + row * k * dp_halves_of(slices);
        if (slices == 3)
            dp_pack_panel(2, rows, k, first, columns, w + row * stride, stride, scales + row, to, sums + row);
        else
            dp_pack_panel(1, rows, k, first, columns, w + row * stride, stride, scales + row, to, sums + row);
    }
}

DP_STATIC void dp_pack_gradient_halves(const size_t halves, size_t samples, size_t n, const float *dy, size_t stride,
                                       const dp_int8_scale *scales, int16_t *packed, dp_int8_sums *sums) {
    const size_t padded = dp_int8_padded_samples(samples), tile = dp_tile_rows(halves), wide = dp_whole_lanes(n);
    float *all = (float *)(packed + dp_tiled_count(halves, n, padded));
    int32_t *neighbours = (int32_t *)(all + wide);
    for (size_t column = 0; column < n; column += DP_INT8_LANES) {
        const size_t columns = n - column < DP_INT8_LANES ? n - column : DP_INT8_LANES;
        dp_floats inverse0 = {0}, inverse1 = {0};
        dp_ints total[2] = {{0}, {0}}, products[2] = {{0}, {0}};
        for (size_t i = 0; i < columns; i++) {
            inverse0[i] = scales[column + i].inverse[0];
            inverse1[i] = scales[column + i].inverse[1];
        }
        for (size_t start = 0; start < padded; start += 4) {
            dp_sixteen_shorts half[4][2];
            memset(half, 0, sizeof half);
            for (size_t s = 0; s < 4 && start + s < samples; s++) {
                const dp_floats x = dp_load(dy + (start + s) * stride + column, columns);
                dp_split_halves(dp_round(x, inverse0, inverse1), halves, half[s]);
            }
            for (size_t h = 0; h < halves; h++) {
                dp_ints wide_half[4];
                for (size_t s = 0; s < 4; s++) {
                    wide_half[s] = __builtin_convertvector(half[s][h], dp_ints);
                    total[h] += wide_half[s];
                }
                products[h] += wide_half[0] * wide_half[1] + wide_half[2] * wide_half[3];
                int32_t pairs[2][DP_INT8_LANES];
                dp_store_pairs(half[0][h], half[2][h], (int16_t *)pairs[0]);
                dp_store_pairs(half[1][h], half[3][h], (int16_t *)pairs[1]);
                for (size_t i = 0; i < columns; i++) {
                    const size_t row = (column + i) % tile, first = column + i - row;
                    int16_t *to = packed + first * halves * padded + (start * halves + 4 * h) * tile + 4 * row;
                    memcpy(to, &pairs[0][i], 4);
                    memcpy(to + 2, &pairs[1][i], 4);
                }
            }
            if ((start + 4) % DP_RUN_OF_SAMPLES == 0 || start + 4 == padded) {
                for (size_t h = 0; h < halves; h++) {
                    memcpy(neighbours + (start / DP_RUN_OF_SAMPLES * halves + h) * wide + column, &products[h],
                           sizeof products[h]);
                    products[h] = (dp_ints){0};
                }
            }
        }
        // As slices: the low half is the lowest one, the high half what is above it.
        for (size_t i = 0; i < columns; i++) {
            sums[column + i] = (dp_int8_sums){
                {halves == 2 ? total[1][i] : total[0][i], halves == 2 ? total[0][i] : 0, 0}};
            all[column + i] = dp_total_of(&sums[column + i]);
        }
    }
}

DP_TARGET static void dp_pack_gradient(size_t samples, size_t n, const float *dy, size_t stride,
                                       const dp_int8_scale *scales, int slices, int8_t *packed, dp_int8_sums *sums) {
    if (slices == 3)
        dp_pack_gradient_halves(2, samples, n, dy, stride, scales, (int16_t *)packed, sums);
    else
        dp_pack_gradient_halves(1, samples, n, dy, stride, scales, (int16_t *)packed, sums);
}

// 16 pixels less 128.
DP_STATIC dp_sixteen_shorts dp_sixteen_pixels(const uint8_t *from) {
    const dp_sixteen_unsigned bytes = *(const dp_sixteen_unsigned *)from;
    return __builtin_convertvector(bytes, dp_sixteen_shorts) - DP_INT8_ZERO_POINT;
}

DP_TARGET static void dp_pack_bytes(size_t samples, size_t columns, const uint8_t *x, size_t stride, uint8_t *packed) {
    const size_t padded = dp_int8_padded_samples(samples);
    int16_t *to = (int16_t *)packed;
    for (size_t column = 0; column < columns; column += DP_INT8_LANES) {
        const size_t count = columns - column < DP_INT8_LANES ? columns - column : DP_INT8_LANES;
        for (size_t start = 0; start < padded; start += 4, to += DP_QUARTET) {
            dp_sixteen_shorts four[4] = {{0}, {0}, {0}, {0}};
            for (size_t s = 0; s < 4 && start + s < samples; s++) {
                const uint8_t *from = x + (start + s) * stride + column;
                uint8_t edge[DP_INT8_LANES] = {0};
                if (count < DP_INT8_LANES) from = memcpy(edge, from, count);
                four[s] = dp_sixteen_pixels(from);
            }
            dp_store_pairs(four[1], four[3], to);
            dp_store_pairs(four[0], four[2], to + 2 * DP_INT8_LANES);
        }
    }
}
