#if defined(__aarch64__)
#include <arm_neon.h>

#include "int8_kernels.h"

#define DP_TARGET __attribute__((target(DP_DOT_FEATURES)))
// 24 sums in 32 registers of 16 bytes.
#define DP_ROWS 2
#define DP_COLUMN_ROWS 1
#define DP_BYTE_ROWS 3
#define DP_BYTE_PANELS 1
// Both factors of the instruction are signed, so pixels are taken less 128.
#define DP_SIGNED_PIXELS

DP_STATIC dp_ints dp_splat_bytes(const uint8_t *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return four - (dp_ints){0};
}

#define DP_QUARTER(x, i) \
    ((int8x16_t)__builtin_shufflevector(x, x, 4 * (i), 4 * (i) + 1, 4 * (i) + 2, 4 * (i) + 3))
#define DP_DOT_QUARTER(i) \
    vdotq_s32((int32x4_t)DP_QUARTER(sum, i), DP_QUARTER(bytes, i), DP_QUARTER(slices, i))

DP_STATIC dp_ints dp_dot(dp_ints sum, dp_ints bytes, dp_ints slices) {
    const int32x4_t quarters[4] = {DP_DOT_QUARTER(0), DP_DOT_QUARTER(1), DP_DOT_QUARTER(2), DP_DOT_QUARTER(3)};
    memcpy(&sum, quarters, sizeof sum);
    return sum;
}

// The factors of products of one byte (int8_bytes.h) as they stand.
typedef dp_ints dp_byte_left, dp_byte_right;
#define dp_left_of(bytes) (dp_splat_bytes(bytes) ^ (int32_t)0x80808080)
#define dp_right_of(bytes) (*(const dp_ints *)(bytes))
#define dp_byte_dot dp_dot
#define DP_LEFT_ZERO 128

#include "int8_rounding.h"
#include "int8_slices.h"
#include "int8_bytes.h"

const dp_int8_kernels dp_int8_neon_dot = {DP_INT8_KERNELS(DP_INT8_ENTRY) DP_BYTES_KERNELS(DP_BYTES_ENTRY)};

#endif
