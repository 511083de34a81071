// Hands over to the kernels for bfloat16 numbers of an instruction set.

#include <fenv.h>
#include <stdlib.h>

#include "bfloat16_kernels.h"

static const dp_bfloat16_kernels *const tables[dp_instruction_sets] = {
    [dp_baseline] = &dp_bfloat16_baseline,
#if defined(__x86_64__)
    [dp_avx2] = &dp_bfloat16_avx2,
    [dp_avx2_vnni] = &dp_bfloat16_avx2,
    [dp_avx512] = &dp_bfloat16_avx512,
    [dp_avx512_vnni] = &dp_bfloat16_avx512,
    [dp_avx512_bf16] = &dp_bfloat16_unit,
    [dp_amx] = &dp_bfloat16_unit,
#elif defined(__aarch64__)
    [dp_neon_dot] = &dp_bfloat16_baseline,
#endif
};

// AMX comes with the unit; where a system hides that, or it is not trusted, Float's multiply-adds are taken.
static const dp_bfloat16_kernels *dp_bfloat16_table(dp_instruction_set set) {
#if defined(__x86_64__)
    if (set == dp_amx && !dp_has_instruction_set(dp_avx512_bf16)) return &dp_bfloat16_avx512;
#endif
    return tables[set];
}

#define DP_BFLOAT16_DISPATCH(name, parameters, arguments)                                    \
    void dp_bfloat16_##name(dp_instruction_set set, DP_INT8_PARAMETERS parameters) {        \
        dp_bfloat16_table(set)->name arguments;                                             \
    }
DP_BFLOAT16_KERNELS(DP_BFLOAT16_DISPATCH)

#if defined(__x86_64__)
// Numbers of some exponent from -spread to spread, for any unit's rounding to show; few of them cancel.
static float dp_number(uint32_t *seed, int spread) {
    *seed = *seed * 1664525u + 1013904223u;
    const int exponent = (int)(*seed >> 8) % (2 * spread + 1) - spread;
    return ldexpf((float)(int32_t)(*seed * 2654435761u) * 0x1p-31f, exponent);
}

int dp_may_use_bfloat16_unit(void) {
    enum { m = 13, n = 33, k = 261, row = (k + 31) / 32 * 32, wide = (n + 31) / 32 * 32, pairs = (k + 1) / 2 };
    const dp_bfloat16_kernels *const both[2] = {&dp_bfloat16_avx512, &dp_bfloat16_unit};
    float *x = malloc((m + n) * k * sizeof(float)), *scratch = malloc(DP_GEMM_SCRATCH * sizeof(float));
    dp_bfloat16 *rows = malloc(2 * m * row * sizeof(dp_bfloat16));
    dp_bfloat16_pair *packed = malloc((wide * pairs + row * (wide / 2)) * sizeof(dp_bfloat16_pair));
    float *y = malloc(2 * m * n * sizeof(float));
    int agree = x && scratch && rows && packed && y;
    // The unit knows one way of rounding; that a process has come to another one is for others to find.
    const int rounding = fegetround();
    (void)fesetround(FE_TONEAREST);
    uint32_t seed = 1;
    for (int spread = 0; agree && spread <= 60; spread += 4) {
        for (size_t i = 0; i < (m + n) * k; i++) x[i] = dp_number(&seed, spread);
        x[1] = 0x1p-149f;
        x[2] = 0x1p-57f;
        x[3] = __builtin_inff();
        for (size_t i = 0; i < 2; i++) {
            both[i]->round(m, k, x, k, rows + i * m * row, row);
            both[i]->pack_weights(n, k, 0, k, x + m * k, k, packed, packed + wide * pairs);
            both[i]->gemm_nn(m, n, k, rows + i * m * row, row, packed, NULL, y + i * m * n, n, scratch);
        }
        agree = memcmp(rows, rows + m * row, m * row * sizeof(dp_bfloat16)) == 0 &&
                memcmp(y + n, y + m * n + n, (m - 1) * n * sizeof(float)) == 0 && y[m * n - 1] != 0;
    }
    (void)fesetround(rounding);
    void *const all[] = {x, scratch, rows, packed, y};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    return agree;
}
#endif
