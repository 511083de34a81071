// Hands over to the kernels for bytes of an instruction set; and what all of them share.

#include <math.h>
#include <stdlib.h>

#include "instruction_set.h"
#include "int8_kernels.h"

static const dp_int8_kernels *const tables[dp_instruction_sets] = {
    [dp_baseline] = &dp_int8_baseline,
#if defined(__x86_64__)
    [dp_avx2] = &dp_int8_avx2,
    [dp_avx2_vnni] = &dp_int8_avx2_vnni,
    [dp_avx512] = &dp_int8_avx512,
    [dp_avx512_vnni] = &dp_int8_vnni,
    [dp_avx512_bf16] = &dp_int8_vnni,
#endif
#if defined(DP_HAS_AMX)
    [dp_amx] = &dp_int8_amx,
#endif
#if defined(__aarch64__)
    [dp_neon_dot] = &dp_int8_neon_dot,
#endif
};

#define DP_INT8_DISPATCH(name, parameters, arguments)                                  \
    void dp_int8_##name(dp_instruction_set set, DP_INT8_PARAMETERS parameters) {      \
        tables[set]->name arguments;                                                  \
    }
DP_INT8_KERNELS(DP_INT8_DISPATCH)

#define DP_BYTES_DISPATCH(name, parameters, arguments)                                 \
    void dp_bytes_##name(dp_instruction_set set, DP_INT8_PARAMETERS parameters) {     \
        tables[set]->bytes_##name arguments;                                          \
    }
DP_BYTES_KERNELS(DP_BYTES_DISPATCH)

int dp_int8_scale_for(float largest, int slices, dp_int8_scale *scale) {
    *scale = (dp_int8_scale){{1, 1}, {1, 1}};
    if (!isfinite(largest)) return 0;
    if (largest == 0) return 1;
    // The largest q whose slices are all signed bytes is 127 (1 + 256 + 65536); a little below 2^23, or 2^15.
    int exponent;
    const float fraction = frexpf(largest, &exponent);
    exponent -= slices == 3 ? 23 : 15;
    if (fraction > 0.996f) exponent++;
    // Each half is a normal number, however small or large the whole is.
    const int half = exponent / 2, rest = exponent - half;
    *scale = (dp_int8_scale){{ldexpf(1, half), ldexpf(1, rest)}, {ldexpf(1, -half), ldexpf(1, -rest)}};
    return 1;
}

size_t dp_int8_weight_bytes(dp_instruction_set set, size_t n, size_t k, int slices) {
    const size_t bytes = tables[set]->halves ? (slices == 3 ? 4 : 2) : (size_t)slices;
    return dp_whole_lanes(n) * k * bytes;
}

size_t dp_int8_gradient_bytes(size_t samples, size_t n, int slices) {
    return 2 * dp_int8_padded_samples(samples) * dp_whole_lanes(n) * (size_t)slices;
}

size_t dp_int8_pixel_bytes(size_t samples, size_t columns) {
    return 2 * dp_int8_padded_samples(samples) * dp_whole_lanes(columns);
}

static uint32_t dp_random(uint32_t *seed) { return *seed = *seed * 1664525u + 1013904223u; }

static float *dp_random_numbers(size_t count, uint32_t *seed) {
    float *all = malloc(count * sizeof(float));
    for (size_t i = 0; all && i < count; i++) all[i] = (float)(int32_t)dp_random(seed) * 0x1p-31f;
    return all;
}

// The same of products of two factors of one byte, X [m, k] W^T with W [n, k], and what is made for the other two.
static int dp_bytes_agree(const dp_int8_kernels *one, const dp_int8_kernels *other, size_t m, size_t n, size_t k,
                          uint32_t seed) {
    enum { block = 128 };
    const dp_int8_kernels *const both[2] = {one, other};
    const size_t unit = DP_BYTES_ROW_UNIT, stride = (k + unit - 1) / unit * unit, samples = (m + unit - 1) / unit * unit;
    const size_t forward = dp_bytes_lanes(n) / DP_INT8_LANES * dp_bytes_panel(k, block);
    const size_t backward = dp_bytes_lanes(k) / DP_INT8_LANES * dp_bytes_panel(n, block);
    const size_t panels = dp_bytes_lanes(k) / DP_INT8_LANES * dp_bytes_panel(m, m);
    float *x = dp_random_numbers(m * k, &seed), *w = dp_random_numbers(n * k, &seed);
    float *dy = dp_random_numbers(m * n, &seed), *terms = dp_random_numbers(dp_bytes_lanes(k) + n, &seed);
    // All results of either, one behind the other.
    const size_t scales = dp_bytes_blocks(k, block) * dp_bytes_lanes(n) + dp_bytes_blocks(n, block) * dp_bytes_lanes(k);
    const size_t floats = scales + n + m * n + n * k, bytes = m * stride + n * samples + forward + backward + panels;
    const size_t marks = (m + n) * sizeof(dp_byte_mark), size = floats * sizeof(float) + marks + bytes;
    char *results = calloc(2, size);
    int agree = x && w && dy && terms && results;
    for (int i = 0; agree && i < 2; i++) {
        float *of_rows = (float *)(results + i * size), *of_columns = of_rows + dp_bytes_blocks(k, block) * dp_bytes_lanes(n);
        float *row_terms = of_rows + scales, *y = row_terms + n, *g = y + m * n;
        dp_byte_mark *x_marks = (dp_byte_mark *)(g + n * k), *dy_marks = x_marks + m;
        uint8_t *x_bytes = (uint8_t *)(dy_marks + n), *dy_bytes = x_bytes + m * stride;
        int8_t *packed = (int8_t *)(dy_bytes + n * samples), *packed_back = packed + forward;
        int8_t *packed_x = packed_back + backward;
        both[i]->bytes_quantize_rows(m, k, x, k, x_bytes, stride, x_marks, 1);
        for (size_t c = 0; c < k; c += block)
            both[i]->bytes_pack_rows(n, k, block, c, k - c < block ? k - c : block, w, k, packed, of_rows);
        both[i]->bytes_pack_columns(n, k, block, 0, k, w, k, packed_back, of_columns);
        both[i]->bytes_multiply(m, n, k, block, x_bytes, stride, x_marks, 1, NULL, packed, of_rows, terms, y, n);
        both[i]->bytes_quantize_columns(m, 0, n, dy, n, x_marks, 1, dy_bytes, samples, dy_marks, row_terms);
        both[i]->bytes_pack_bytes(m, k, x_bytes, stride, packed_x);
        both[i]->bytes_multiply(n, k, m, m, dy_bytes, samples, dy_marks, 1, row_terms, packed_x, terms, terms, g, k);
        agree = y[m * n - 1] != 0 && g[n * k - 1] != 0;
    }
    agree = agree && memcmp(results, results + size, size) == 0;
    void *const all[] = {x, w, dy, terms, results};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    return agree;
}

int dp_int8_agree(const dp_int8_kernels *one, const dp_int8_kernels *other, size_t m, size_t n, size_t k, size_t channels,
                  size_t columns, int slices, uint32_t seed) {
    const dp_int8_kernels *const both[2] = {one, other};
    const size_t samples = m;
    float *w = dp_random_numbers(n * k, &seed), *dy = dp_random_numbers(samples * n, &seed);
    float *factors = dp_random_numbers(columns + channels, &seed), *zero_points = dp_random_numbers(columns, &seed);
    float *offset = dp_random_numbers(n, &seed);
    float *y = calloc(2 * m * n, sizeof(float)), *g = calloc(2 * n * columns, sizeof(float));
    uint8_t *x = malloc(m * k), *bytes = malloc(2 * dp_int8_padded_samples(samples) * dp_whole_lanes(columns));
    int8_t *packed = malloc(dp_whole_lanes(n) * k * 4);
    int8_t *gradient = malloc(dp_int8_gradient_bytes(samples, n, slices));
    int32_t *sums = malloc(n * sizeof(int32_t));
    dp_int8_scale *scales = malloc(n * sizeof(dp_int8_scale));
    dp_int8_sums *gradient_sums = malloc(n * sizeof(dp_int8_sums));
    void *const all[] = {w, dy, factors, zero_points, offset, y, g,
                         x, bytes, packed, gradient, sums, scales, gradient_sums};
    int agree = 1;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) agree = agree && all[i];
    if (agree) {
        for (size_t i = 0; i < m * k; i++) x[i] = (uint8_t)(dp_random(&seed) >> 24);
        for (size_t i = 0; i < n; i++) dp_int8_scale_for(1 + (float)i, slices, &scales[i]);
        for (int i = 0; i < 2; i++) {
            both[i]->pack_weights(n, k, 0, k, w, k, scales, slices, packed, sums);
            both[i]->gemm_nt(m, n, k, channels, x, k, packed, scales, slices, factors, offset, y + i * m * n, n);
            both[i]->pack_gradient(samples, n, dy, n, scales, slices, gradient, gradient_sums);
            both[i]->pack_bytes(samples, columns, x, k, bytes);
            both[i]->gemm_tn(n, columns, samples, gradient, gradient_sums, scales, slices, bytes, factors, zero_points,
                             g + i * n * columns, columns);
        }
        agree = memcmp(y, y + m * n, m * n * sizeof(float)) == 0 &&
                memcmp(g, g + n * columns, n * columns * sizeof(float)) == 0 && y[m * n - 1] != 0 &&
                g[n * columns - 1] != 0;
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    return agree && dp_bytes_agree(one, other, m, n, k, seed);
}
