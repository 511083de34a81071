// The factors of products of bytes (int8_bytes.h) for CPUs that multiply no bytes: as numbers of 16 bits, those of the even
// and those of the odd bytes, whose products dp_multiply_pairs adds two by two. A file for an instruction set includes this
// having defined what int8_halves.h asks for.

typedef struct {
    dp_ints even, odd;
} dp_byte_left, dp_byte_right;
typedef int16_t dp_thirty_two_shorts __attribute__((vector_size(64), aligned(2)));

#define DP_LEFT_ZERO 0

DP_STATIC dp_byte_left dp_left_of(const uint8_t *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    const dp_ints all = four - (dp_ints){0};
    return (dp_byte_left){all & 0x00ff00ff, (all >> 8) & 0x00ff00ff};
}

DP_STATIC dp_byte_right dp_right_of(const int8_t *bytes) {
    const dp_thirty_two_shorts b = *(const dp_thirty_two_shorts *)bytes;
    return (dp_byte_right){(dp_ints)((b << 8) >> 8), (dp_ints)(b >> 8)};
}

DP_STATIC dp_ints dp_byte_dot(dp_ints sum, dp_byte_left left, dp_byte_right right) {
    dp_wide sums[DP_INT8_LANES / DP_WIDTH], a[2][DP_INT8_LANES / DP_WIDTH], b[2][DP_INT8_LANES / DP_WIDTH];
    memcpy(sums, &sum, sizeof sum);
    memcpy(a, &left, sizeof left);
    memcpy(b, &right, sizeof right);
    DP_UNROLL for (size_t i = 0; i < DP_INT8_LANES / DP_WIDTH; i++) {
        const dp_sums even = dp_multiply_pairs(dp_begun(sums[i]), a[0][i], b[0][i]);
        sums[i] = dp_folded(dp_multiply_pairs(even, a[1][i], b[1][i]));
    }
    memcpy(&sum, sums, sizeof sum);
    return sum;
}
