// Products of bytes and slices by plain loops.
#ifndef DP_TRAIN_INT8_DOT_PLAIN_H
#define DP_TRAIN_INT8_DOT_PLAIN_H

#include "int8_kernels.h"

#define DP_TARGET
#define DP_ROWS 2
#define DP_COLUMN_ROWS 1
#define DP_BYTE_ROWS 2
#define DP_BYTE_PANELS 2

DP_STATIC dp_ints dp_splat_bytes(const uint8_t *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return four - (dp_ints){0};
}

DP_STATIC dp_ints dp_dot(dp_ints sum, dp_ints bytes, dp_ints slices) {
    uint8_t a[64];
    int8_t b[64];
    memcpy(a, &bytes, 64);
    memcpy(b, &slices, 64);
    for (int i = 0; i < 16; i++)
        sum[i] += a[4 * i] * b[4 * i] + a[4 * i + 1] * b[4 * i + 1] + a[4 * i + 2] * b[4 * i + 2] +
                  a[4 * i + 3] * b[4 * i + 3];
    return sum;
}

// The factors of products of one byte (int8_bytes.h) as they stand.
typedef dp_ints dp_byte_left, dp_byte_right;
#define dp_left_of(bytes) dp_splat_bytes(bytes)
#define dp_right_of(bytes) (*(const dp_ints *)(bytes))
#define dp_byte_dot dp_dot
#define DP_LEFT_ZERO 0

#endif
