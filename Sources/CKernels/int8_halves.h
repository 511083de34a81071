// Products with bytes, of halves of 16 bits: for CPUs that multiply no bytes, but have an instruction that adds up two products
// of 16 bits in each lane. Three slices are two halves, q = low + 256 high, where low is the lowest slice, and two slices are
// one, q = high. Sums are exact: over runs in which 32 bits are enough, then in double precision. A file for an
// instruction set includes this after int8_rounding.h, having defined
//
//   DP_WIDTH                        lanes of a vector: 4, 8 or 16
//   DP_ROWS                         rows of Y whose sums of two halves fit into registers
//   DP_COLUMN_ROWS, DP_VECTORS      rows of G, and vectors of columns, likewise
//   dp_wide                         a vector of DP_WIDTH lanes of 32 bits
//   dp_sums                         sums of products in the making; dp_folded(sums) makes a dp_wide of them
//   dp_multiply_pairs(sums, a, b)   which adds, in each lane, the products of the two pairs of numbers of 16 bits
//
// The number of halves is a constant in every loop. Layouts: W as [panel of n][k / 2][half][lane][2], dY as
// [tile of n][padded samples / 2][half][row of the tile][2], X, less the zero point, as
// [panel of columns][padded samples / 2][lane][2].

// Columns of W, and samples, over which sums fit into 32 bits: 255 * 32,639 * 256 and 128 * 32,639 * 512 are below 2^31.
#define DP_RUN_OF_COLUMNS 256
#define DP_RUN_OF_SAMPLES 512
// What stands in the caches at once: rows of X, a multiple of DP_ROWS, and columns of Y.
#define DP_BLOCK_ROWS 24
#define DP_BLOCK_COLUMNS 128

typedef float dp_wide_floats __attribute__((vector_size(4 * DP_WIDTH), aligned(4)));
typedef double dp_wide_doubles __attribute__((vector_size(8 * DP_WIDTH), aligned(8)));
typedef int16_t dp_sixteen_shorts __attribute__((vector_size(32), aligned(2)));
typedef uint8_t dp_sixteen_unsigned __attribute__((vector_size(16), aligned(1)));

DP_STATIC size_t dp_halves_of(int slices) { return slices == 3 ? 2 : 1; }
// Rows of a tile of G: with one half twice as many have their sums in registers.
DP_STATIC size_t dp_tile_rows(const size_t halves) { return halves == 2 ? DP_COLUMN_ROWS : 2 * DP_COLUMN_ROWS; }

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

// Eight pairs of each of eight rows become eight vectors of a pair of each row, `step` numbers apart.
DP_STATIC void dp_transpose_pairs(const dp_sixteen_shorts *rows, int16_t *to, size_t step) {
    dp_eight_ints a[8], b[8];
    memcpy(a, rows, sizeof a);
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

DP_STATIC void dp_pack_panel(const size_t halves, size_t rows, size_t first, size_t columns, const float *w, size_t stride,
                             const dp_int8_scale *scales, int16_t *packed, int32_t *sums) {
    static const float nothing[16];
    dp_ints total[DP_INT8_LANES];
    for (size_t r = 0; r < DP_INT8_LANES; r++) total[r] = (dp_ints){0};
    for (size_t c = 0; c < columns; c += 16) {
        const size_t count = columns - c < 16 ? columns - c : 16;
        dp_sixteen_shorts half[2][DP_INT8_LANES];
        for (size_t r = 0; r < DP_INT8_LANES; r++) {
            const float *from = r < rows ? w + r * stride + first + c : nothing;
            dp_floats x = {0};
            if (count == 16)
                x = *(const dp_floats *)from;
            else
                memcpy(&x, from, count * sizeof(float));
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
            for (size_t i = 0; 2 * i < count; i++)
                memcpy(packed + (((first + c) / 2 + i) * halves + h) * 2 * DP_INT8_LANES, lanes[i], sizeof lanes[i]);
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
            dp_pack_panel(2, rows, first, columns, w + row * stride, stride, scales + row, to, sums + row);
        else
            dp_pack_panel(1, rows, first, columns, w + row * stride, stride, scales + row, to, sums + row);
    }
}

DP_STATIC void dp_pack_gradient_halves(const size_t halves, size_t samples, size_t n, const float *dy, size_t stride,
                                       const dp_int8_scale *scales, int16_t *packed, dp_int8_sums *sums) {
    const size_t padded = dp_int8_padded_samples(samples), tile = dp_tile_rows(halves);
    for (size_t column = 0; column < n; column += DP_INT8_LANES) {
        const size_t columns = n - column < DP_INT8_LANES ? n - column : DP_INT8_LANES;
        dp_floats inverse0 = {0}, inverse1 = {0};
        dp_ints total[2] = {{0}, {0}};
        for (size_t i = 0; i < columns; i++) {
            inverse0[i] = scales[column + i].inverse[0];
            inverse1[i] = scales[column + i].inverse[1];
        }
        for (size_t start = 0; start < padded; start += 2) {
            dp_sixteen_shorts half[2][2] = {{{0}, {0}}, {{0}, {0}}};
            for (size_t s = 0; s < 2 && start + s < samples; s++) {
                dp_floats x = {0};
                const float *from = dy + (start + s) * stride + column;
                if (columns == DP_INT8_LANES)
                    x = *(const dp_floats *)from;
                else
                    memcpy(&x, from, columns * sizeof(float));
                dp_split_halves(dp_round(x, inverse0, inverse1), halves, half[s]);
                for (size_t h = 0; h < halves; h++) total[h] += __builtin_convertvector(half[s][h], dp_ints);
            }
            for (size_t h = 0; h < halves; h++) {
                int32_t pairs[DP_INT8_LANES];
                dp_store_pairs(half[0][h], half[1][h], (int16_t *)pairs);
                for (size_t i = 0; i < columns; i++) {
                    const size_t row = (column + i) % tile, first = column + i - row;
                    memcpy(packed + first * halves * padded + ((start * halves + 2 * h) * tile + 2 * row), &pairs[i], 4);
                }
            }
        }
        // As slices: the low half is the lowest one, the high half what is above it.
        for (size_t i = 0; i < columns; i++)
            sums[column + i] = (dp_int8_sums){
                {halves == 2 ? total[1][i] : total[0][i], halves == 2 ? total[0][i] : 0, 0}};
    }
}

DP_TARGET static void dp_pack_gradient(size_t samples, size_t n, const float *dy, size_t stride,
                                       const dp_int8_scale *scales, int slices, int8_t *packed, dp_int8_sums *sums) {
    if (slices == 3)
        dp_pack_gradient_halves(2, samples, n, dy, stride, scales, (int16_t *)packed, sums);
    else
        dp_pack_gradient_halves(1, samples, n, dy, stride, scales, (int16_t *)packed, sums);
}

DP_TARGET static void dp_pack_bytes(size_t samples, size_t columns, const uint8_t *x, size_t stride, uint8_t *packed) {
    const size_t padded = dp_int8_padded_samples(samples);
    int16_t *to = (int16_t *)packed;
    for (size_t column = 0; column < columns; column += DP_INT8_LANES) {
        const size_t count = columns - column < DP_INT8_LANES ? columns - column : DP_INT8_LANES;
        for (size_t start = 0; start < padded; start += 2, to += 2 * DP_INT8_LANES) {
            dp_sixteen_shorts pair[2] = {{0}, {0}};
            for (size_t s = 0; s < 2 && start + s < samples; s++) {
                const uint8_t *from = x + (start + s) * stride + column;
                dp_sixteen_unsigned bytes = {0};
                if (count == DP_INT8_LANES)
                    bytes = *(const dp_sixteen_unsigned *)from;
                else
                    memcpy(&bytes, from, count);
                pair[s] = __builtin_convertvector(bytes, dp_sixteen_shorts) - DP_INT8_ZERO_POINT;
            }
            dp_store_pairs(pair[0], pair[1], to);
        }
    }
}

// Two numbers of 16 bits in every lane.
DP_STATIC dp_wide dp_splat_pair(const int16_t *pair) {
    int32_t both;
    memcpy(&both, pair, sizeof both);
    return both - (dp_wide){0};
}

// The sums of one run, of some rows of X and 16 of W, added to totals [row][half][16].
DP_STATIC void dp_nt_run(const size_t rows, const size_t halves, size_t pairs, const int16_t *x, const int16_t *packed,
                         double *totals) {
    for (size_t lane = 0; lane < DP_INT8_LANES; lane += DP_WIDTH) {
        dp_sums sum[2 * DP_ROWS][2];
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (size_t h = 0; h < halves; h++) sum[r][h] = (dp_sums){0};
        }
        const int16_t *right = packed + 2 * lane;
        for (size_t p = 0; p < pairs; p++, right += halves * 2 * DP_INT8_LANES) {
            dp_wide of_w[2];
            DP_UNROLL for (size_t h = 0; h < halves; h++) of_w[h] = *(const dp_wide *)(right + h * 2 * DP_INT8_LANES);
            DP_UNROLL for (size_t r = 0; r < rows; r++) {
                const dp_wide of_x = dp_splat_pair(x + r * DP_RUN_OF_COLUMNS + 2 * p);
                DP_UNROLL for (size_t h = 0; h < halves; h++) sum[r][h] = dp_multiply_pairs(sum[r][h], of_x, of_w[h]);
            }
        }
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (size_t h = 0; h < halves; h++)
                *(dp_wide_doubles *)(totals + (r * halves + h) * DP_INT8_LANES + lane) +=
                    __builtin_convertvector(dp_folded(sum[r][h]), dp_wide_doubles);
        }
    }
}

// A block of Y, of at most DP_BLOCK_ROWS rows and DP_BLOCK_COLUMNS columns.
DP_STATIC void dp_nt_block(const size_t halves, size_t rows, size_t n, size_t k, size_t channels, const uint8_t *x,
                           size_t x_stride, const int16_t *packed, const dp_int8_scale *scales, const float *factors,
                           const float *offset, float *y, size_t y_stride) {
    int16_t numbers[DP_BLOCK_ROWS][DP_RUN_OF_COLUMNS] __attribute__((aligned(64)));
    double totals[DP_BLOCK_COLUMNS / DP_INT8_LANES][DP_BLOCK_ROWS][2 * DP_INT8_LANES] __attribute__((aligned(64)));
    dp_floats result[DP_BLOCK_COLUMNS / DP_INT8_LANES][DP_BLOCK_ROWS];
    // With one half twice as many rows have their sums in registers.
    const size_t at_once = halves == 2 ? DP_ROWS : 2 * DP_ROWS;
    const size_t channel_size = k / channels, panels = (n + DP_INT8_LANES - 1) / DP_INT8_LANES;
    for (size_t p = 0; p < panels; p++)
        for (size_t r = 0; r < rows; r++) result[p][r] = (dp_floats){0};
    for (size_t channel = 0; channel < channels; channel++) {
        memset(totals, 0, panels * sizeof totals[0]);
        for (size_t start = 0; start < channel_size; start += DP_RUN_OF_COLUMNS) {
            const size_t first = channel * channel_size + start;
            const size_t count = channel_size - start < DP_RUN_OF_COLUMNS ? channel_size - start : DP_RUN_OF_COLUMNS;
            for (size_t r = 0; r < rows; r++) {
                const uint8_t *from = x + r * x_stride + first;
                _Pragma("clang loop vectorize(assume_safety)")
                for (size_t i = 0; i < count; i++) numbers[r][i] = from[i];
            }
            for (size_t p = 0; p < panels; p++) {
                const int16_t *right = packed + (p * k + first) * halves * DP_INT8_LANES;
                size_t r = 0;
                for (; r + at_once <= rows; r += at_once)
                    dp_nt_run(at_once, halves, count / 2, numbers[r], right, totals[p][0] + r * halves * DP_INT8_LANES);
                for (; r + 2 <= rows; r += 2)
                    dp_nt_run(2, halves, count / 2, numbers[r], right, totals[p][0] + r * halves * DP_INT8_LANES);
                if (r < rows)
                    dp_nt_run(1, halves, count / 2, numbers[r], right, totals[p][0] + r * halves * DP_INT8_LANES);
            }
        }
        const float factor = factors[channel];
        for (size_t p = 0; p < panels; p++)
            for (size_t r = 0; r < rows; r++) {
                const double *total = totals[p][0] + r * halves * DP_INT8_LANES;
                dp_floats joined = __builtin_convertvector(*(const dp_doubles *)total, dp_floats);
                if (halves == 2)
                    joined = joined * 256.0f +
                             __builtin_convertvector(*(const dp_doubles *)(total + DP_INT8_LANES), dp_floats);
                result[p][r] += joined * factor;
            }
    }
    for (size_t p = 0; p < panels; p++) {
        const size_t column = p * DP_INT8_LANES, columns = n - column < DP_INT8_LANES ? n - column : DP_INT8_LANES;
        dp_floats scale0, scale1, added = {0};
        dp_two_factors(scales + column, columns, &scale0, &scale1);
        memcpy(&added, offset + column, columns * sizeof(float));
        for (size_t r = 0; r < rows; r++) {
            const dp_floats final = result[p][r] * scale0 * scale1 + added;
            memcpy(y + r * y_stride + column, &final, columns * sizeof(float));
        }
    }
}

DP_TARGET static __attribute__((noinline)) void dp_gemm_nt(
    size_t m, size_t n, size_t k, size_t channels, const uint8_t *x, size_t x_stride, const int8_t *packed,
    const dp_int8_scale *scales, int slices, const float *factors, const float *offset, float *y, size_t y_stride) {
    for (size_t column = 0; column < n; column += DP_BLOCK_COLUMNS) {
        const size_t columns = n - column < DP_BLOCK_COLUMNS ? n - column : DP_BLOCK_COLUMNS;
        const int16_t *right = (const int16_t *)packed + column * k * dp_halves_of(slices);
        for (size_t row = 0; row < m; row += DP_BLOCK_ROWS) {
            const size_t rows = m - row < DP_BLOCK_ROWS ? m - row : DP_BLOCK_ROWS;
            if (slices == 3)
                dp_nt_block(2, rows, columns, k, channels, x + row * x_stride, x_stride, right, scales + column, factors,
                            offset + column, y + row * y_stride + column, y_stride);
            else
                dp_nt_block(1, rows, columns, k, channels, x + row * x_stride, x_stride, right, scales + column, factors,
                            offset + column, y + row * y_stride + column, y_stride);
        }
    }
}

// The sums of one run, of some rows of G and DP_VECTORS vectors of its columns.
DP_STATIC void dp_tn_run(const size_t rows, const size_t halves, size_t run, const int16_t *dy, const int16_t *x,
                         dp_wide (*sums)[DP_VECTORS][2]) {
    dp_sums sum[2 * DP_COLUMN_ROWS][DP_VECTORS][2];
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        DP_UNROLL for (size_t v = 0; v < DP_VECTORS; v++) {
            DP_UNROLL for (size_t h = 0; h < halves; h++) sum[r][v][h] = (dp_sums){0};
        }
    }
    const size_t tile = dp_tile_rows(halves);
    for (size_t s = 0; s < run; s += 2, dy += 2 * halves * tile, x += 2 * DP_INT8_LANES) {
        dp_wide of_x[DP_VECTORS];
        DP_UNROLL for (size_t v = 0; v < DP_VECTORS; v++) of_x[v] = *(const dp_wide *)(x + 2 * v * DP_WIDTH);
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (size_t h = 0; h < halves; h++) {
                const dp_wide of_dy = dp_splat_pair(dy + 2 * (h * tile + r));
                DP_UNROLL for (size_t v = 0; v < DP_VECTORS; v++)
                    sum[r][v][h] = dp_multiply_pairs(sum[r][v][h], of_dy, of_x[v]);
            }
        }
    }
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        DP_UNROLL for (size_t v = 0; v < DP_VECTORS; v++) {
            DP_UNROLL for (size_t h = 0; h < halves; h++) sums[r][v][h] = dp_folded(sum[r][v][h]);
        }
    }
    // In memory, as what follows would take registers from the loop.
    __asm__ volatile("" : : "r"(sums) : "memory");
}

// Rows of G for 16 columns.
DP_STATIC void dp_tn_rows(const size_t rows, const size_t halves, size_t samples, const int16_t *dy,
                          const dp_int8_sums *sums_of_dy, const dp_int8_scale *scales, const int16_t *x,
                          const float *factors, const float *zero_points, size_t columns, float *g, size_t g_stride) {
    for (size_t lane = 0; lane < columns; lane += DP_VECTORS * DP_WIDTH) {
        dp_wide sums[2 * DP_COLUMN_ROWS][DP_VECTORS][2];
        dp_wide_doubles totals[2 * DP_COLUMN_ROWS][DP_VECTORS][2];
        for (size_t start = 0; start < samples; start += DP_RUN_OF_SAMPLES) {
            const size_t run = samples - start < DP_RUN_OF_SAMPLES ? samples - start : DP_RUN_OF_SAMPLES;
            dp_tn_run(rows, halves, run, dy + start * halves * dp_tile_rows(halves), x + start * DP_INT8_LANES + 2 * lane,
                      sums);
            if (samples <= DP_RUN_OF_SAMPLES) break;
            for (size_t r = 0; r < rows; r++)
                for (size_t v = 0; v < DP_VECTORS; v++)
                    for (size_t h = 0; h < halves; h++) {
                        const dp_wide_doubles more = __builtin_convertvector(sums[r][v][h], dp_wide_doubles);
                        totals[r][v][h] = start == 0 ? more : totals[r][v][h] + more;
                    }
        }
        for (size_t r = 0; r < rows; r++) {
            const float of_zero = dp_total_of(&sums_of_dy[r]);
            for (size_t v = 0; v < DP_VECTORS && lane + v * DP_WIDTH < columns; v++) {
                const size_t column = lane + v * DP_WIDTH;
                dp_wide_floats half[2];
                for (size_t h = 0; h < halves; h++)
                    half[h] = samples <= DP_RUN_OF_SAMPLES ? __builtin_convertvector(sums[r][v][h], dp_wide_floats)
                                                           : __builtin_convertvector(totals[r][v][h], dp_wide_floats);
                const dp_wide_floats joined = halves == 2 ? half[0] * 256.0f + half[1] : half[0];
                const size_t bytes = (columns - column < DP_WIDTH ? columns - column : DP_WIDTH) * sizeof(float);
                dp_wide_floats factor = {0}, zero_point = {0};
                if (bytes == sizeof factor) {
                    factor = *(const dp_wide_floats *)(factors + column);
                    zero_point = *(const dp_wide_floats *)(zero_points + column);
                } else {
                    memcpy(&factor, factors + column, bytes);
                    memcpy(&zero_point, zero_points + column, bytes);
                }
                const dp_wide_floats result =
                    (joined * factor + zero_point * of_zero) * scales[r].scale[0] * scales[r].scale[1];
                if (bytes == sizeof result)
                    *(dp_wide_floats *)(g + r * g_stride + column) = result;
                else
                    memcpy(g + r * g_stride + column, &result, bytes);
            }
        }
    }
}

DP_STATIC void dp_tn_panels(const size_t halves, size_t n, size_t columns, size_t samples, const int16_t *dy,
                            const dp_int8_sums *sums, const dp_int8_scale *scales, const int16_t *x, const float *factors,
                            const float *zero_points, float *g, size_t g_stride) {
    const size_t padded = dp_int8_padded_samples(samples), tile = dp_tile_rows(halves);
    for (size_t column = 0; column < columns; column += DP_INT8_LANES) {
        const size_t count = columns - column < DP_INT8_LANES ? columns - column : DP_INT8_LANES;
        const int16_t *right = x + column * padded;
        for (size_t first = 0; first < n; first += tile) {
            const int16_t *left = dy + first * halves * padded;
            float *out = g + first * g_stride + column;
            if (first + tile <= n) {
                dp_tn_rows(tile, halves, samples, left, sums + first, scales + first, right, factors + column,
                           zero_points + column, count, out, g_stride);
                continue;
            }
            for (size_t r = 0; first + r < n; r++)
                dp_tn_rows(1, halves, samples, left + 2 * r, sums + first + r, scales + first + r, right, factors + column,
                           zero_points + column, count, out + r * g_stride, g_stride);
        }
    }
}

DP_TARGET static __attribute__((noinline)) void dp_gemm_tn(
    size_t n, size_t columns, size_t samples, const int8_t *dy, const dp_int8_sums *sums, const dp_int8_scale *scales,
    int slices, const uint8_t *x, const float *factors, const float *zero_points, float *g, size_t g_stride) {
    if (slices == 3)
        dp_tn_panels(2, n, columns, samples, (const int16_t *)dy, sums, scales, (const int16_t *)x, factors, zero_points, g,
                     g_stride);
    else
        dp_tn_panels(1, n, columns, samples, (const int16_t *)dy, sums, scales, (const int16_t *)x, factors, zero_points, g,
                     g_stride);
}
