// Products of bytes by AVX-512's vpdpbusd. DP_TARGET is defined before.
#ifndef DP_TRAIN_INT8_DOT_VNNI_H
#define DP_TRAIN_INT8_DOT_VNNI_H

#include <immintrin.h>

#include "int8_kernels.h"

// 24 sums in registers.
#define DP_ROWS 8
#define DP_COLUMN_ROWS 4
// 16 sums: each four bytes of a row are used twice.
#define DP_BYTE_ROWS 8
#define DP_BYTE_PANELS 2

DP_STATIC dp_ints dp_splat_bytes(const uint8_t *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return (dp_ints)_mm512_set1_epi32(four);
}

DP_STATIC dp_ints dp_dot(dp_ints sum, dp_ints bytes, dp_ints slices) {
    return (dp_ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)bytes, (__m512i)slices);
}

// The factors of products of one byte (int8_bytes.h) as they stand.
typedef dp_ints dp_byte_left, dp_byte_right;
#define dp_left_of(bytes) dp_splat_bytes(bytes)
#define dp_right_of(bytes) (*(const dp_ints *)(bytes))
#define dp_byte_dot dp_dot
#define DP_LEFT_ZERO 0

#endif
