#include "TileEmulation.h"

#include <stdlib.h>
#include <string.h>

// Everything of the kernels under test is private to their file. Its public names become others here.
#define dp_best_digit_unit emulated_dp_best_digit_unit
#define dp_used_digit_unit emulated_dp_used_digit_unit
#define dp_use_digit_unit emulated_dp_use_digit_unit
#define dp_digit_scale_for emulated_dp_digit_scale_for
#define dp_row_maxima emulated_dp_row_maxima
#define dp_column_maxima emulated_dp_column_maxima
#define dp_packed_digits emulated_dp_packed_digits
#define dp_pack_digits emulated_dp_pack_digits
#define dp_sum_slots emulated_dp_sum_slots
#define dp_multiply_digits emulated_dp_multiply_digits
#define dp_pack_samples emulated_dp_pack_samples
#define dp_pack_bytes emulated_dp_pack_bytes
#define dp_multiply_samples emulated_dp_multiply_samples
#include "../../Sources/CProducts/digits.c"

static _Thread_local uint8_t tiles[8][16][64];

static void emulated_load(int t, const void *from, size_t stride) {
    for (int r = 0; r < 16; r++) memcpy(tiles[t][r], (const char *)from + r * stride, 64);
}

static void emulated_store(int t, void *to, size_t stride) {
    for (int r = 0; r < 16; r++) memcpy((char *)to + r * stride, tiles[t][r], 64);
}

// sum[r][c] += the dot product of the 64 bytes of row r of a with column c of b, of whose rows each holds four bytes a
// column.
static void emulated_dot(int sum, int a, int b, int a_is_signed) {
    int32_t sums[16][16];
    memcpy(sums, tiles[sum], sizeof sums);
    for (int r = 0; r < 16; r++)
        for (int c = 0; c < 16; c++)
            for (int i = 0; i < 64; i++) {
                const uint8_t left = tiles[a][r][i], right = tiles[b][i / 4][4 * c + i % 4];
                sums[r][c] += a_is_signed ? (int8_t)left * (int)right : (int)left * (int8_t)right;
            }
    memcpy(tiles[sum], sums, sizeof sums);
}

#undef dp_tile_begin
#undef dp_tile_end
#undef dp_tile_zero
#undef dp_tile_load
#undef dp_tile_store
#undef dp_tile_dot_us
#undef dp_tile_dot_su
#define dp_tile_begin() memset(tiles, 0, sizeof tiles)
#define dp_tile_end()
#define dp_tile_zero(t) memset(tiles[t], 0, sizeof tiles[t])
#define dp_tile_load emulated_load
#define dp_tile_store emulated_store
#define dp_tile_dot_us(sum, a, b) emulated_dot(sum, a, b, 0)
#define dp_tile_dot_su(sum, a, b) emulated_dot(sum, a, b, 1)
#define DP_TARGET
#define DP_FN(name) name##_emulated
#include "../../Sources/CProducts/digits_amx.h"

static float *numbers(size_t count, uint32_t *seed) {
    float *all = malloc(count * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        all[i] = (float)(int32_t)*seed * 0x1p-31f;
    }
    return all;
}

int dp_emulated_tiles_agree(size_t m, size_t n, size_t k, size_t planes, size_t columns, int digits, uint32_t seed) {
    const size_t samples = m, packed_samples = dp_packed_samples(samples, n, digits) / 2;
    uint8_t *x = malloc(m * k);
    for (size_t i = 0; i < m * k; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (uint8_t)(seed >> 24);
    }
    float *w = numbers(n * k, &seed), *dy = numbers(samples * n, &seed), *constant = numbers(n, &seed);
    float *factors = numbers(columns + planes, &seed), *shifts = numbers(columns, &seed);
    dp_digit_scale *scales = malloc(n * sizeof(dp_digit_scale));
    for (size_t i = 0; i < n; i++) dp_digit_scale_for(1 + (float)i, digits, &scales[i]);

    int8_t *packed = malloc(dp_packed_digits(n, k, digits));
    int32_t *sums = malloc(n * sizeof(int32_t));
    float *y = calloc(2 * m * n, sizeof(float)), *g = calloc(2 * n * columns, sizeof(float));
    dp_pack_digits_portable(n, k, 0, k, w, k, scales, digits, packed, sums);
    dp_multiply_digits_portable(m, n, k, planes, x, k, packed, scales, digits, factors, constant, y, n);
    dp_multiply_digits_emulated(m, n, k, planes, x, k, packed, scales, digits, factors, constant, y + m * n, n);

    int8_t *lanes = malloc(packed_samples), *ordered = malloc(packed_samples);
    dp_digit_sums *sums_of_dy = malloc(n * sizeof(dp_digit_sums));
    uint8_t *pixels = malloc(dp_padded_samples(samples) * (columns + 16));
    dp_pack_samples_portable(samples, n, dy, n, scales, digits, lanes, sums_of_dy);
    dp_order_samples_emulated(samples, n, digits, lanes, ordered);
    dp_pack_bytes_portable(samples, columns, x, k, pixels);
    dp_multiply_samples_portable(n, columns, samples, lanes, sums_of_dy, scales, digits, pixels, factors, shifts, g, columns);
    dp_multiply_samples_emulated(n, columns, samples, ordered, sums_of_dy, scales, digits, pixels, factors, shifts,
                                 g + n * columns, columns);

    const int agree = memcmp(y, y + m * n, m * n * sizeof(float)) == 0 &&
                      memcmp(g, g + n * columns, n * columns * sizeof(float)) == 0 && y[m * n - 1] != 0 &&
                      g[n * columns - 1] != 0;
    void *all[] = {x, w, dy, constant, factors, shifts, scales, packed, sums, y, g, lanes, ordered, sums_of_dy, pixels};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    return agree;
}
