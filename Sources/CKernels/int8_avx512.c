#if defined(__x86_64__)
#include <immintrin.h>

#include "int8_kernels.h"

#define DP_TARGET __attribute__((target(DP_AVX512_FEATURES), min_vector_width(512)))

typedef int32_t dp_wide __attribute__((vector_size(64), aligned(4)));
typedef dp_wide dp_sums;
#define dp_begun(sums) (sums)
#define dp_folded(sums) (sums)

DP_STATIC dp_sums dp_multiply_pairs(dp_sums sums, dp_wide a, dp_wide b) {
    return sums + (dp_wide)_mm512_madd_epi16((__m512i)a, (__m512i)b);
}

// With 32 registers.
#define DP_WIDTH 16
#define DP_ROWS 8
#define DP_ROWS_OF_ONE 12
#define DP_COLUMN_ROWS 8
#define DP_VECTORS 1
#define DP_BYTE_ROWS 8
#define DP_BYTE_PANELS 1
#include "int8_rounding.h"
#include "int8_halves.h"
#include "int8_bytes_pairs.h"
#include "int8_bytes.h"

const dp_int8_kernels dp_int8_avx512 = {.halves = 1, DP_INT8_KERNELS(DP_INT8_ENTRY) DP_BYTES_KERNELS(DP_BYTES_ENTRY)};

#endif
