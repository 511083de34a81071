#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#include "int8_kernels.h"

#define DP_TARGET __attribute__((target(DP_AVX2_VNNI_FEATURES)))
// 12 sums in 16 registers of 32 bytes, two for each vector.
#define DP_ROWS 2
#define DP_COLUMN_ROWS 1
#define DP_BYTE_ROWS 3
#define DP_BYTE_PANELS 1

typedef int32_t dp_half_vector __attribute__((vector_size(32), aligned(4)));

DP_STATIC dp_ints dp_splat_bytes(const uint8_t *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return four - (dp_ints){0};
}

#define DP_LOW(x) ((__m256i)__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7))
#define DP_HIGH(x) ((__m256i)__builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15))

DP_STATIC dp_ints dp_dot(dp_ints sum, dp_ints bytes, dp_ints slices) {
    const dp_half_vector low = (dp_half_vector)_mm256_dpbusd_avx_epi32(DP_LOW(sum), DP_LOW(bytes), DP_LOW(slices));
    const dp_half_vector high = (dp_half_vector)_mm256_dpbusd_avx_epi32(DP_HIGH(sum), DP_HIGH(bytes), DP_HIGH(slices));
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

// The factors of products of one byte (int8_bytes.h) as they stand.
typedef dp_ints dp_byte_left, dp_byte_right;
#define dp_left_of(bytes) dp_splat_bytes(bytes)
#define dp_right_of(bytes) (*(const dp_ints *)(bytes))
#define dp_byte_dot dp_dot
#define DP_LEFT_ZERO 0

#include "int8_rounding.h"
#include "int8_slices.h"
#include "int8_bytes.h"

const dp_int8_kernels dp_int8_avx2_vnni = {DP_INT8_KERNELS(DP_INT8_ENTRY) DP_BYTES_KERNELS(DP_BYTES_ENTRY)};

int dp_may_use_avx2_vnni(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a >> 4 & 1)) return 0;
    // A kernel that nobody has watched on this CPU is not trusted without.
    return dp_int8_agree(&dp_int8_baseline, &dp_int8_avx2_vnni, 17, 20, 192, 3, 40, 2, 1) &&
           dp_int8_agree(&dp_int8_baseline, &dp_int8_avx2_vnni, 70, 20, 192, 3, 40, 3, 2);
}

#endif
