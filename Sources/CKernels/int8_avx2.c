#if defined(__x86_64__)
#include <immintrin.h>

#include "int8_kernels.h"

#define DP_TARGET __attribute__((target(DP_AVX2_FEATURES)))

typedef int32_t dp_wide __attribute__((vector_size(32), aligned(4)));
typedef dp_wide dp_sums;
#define dp_begun(sums) (sums)
#define dp_folded(sums) (sums)

DP_STATIC dp_sums dp_multiply_pairs(dp_sums sums, dp_wide a, dp_wide b) {
    return sums + (dp_wide)_mm256_madd_epi16((__m256i)a, (__m256i)b);
}

// With 16 registers.
#define DP_WIDTH 8
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

const dp_int8_kernels dp_int8_avx2 = {.halves = 1, DP_INT8_KERNELS(DP_INT8_ENTRY) DP_BYTES_KERNELS(DP_BYTES_ENTRY)};

#endif
