// What the kernels for products with bytes of all instruction sets share: their tables, and types for their loops.
#ifndef DP_TRAIN_INT8_KERNELS_H
#define DP_TRAIN_INT8_KERNELS_H

#include <string.h>

#include "bytes.h"
#include "int8.h"
#include "prefetch.h"
#include "targets.h"

// The few roundings there are must be the same on every CPU.
#pragma STDC FP_CONTRACT OFF
// Functions that take vectors are inlined wherever they are called.
#pragma clang diagnostic ignored "-Wpsabi"

#define DP_INT8_MEMBER(name, parameters, arguments) void(*name) parameters;
#define DP_BYTES_MEMBER(name, parameters, arguments) void(*bytes_##name) parameters;
typedef struct {
    // Whether numbers stand as halves of two bytes (int8_halves.h), or as slices of one (int8_slices.h).
    int halves;
    DP_INT8_KERNELS(DP_INT8_MEMBER)
    DP_BYTES_KERNELS(DP_BYTES_MEMBER)
} dp_int8_kernels;

extern const dp_int8_kernels dp_int8_baseline, dp_int8_avx2, dp_int8_avx2_vnni, dp_int8_avx512, dp_int8_vnni, dp_int8_amx,
    dp_int8_neon_dot;

// Whether this process may use AMX's tiles, and small products on them are those of the baseline.
int dp_may_use_amx(void);
// The same of AVX-VNNI's products of bytes.
int dp_may_use_avx2_vnni(void);

// Whether the products of two tables on random numbers of the given shapes are the same, bit by bit. k is a multiple of 64
// channels.
int dp_int8_agree(const dp_int8_kernels *one, const dp_int8_kernels *other, size_t m, size_t n, size_t k, size_t channels,
                  size_t columns, int slices, uint32_t seed);

typedef float dp_floats __attribute__((vector_size(64), aligned(4)));
typedef int32_t dp_ints __attribute__((vector_size(64), aligned(4)));
typedef int32_t dp_eight_ints __attribute__((vector_size(32), aligned(4)));
typedef double dp_doubles __attribute__((vector_size(128), aligned(8)));
typedef double dp_eight_doubles __attribute__((vector_size(64), aligned(8)));
typedef int8_t dp_sixteen_bytes __attribute__((vector_size(16), aligned(1)));

#define DP_INT8_ENTRY(name, parameters, arguments) .name = dp_##name,
#define DP_BYTES_ENTRY(name, parameters, arguments) .bytes_##name = dp_byte_##name,

#define DP_STATIC static inline __attribute__((always_inline)) DP_TARGET
#define DP_UNROLL _Pragma("clang loop unroll(full)")

// The sum of q.
static inline __attribute__((always_inline)) float dp_total_of(const dp_int8_sums *sums) {
    return (float)(sums->of_slice[0] + 256 * (int64_t)sums->of_slice[1] + 65536 * (int64_t)sums->of_slice[2]);
}

// n filled up to whole vectors.
static inline __attribute__((always_inline)) size_t dp_whole_lanes(size_t n) {
    return (n + DP_INT8_LANES - 1) / DP_INT8_LANES * DP_INT8_LANES;
}

// The two factors of 16 scales, or of fewer, with zeros behind them.
static inline __attribute__((always_inline)) void dp_two_factors(const dp_int8_scale *scales, size_t count,
                                                                 dp_floats *scale0, dp_floats *scale1) {
    *scale0 = *scale1 = (dp_floats){0};
    for (size_t i = 0; i < count; i++) {
        (*scale0)[i] = scales[i].scale[0];
        (*scale1)[i] = scales[i].scale[1];
    }
}

#endif
