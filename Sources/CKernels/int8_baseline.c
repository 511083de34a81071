// Products with bytes on what every CPU of the architecture has.

#define DP_TARGET

#if defined(__SSE2__)
#include <immintrin.h>

#include "int8_kernels.h"

#if !defined(__SSE4_1__)
#define DP_SSE2_ONLY
#endif

typedef int32_t dp_wide __attribute__((vector_size(16), aligned(4)));
typedef dp_wide dp_sums;
#define dp_begun(sums) (sums)
#define dp_folded(sums) (sums)

DP_STATIC dp_sums dp_multiply_pairs(dp_sums sums, dp_wide a, dp_wide b) {
    return sums + (dp_wide)_mm_madd_epi16((__m128i)a, (__m128i)b);
}

#else
#include "int8_kernels.h"

// Widening multiply-adds, whose sums are those of each place in a pair by itself.
typedef int32_t dp_wide __attribute__((vector_size(16), aligned(4)));
typedef int16_t dp_pairs __attribute__((vector_size(16), aligned(2)));
typedef int32_t dp_sums __attribute__((vector_size(32), aligned(4)));

DP_STATIC dp_sums dp_begun(dp_wide sums) {
    return __builtin_shufflevector(sums, (dp_wide){0}, 0, 4, 1, 4, 2, 4, 3, 4);
}

DP_STATIC dp_wide dp_folded(dp_sums sums) {
    return __builtin_shufflevector(sums, sums, 0, 2, 4, 6) + __builtin_shufflevector(sums, sums, 1, 3, 5, 7);
}

DP_STATIC dp_sums dp_multiply_pairs(dp_sums sums, dp_wide a, dp_wide b) {
    return sums + __builtin_convertvector((dp_pairs)a, dp_sums) * __builtin_convertvector((dp_pairs)b, dp_sums);
}
#endif

#define DP_WIDTH 4
#define DP_ROWS 4
#define DP_ROWS_OF_ONE 6
#define DP_COLUMN_ROWS 2
#define DP_VECTORS 2
#define DP_BYTE_ROWS 2
#define DP_BYTE_PANELS 1
#include "int8_rounding.h"
#include "int8_halves.h"
#include "int8_bytes_pairs.h"
#include "int8_bytes.h"

const dp_int8_kernels dp_int8_baseline = {.halves = 1, DP_INT8_KERNELS(DP_INT8_ENTRY) DP_BYTES_KERNELS(DP_BYTES_ENTRY)};
