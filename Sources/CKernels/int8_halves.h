// Products with bytes, of halves of 16 bits: for CPUs that multiply no bytes, but have an instruction that adds up two products
// of 16 bits in each lane. Three slices are two halves, q = low + 256 high, where low is the lowest slice, and two slices are
// one, q = high. Pixels are taken less 128.
//
// A multiplication costs more than an addition, so half of them become additions: a b + c d = (a + d) (b + c) - a c - b d. With
// pixels x and halves w, over four columns or samples,
//
//   x0 w0 + x1 w1 + x2 w2 + x3 w3 = (x0 + w1) (x1 + w0) + (x2 + w3) (x3 + w2) - (x0 x1 + x2 x3) - (w0 w1 + w2 w3)
//
// where the last two terms are those of a row or column by itself. All of this is modulo 2^32, and so exact: the sums fit into
// 32 bits over runs of a bounded length, and runs are added in double precision.
//
// Source: Winograd, "A new algorithm for inner product", IEEE Transactions on Computers C-17 (1968).
//
// A file for an instruction set includes this after int8_rounding.h, having defined
//
//   DP_WIDTH                        lanes of a vector: 4, 8 or 16
//   DP_ROWS, DP_ROWS_OF_ONE         rows of Y whose sums of two halves, or of one, fit into registers
//   DP_COLUMN_ROWS, DP_VECTORS      rows of G, twice as many with one half, and vectors of columns, likewise
//   dp_wide                         a vector of DP_WIDTH lanes of 32 bits
//   dp_sums                         sums of products in the making, from dp_begun(a dp_wide) to dp_folded(sums), again one
//   dp_multiply_pairs(sums, a, b)   which adds, in each lane, the products of the two pairs of numbers of 16 bits

#include "int8_halves_packing.h"

// What stands in the caches at once: rows of X and columns of Y.
#define DP_BLOCK_ROWS 64
#define DP_BLOCK_COLUMNS 128

typedef float dp_wide_floats __attribute__((vector_size(4 * DP_WIDTH), aligned(4)));
typedef double dp_wide_doubles __attribute__((vector_size(8 * DP_WIDTH), aligned(8)));
typedef int16_t dp_wide_shorts __attribute__((vector_size(4 * DP_WIDTH), aligned(2)));

// Two numbers of 16 bits in every lane.
DP_STATIC dp_wide dp_splat_pair(const int16_t *pair) {
    int32_t both;
    memcpy(&both, pair, sizeof both);
    return both - (dp_wide){0};
}

// Sums with the products of four columns or samples, from the two pairs of each factor.
DP_STATIC dp_sums dp_multiply_quartet(dp_sums sums, dp_wide a0, dp_wide a1, dp_wide b0, dp_wide b1) {
    const dp_wide_shorts first = (dp_wide_shorts)a0 + (dp_wide_shorts)b0, second = (dp_wide_shorts)a1 + (dp_wide_shorts)b1;
    return dp_multiply_pairs(sums, (dp_wide)first, (dp_wide)second);
}

// For 16 rows of W over a run: what its own neighbours' products, and the pixels' 128, leave to be added, [half][16].
DP_STATIC void dp_nt_corrections(const size_t halves, size_t quartets, const int16_t *packed, size_t vector_count,
                                 dp_wide (*products)[4], dp_wide_doubles (*zero_points)[4]) {
    const dp_wide ones = 0x00010001 - (dp_wide){0};
    for (size_t v = 0; v < DP_INT8_LANES / DP_WIDTH; v++)
        for (size_t h = 0; h < halves; h++) {
            dp_sums product = {0}, sum = {0};
            const int16_t *from = packed + v * vector_count + h * 4 * DP_WIDTH;
            for (size_t i = 0; i < quartets; i++, from += halves * 4 * DP_WIDTH) {
                const dp_wide first = *(const dp_wide *)from, second = *(const dp_wide *)(from + 2 * DP_WIDTH);
                product = dp_multiply_pairs(product, first, second);
                sum = dp_multiply_pairs(dp_multiply_pairs(sum, first, ones), second, ones);
            }
            products[h][v] = dp_folded(product);
            zero_points[h][v] = __builtin_convertvector(dp_folded(sum), dp_wide_doubles) * DP_INT8_ZERO_POINT;
        }
}

// The sums of one run, of some rows of X and 16 of W, added to totals [row][half][16].
DP_STATIC void dp_nt_run(const size_t rows, const size_t halves, size_t quartets, const int16_t *x,
                         const int32_t *x_products, const int16_t *packed, size_t vector_count,
                         dp_wide (*products)[4], dp_wide_doubles (*zero_points)[4], double *totals) {
    for (size_t v = 0; v < DP_INT8_LANES / DP_WIDTH; v++) {
        dp_sums sum[DP_ROWS > DP_ROWS_OF_ONE ? DP_ROWS : DP_ROWS_OF_ONE][2];
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (size_t h = 0; h < halves; h++) sum[r][h] = dp_begun(-products[h][v] - x_products[r]);
        }
        const int16_t *right = packed + v * vector_count;
        for (size_t i = 0; i < quartets; i++, right += halves * 4 * DP_WIDTH) {
            dp_wide of_w[2][2];
            DP_UNROLL for (size_t h = 0; h < halves; h++) {
                of_w[h][0] = *(const dp_wide *)(right + h * 4 * DP_WIDTH);
                of_w[h][1] = *(const dp_wide *)(right + h * 4 * DP_WIDTH + 2 * DP_WIDTH);
            }
            DP_UNROLL for (size_t r = 0; r < rows; r++) {
                const int16_t *left = x + r * DP_RUN_OF_COLUMNS + 4 * i;
                const dp_wide of_x[2] = {dp_splat_pair(left), dp_splat_pair(left + 2)};
                DP_UNROLL for (size_t h = 0; h < halves; h++)
                    sum[r][h] = dp_multiply_quartet(sum[r][h], of_x[0], of_x[1], of_w[h][0], of_w[h][1]);
            }
        }
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (size_t h = 0; h < halves; h++)
                *(dp_wide_doubles *)(totals + (r * halves + h) * DP_INT8_LANES + v * DP_WIDTH) +=
                    __builtin_convertvector(dp_folded(sum[r][h]), dp_wide_doubles) + zero_points[h][v];
        }
    }
}

// Pixels of a row, less 128, in pairs, and the sum of the products of neighbours; filled up to 16 with zeros.
DP_STATIC int32_t dp_convert_run(size_t count, const uint8_t *from, int16_t *to) {
    dp_eight_ints sum = {0};
    for (size_t i = 0; i < count; i += 16) {
        uint8_t edge[16];
        const uint8_t *pixels = from + i;
        if (count - i < sizeof edge) {
            // Nothing behind the last column may be read.
            memset(edge, DP_INT8_ZERO_POINT, sizeof edge);
            pixels = memcpy(edge, pixels, count - i);
        }
        const dp_sixteen_shorts x = dp_sixteen_pixels(pixels);
        const dp_sixteen_shorts pairs =
            __builtin_shufflevector(x, x, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15);
        memcpy(to + i, &pairs, sizeof pairs);
        sum += __builtin_convertvector(__builtin_shufflevector(x, x, 0, 2, 4, 6, 8, 10, 12, 14), dp_eight_ints) *
               __builtin_convertvector(__builtin_shufflevector(x, x, 1, 3, 5, 7, 9, 11, 13, 15), dp_eight_ints);
    }
    return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

// A block of Y, of at most DP_BLOCK_ROWS rows and DP_BLOCK_COLUMNS columns.
DP_STATIC void dp_nt_block(const size_t halves, size_t rows, size_t n, size_t k, size_t channels, const uint8_t *x,
                           size_t x_stride, const int16_t *packed, const dp_int8_scale *scales, const float *factors,
                           const float *offset, float *y, size_t y_stride) {
    int16_t numbers[DP_BLOCK_ROWS][DP_RUN_OF_COLUMNS] __attribute__((aligned(64)));
    int32_t x_products[DP_BLOCK_ROWS];
    double totals[DP_BLOCK_COLUMNS / DP_INT8_LANES][DP_BLOCK_ROWS][2 * DP_INT8_LANES] __attribute__((aligned(64)));
    dp_floats result[DP_BLOCK_COLUMNS / DP_INT8_LANES][DP_BLOCK_ROWS];
    const size_t at_once = halves == 2 ? DP_ROWS : DP_ROWS_OF_ONE;
    const size_t channel_size = k / channels, panels = (n + DP_INT8_LANES - 1) / DP_INT8_LANES;
    for (size_t p = 0; p < panels; p++)
        for (size_t r = 0; r < rows; r++) result[p][r] = (dp_floats){0};
    for (size_t channel = 0; channel < channels; channel++) {
        memset(totals, 0, panels * sizeof totals[0]);
        for (size_t start = 0; start < channel_size; start += DP_RUN_OF_COLUMNS) {
            const size_t first = channel * channel_size + start;
            const size_t count = channel_size - start < DP_RUN_OF_COLUMNS ? channel_size - start : DP_RUN_OF_COLUMNS;
            for (size_t r = 0; r < rows; r++) x_products[r] = dp_convert_run(count, x + r * x_stride + first, numbers[r]);
            for (size_t p = 0; p < panels; p++) {
                const int16_t *right = packed + (p * k * DP_INT8_LANES + first * DP_WIDTH) * halves;
                const size_t vector_count = k * halves * DP_WIDTH;
                dp_wide products[2][4];
                dp_wide_doubles zero_points[2][4];
                dp_nt_corrections(halves, count / 4, right, vector_count, products, zero_points);
                double *total = totals[p][0];
                size_t r = 0;
                for (; r + at_once <= rows; r += at_once, total += at_once * halves * DP_INT8_LANES)
                    dp_nt_run(at_once, halves, count / 4, numbers[r], x_products + r, right, vector_count, products,
                              zero_points, total);
                for (; r + 2 <= rows; r += 2, total += 2 * halves * DP_INT8_LANES)
                    dp_nt_run(2, halves, count / 4, numbers[r], x_products + r, right, vector_count, products,
                              zero_points, total);
                if (r < rows)
                    dp_nt_run(1, halves, count / 4, numbers[r], x_products + r, right, vector_count, products,
                              zero_points, total);
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
                         const int32_t *dy_products, size_t wide, const int32_t *x_products,
                         dp_wide (*sums)[DP_VECTORS][2]) {
    dp_sums sum[2 * DP_COLUMN_ROWS][DP_VECTORS][2];
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        DP_UNROLL for (size_t v = 0; v < DP_VECTORS; v++) {
            DP_UNROLL for (size_t h = 0; h < halves; h++)
                sum[r][v][h] = dp_begun(-*(const dp_wide *)(x_products + v * DP_WIDTH) - dy_products[h * wide + r]);
        }
    }
    const size_t tile = dp_tile_rows(halves);
    for (size_t s = 0; s < run; s += 4, dy += 4 * halves * tile, x += DP_QUARTET) {
        dp_wide of_x[DP_VECTORS][2];
        DP_UNROLL for (size_t v = 0; v < DP_VECTORS; v++) {
            of_x[v][0] = *(const dp_wide *)(x + 2 * v * DP_WIDTH);
            of_x[v][1] = *(const dp_wide *)(x + 2 * v * DP_WIDTH + 2 * DP_INT8_LANES);
        }
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (size_t h = 0; h < halves; h++) {
                const int16_t *left = dy + 4 * (h * tile + r);
                const dp_wide of_dy[2] = {dp_splat_pair(left), dp_splat_pair(left + 2)};
                DP_UNROLL for (size_t v = 0; v < DP_VECTORS; v++)
                    sum[r][v][h] = dp_multiply_quartet(sum[r][v][h], of_dy[0], of_dy[1], of_x[v][0], of_x[v][1]);
            }
        }
    }
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        DP_UNROLL for (size_t v = 0; v < DP_VECTORS; v++) {
            DP_UNROLL for (size_t h = 0; h < halves; h++) sums[r][v][h] = dp_folded(sum[r][v][h]);
        }
    }
}

// What a tile of G is made from besides dY and X: for its rows the products of neighbours, [run][half][wide], and the sums of
// q, for its columns the products of neighbours, [run][16], and what bytes stand for.
typedef struct {
    size_t wide;
    const int32_t *dy_products;
    const float *dy_sums;
    const dp_int8_scale *scales;
    const int32_t (*x_products)[DP_INT8_LANES];
    const float *factors, *zero_points;
} dp_tile_terms;

// One vector of G.
DP_STATIC dp_wide_floats dp_tn_finished(const size_t halves, const dp_wide_floats *half, dp_wide_floats factor,
                                        dp_wide_floats zero_point, float dy_sum, const dp_int8_scale *scale) {
    const dp_wide_floats joined = halves == 2 ? half[0] * 256.0f + half[1] : half[0];
    return (joined * factor + zero_point * dy_sum) * scale->scale[0] * scale->scale[1];
}

DP_STATIC void dp_tn_finish(const size_t rows, const size_t halves, size_t lane, const dp_tile_terms *terms,
                            dp_wide_floats (*half)[DP_VECTORS][2], size_t columns, float *g, size_t g_stride) {
    if (columns == DP_INT8_LANES) {
        DP_UNROLL for (size_t v = 0; v < DP_VECTORS; v++) {
            const size_t column = lane + v * DP_WIDTH;
            const dp_wide_floats factor = *(const dp_wide_floats *)(terms->factors + column);
            const dp_wide_floats zero_point = *(const dp_wide_floats *)(terms->zero_points + column);
            DP_UNROLL for (size_t r = 0; r < rows; r++)
                *(dp_wide_floats *)(g + r * g_stride + column) =
                    dp_tn_finished(halves, half[r][v], factor, zero_point, terms->dy_sums[r], &terms->scales[r]);
        }
        return;
    }
    for (size_t v = 0; v < DP_VECTORS && lane + v * DP_WIDTH < columns; v++) {
        const size_t column = lane + v * DP_WIDTH;
        const size_t bytes = (columns - column < DP_WIDTH ? columns - column : DP_WIDTH) * sizeof(float);
        dp_wide_floats factor = {0}, zero_point = {0};
        memcpy(&factor, terms->factors + column, bytes);
        memcpy(&zero_point, terms->zero_points + column, bytes);
        for (size_t r = 0; r < rows; r++) {
            const dp_wide_floats result =
                dp_tn_finished(halves, half[r][v], factor, zero_point, terms->dy_sums[r], &terms->scales[r]);
            memcpy(g + r * g_stride + column, &result, bytes);
        }
    }
}

// Rows of G for 16 columns.
DP_STATIC void dp_tn_rows(const size_t rows, const size_t halves, size_t samples, const int16_t *dy, const int16_t *x,
                          const dp_tile_terms *terms, size_t columns, float *g, size_t g_stride) {
    for (size_t lane = 0; lane < columns; lane += DP_VECTORS * DP_WIDTH) {
        dp_wide sums[2 * DP_COLUMN_ROWS][DP_VECTORS][2];
        dp_wide_floats half[2 * DP_COLUMN_ROWS][DP_VECTORS][2];
        if (samples <= DP_RUN_OF_SAMPLES) {
            dp_tn_run(rows, halves, samples, dy, x + 2 * lane, terms->dy_products, terms->wide,
                      terms->x_products[0] + lane, sums);
            DP_UNROLL for (size_t r = 0; r < rows; r++) {
                DP_UNROLL for (size_t v = 0; v < DP_VECTORS; v++) {
                    DP_UNROLL for (size_t h = 0; h < halves; h++)
                        half[r][v][h] = __builtin_convertvector(sums[r][v][h], dp_wide_floats);
                }
            }
            dp_tn_finish(rows, halves, lane, terms, half, columns, g, g_stride);
            continue;
        }
        dp_wide_doubles totals[2 * DP_COLUMN_ROWS][DP_VECTORS][2];
        memset(totals, 0, sizeof totals);
        for (size_t start = 0; start < samples; start += DP_RUN_OF_SAMPLES) {
            const size_t run = samples - start < DP_RUN_OF_SAMPLES ? samples - start : DP_RUN_OF_SAMPLES;
            const size_t index = start / DP_RUN_OF_SAMPLES;
            dp_tn_run(rows, halves, run, dy + start * halves * dp_tile_rows(halves), x + start * DP_INT8_LANES + 2 * lane,
                      terms->dy_products + index * halves * terms->wide, terms->wide, terms->x_products[index] + lane,
                      sums);
            // In memory, as the totals would take registers from the loop.
            __asm__ volatile("" : : "r"(sums), "r"(totals) : "memory");
            for (size_t r = 0; r < rows; r++)
                for (size_t v = 0; v < DP_VECTORS; v++)
                    for (size_t h = 0; h < halves; h++)
                        totals[r][v][h] += __builtin_convertvector(sums[r][v][h], dp_wide_doubles);
        }
        for (size_t r = 0; r < rows; r++)
            for (size_t v = 0; v < DP_VECTORS; v++)
                for (size_t h = 0; h < halves; h++)
                    half[r][v][h] = __builtin_convertvector(totals[r][v][h], dp_wide_floats);
        dp_tn_finish(rows, halves, lane, terms, half, columns, g, g_stride);
    }
}

DP_STATIC void dp_tn_panels(const size_t halves, size_t n, size_t columns, size_t samples, const int16_t *dy,
                            const dp_int8_scale *scales, const int16_t *x, const float *factors, const float *zero_points,
                            float *g, size_t g_stride) {
    const size_t padded = dp_int8_padded_samples(samples), tile = dp_tile_rows(halves), wide = dp_whole_lanes(n);
    const float *dy_sums = (const float *)(dy + dp_tiled_count(halves, n, padded));
    const int32_t *dy_products = (const int32_t *)(dy_sums + wide);
    int32_t x_products[DP_MOST_RUNS][DP_INT8_LANES];
    for (size_t column = 0; column < columns; column += DP_INT8_LANES) {
        const size_t count = columns - column < DP_INT8_LANES ? columns - column : DP_INT8_LANES;
        const int16_t *right = x + column * padded;
        for (size_t start = 0; start < samples; start += DP_RUN_OF_SAMPLES)
            for (size_t lane = 0; lane < DP_INT8_LANES; lane += DP_WIDTH) {
                dp_sums product = {0};
                for (size_t s = start; s < start + DP_RUN_OF_SAMPLES && s < samples; s += 4) {
                    const int16_t *four = right + s * DP_INT8_LANES + 2 * lane;
                    product = dp_multiply_pairs(product, *(const dp_wide *)four,
                                                *(const dp_wide *)(four + 2 * DP_INT8_LANES));
                }
                *(dp_wide *)(x_products[start / DP_RUN_OF_SAMPLES] + lane) = dp_folded(product);
            }
        for (size_t row = 0; row < n;) {
            const size_t first = row / tile * tile;
            const int16_t *left = dy + first * halves * padded + 4 * (row - first);
            const dp_tile_terms terms = {wide, dy_products + row, dy_sums + row, scales + row, x_products,
                                         factors + column, zero_points + column};
            float *out = g + row * g_stride + column;
            if (row + tile <= n) {
                dp_tn_rows(tile, halves, samples, left, right, &terms, count, out, g_stride);
                row += tile;
            } else {
                dp_tn_rows(1, halves, samples, left, right, &terms, count, out, g_stride);
                row++;
            }
        }
    }
}

DP_TARGET static __attribute__((noinline)) void dp_gemm_tn(
    size_t n, size_t columns, size_t samples, const int8_t *dy, const dp_int8_sums *sums, const dp_int8_scale *scales,
    int slices, const uint8_t *x, const float *factors, const float *zero_points, float *g, size_t g_stride) {
    // They stand behind dY, too.
    (void)sums;
    if (slices == 3)
        dp_tn_panels(2, n, columns, samples, (const int16_t *)dy, scales, (const int16_t *)x, factors, zero_points, g,
                     g_stride);
    else
        dp_tn_panels(1, n, columns, samples, (const int16_t *)dy, scales, (const int16_t *)x, factors, zero_points, g,
                     g_stride);
}
