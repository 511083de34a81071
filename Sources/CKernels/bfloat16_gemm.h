// Products of bfloat16 numbers (bfloat16.h), for all instruction sets: the sums of gemm.h in the order of gemm.h. A file for one
// includes this after bfloat16_rows.h, having defined DP_MR and DP_MR_VECTORS as for gemm.h, and
//
//   DP_PAIR_SUM(sum, x, right)   if it has a unit for bfloat16: adds to each lane the products of both halves of x and of
//                                right, the upper ones first
//
// Without one the left factor becomes Floats when a block of it is brought into the cache, and the right one in registers.

#define DP_RUN 128

#ifdef DP_PAIR_SUM
typedef dp_bfloat16_pair dp_left;
// From row to row of a block: no power of two, so that rows do not push one another out of the cache.
#define DP_LEFT_STRIDE (DP_KC / 2 + 16)
#else
typedef float dp_left;
#define DP_LEFT_STRIDE DP_KC
DP_FMA_VECTOR_F32(dp_fma_floats, dp_floats)
#endif

// A block of the left factor, whose entry (r, k) is, in steps of pairs or of numbers, a[r * row_step + k * k_step], and panels.
typedef struct {
    size_t count;
    const dp_left *a;
    const dp_bfloat16_pair *panel;
    const float *bias;
    float *c;
    size_t c_stride, columns;
    int is_first;
    // What the next panels need, a piece for each run.
    dp_lines_ahead ahead;
} dp_tile_of;

// C [rows, columns] from `count` values of k, `vectors` at a time; rows, vectors and steps are constants.
DP_STATIC void dp_tile(const size_t rows, const size_t vectors, const size_t row_step, const size_t k_step, dp_tile_of t) {
    dp_floats earlier[DP_MR][DP_MR_VECTORS], sum[DP_MR][DP_MR_VECTORS];
    const dp_left *a = t.a;
    const dp_bfloat16_pair *panel = t.panel;
    dp_prefetch_result(t.c, rows, t.c_stride * sizeof(float), 64 * vectors);
    for (size_t start = 0;; start += DP_RUN) {
        const size_t run = t.count - start < DP_RUN ? t.count - start : DP_RUN, pairs = dp_bfloat16_pairs(run);
        dp_prefetch(&t.ahead);
        DP_UNROLL for (size_t r = 0; r < rows; r++)
            DP_UNROLL for (size_t v = 0; v < vectors; v++) sum[r][v] = (dp_floats){0};
        for (size_t i = 0; i < pairs; i++, panel += DP_NR) {
            dp_pairs right[DP_MR_VECTORS];
#ifdef DP_PAIR_SUM
            DP_UNROLL for (size_t v = 0; v < vectors; v++) right[v] = *(const dp_pairs *)(panel + 16 * v);
            DP_UNROLL for (size_t r = 0; r < rows; r++) {
                const dp_pairs x = a[r * row_step] - (dp_pairs){0};
                DP_UNROLL for (size_t v = 0; v < vectors; v++) sum[r][v] = DP_PAIR_SUM(sum[r][v], x, right[v]);
            }
            a += k_step;
#else
            DP_UNROLL for (size_t half = 0; half < 2; half++) {
                DP_UNROLL for (size_t v = 0; v < vectors; v++) {
                    right[v] = *(const dp_pairs *)(panel + 16 * v);
                    right[v] = half == 0 ? right[v] & 0xffff0000 : right[v] << 16;
                }
                DP_UNROLL for (size_t r = 0; r < rows; r++) {
                    const dp_floats x = a[r * row_step] - (dp_floats){0};
                    DP_UNROLL for (size_t v = 0; v < vectors; v++)
                        sum[r][v] = dp_fma_floats(x, (dp_floats)right[v], sum[r][v]);
                }
                a += k_step;
            }
#endif
        }
        if (start > 0)
            DP_UNROLL for (size_t r = 0; r < rows; r++)
                DP_UNROLL for (size_t v = 0; v < vectors; v++) sum[r][v] = earlier[r][v] + sum[r][v];
        if (start + run == t.count) break;
        DP_UNROLL for (size_t r = 0; r < rows; r++)
            DP_UNROLL for (size_t v = 0; v < vectors; v++) earlier[r][v] = sum[r][v];
    }
    if (t.columns == 16 * vectors) {
        DP_UNROLL for (size_t r = 0; r < rows; r++)
            DP_UNROLL for (size_t v = 0; v < vectors; v++) {
                float *to = t.c + r * t.c_stride + 16 * v;
                if (!t.is_first) sum[r][v] = *(const dp_floats *)to + sum[r][v];
                if (t.bias) sum[r][v] += *(const dp_floats *)(t.bias + 16 * v);
                *(dp_floats *)to = sum[r][v];
            }
        return;
    }
    DP_UNROLL for (size_t r = 0; r < rows; r++)
        DP_UNROLL for (size_t v = 0; v < vectors; v++) earlier[r][v] = sum[r][v];
    for (size_t r = 0; r < rows; r++)
        for (size_t column = 0; column < t.columns; column++) {
            float *to = t.c + r * t.c_stride + column, result = earlier[r][column / 16][column % 16];
            if (!t.is_first) result = *to + result;
            if (t.bias) result += t.bias[column];
            *to = result;
        }
}

// The same for any number of columns up to a panel's.
DP_STATIC void dp_tile_row(const size_t rows, const size_t row_step, const size_t k_step, dp_tile_of t) {
    if (DP_MR_VECTORS * 16 == DP_NR && t.columns > DP_NR / 2) {
        dp_tile(rows, DP_MR_VECTORS, row_step, k_step, t);
        return;
    }
    const size_t columns = t.columns;
    for (size_t column = 0; column < columns; column += 16, t.panel += 16, t.c += 16) {
        t.columns = columns - column < 16 ? columns - column : 16;
        dp_tile(rows, 1, row_step, k_step, t);
        if (t.bias) t.bias += 16;
    }
}

#define DP_TILE_CASE(n) \
    case n: dp_tile_row(n, row_step, k_step, t); break;

DP_STATIC void dp_tiles(size_t rows, const size_t row_step, const size_t k_step, dp_tile_of t) {
    const size_t piece = (t.count + DP_RUN - 1) / DP_RUN * t.ahead.lines * DP_CACHE_LINE;
    for (; rows >= DP_MR; rows -= DP_MR, t.a += DP_MR * row_step, t.c += DP_MR * t.c_stride, t.ahead.from += piece)
        dp_tile_row(DP_MR, row_step, k_step, t);
    switch (rows) {
        DP_TILE_CASE(1) DP_TILE_CASE(2) DP_TILE_CASE(3) DP_TILE_CASE(4) DP_TILE_CASE(5)
#if DP_MR == 12
        DP_TILE_CASE(6) DP_TILE_CASE(7) DP_TILE_CASE(8) DP_TILE_CASE(9) DP_TILE_CASE(10) DP_TILE_CASE(11)
#endif
    default: break;
    }
}

// All panels [k / 2][DP_NR] of n columns, from the pairs of this block on.
DP_STATIC void dp_panels(size_t rows, size_t n, size_t k, const size_t row_step, const size_t k_step, dp_tile_of t) {
    const size_t pieces = (rows + DP_MR - 1) / DP_MR * ((t.count + DP_RUN - 1) / DP_RUN);
    for (size_t column = 0; column < n; column += DP_NR) {
        const dp_bfloat16_pair *next = t.panel + dp_bfloat16_pairs(k) * DP_NR;
        t.columns = n - column < DP_NR ? n - column : DP_NR;
        t.ahead = dp_lines_of(next, column + DP_NR < n ? dp_bfloat16_pairs(t.count) * DP_NR * sizeof *next : 0, pieces);
        dp_tiles(rows, row_step, k_step, t);
        t.panel = next;
        t.c += DP_NR;
        if (t.bias) t.bias += DP_NR;
    }
}

DP_TARGET static __attribute__((noinline)) void dp_row_panels(size_t rows, size_t n, size_t k, const dp_tile_of *t) {
    dp_panels(rows, n, k, DP_LEFT_STRIDE, 1, *t);
}

DP_TARGET static __attribute__((noinline)) void dp_column_panels(size_t rows, size_t n, size_t k, const dp_tile_of *t) {
    dp_panels(rows, n, k, 1, DP_MC, *t);
}

// Brings some rows of `count` numbers into a block.
DP_STATIC void dp_copy_rows(size_t rows, size_t count, const dp_bfloat16 *a, size_t a_stride, dp_left *block) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < count; i += 32) {
            const dp_bfloat16 *from = a + r * a_stride + i;
#ifdef DP_PAIR_SUM
            const dp_pairs pairs = *(const dp_pairs *)from;
            *(dp_pairs *)(block + r * DP_LEFT_STRIDE + i / 2) = (pairs << 16) | (pairs >> 16);
#else
            for (size_t j = 0; j < 32; j += 16)
                *(dp_pairs *)(block + r * DP_LEFT_STRIDE + i + j) =
                    __builtin_convertvector(*(const dp_sixteen *)(from + j), dp_pairs) << 16;
#endif
        }
}

// The same of the transpose of `count` rows of `rows` numbers.
DP_STATIC void dp_copy_columns(size_t rows, size_t count, const dp_bfloat16 *a, size_t a_stride, dp_left *block) {
    for (size_t i = 0; i < count; i += 2)
        for (size_t r = 0; r < rows; r += 32) {
            const dp_bfloat16 *from = a + i * a_stride + r;
            dp_thirty_two first = *(const dp_thirty_two *)from, second = {0};
            if (i + 1 < count) second = *(const dp_thirty_two *)(from + a_stride);
#ifdef DP_PAIR_SUM
            dp_pair_rows(first, second, block + i / 2 * DP_MC + r);
#else
            dp_sixteen four[4];
            memcpy(four, &first, sizeof first);
            memcpy(four + 2, &second, sizeof second);
            for (size_t j = 0; j < 4; j++)
                *(dp_pairs *)(block + (i + j / 2) * DP_MC + r + j % 2 * 16) =
                    __builtin_convertvector(four[j], dp_pairs) << 16;
#endif
        }
}

DP_TARGET static void dp_bf16_gemm_nn(size_t m, size_t n, size_t k, const dp_bfloat16 *a, size_t a_stride,
                                 const dp_bfloat16_pair *b, const float *bias, float *c, size_t c_stride,
                                 float *scratch) {
    dp_left *block = (dp_left *)scratch;
    for (size_t start = 0; start < k; start += DP_KC) {
        const size_t count = k - start < DP_KC ? k - start : DP_KC;
        for (size_t row = 0; row < m; row += DP_MC) {
            const size_t rows = m - row < DP_MC ? m - row : DP_MC;
            const dp_tile_of tile = {.count = count,
                                     .a = block,
                                     .panel = b + start / 2 * DP_NR,
                                     .bias = start + count == k ? bias : NULL,
                                     .c = c + row * c_stride,
                                     .c_stride = c_stride,
                                     .is_first = start == 0};
            dp_copy_rows(rows, count, a + row * a_stride + start, a_stride, block);
            dp_row_panels(rows, n, k, &tile);
        }
    }
}

DP_TARGET static void dp_bf16_gemm_tn(size_t m, size_t n, size_t k, const dp_bfloat16 *a, size_t a_stride,
                                 const dp_bfloat16_pair *b, float *c, size_t c_stride, float *scratch) {
    dp_left *block = (dp_left *)scratch;
    for (size_t start = 0; start < k; start += DP_KC) {
        const size_t count = k - start < DP_KC ? k - start : DP_KC;
        for (size_t row = 0; row < m; row += DP_MC) {
            const size_t rows = m - row < DP_MC ? m - row : DP_MC;
            const dp_tile_of tile = {.count = count,
                                     .a = block,
                                     .panel = b + start / 2 * DP_NR,
                                     .c = c + row * c_stride,
                                     .c_stride = c_stride,
                                     .is_first = start == 0};
            dp_copy_columns(rows, count, a + start * a_stride + row, a_stride, block);
            dp_column_panels(rows, n, k, &tile);
        }
    }
}
