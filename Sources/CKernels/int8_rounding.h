// What products with bytes have in common, whatever they multiply: the largest magnitudes, rounding to whole multiples of a
// scale, and the few roundings of a result. A file for an instruction set includes this after defining DP_TARGET.

DP_TARGET static void dp_row_maxima(size_t rows, size_t columns, const float *x, size_t stride, float *largest) {
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * stride;
        dp_ints most = {0};
        size_t c = 0;
        // Of floats without sign the order is that of their bits, NaN above all.
        for (; c + 16 <= columns; c += 16) {
            const dp_ints bits = *(const dp_ints *)(row + c) & 0x7fffffff;
            most = __builtin_elementwise_max(most, bits);
        }
        int32_t best = 0;
        for (int i = 0; i < 16; i++) best = most[i] > best ? most[i] : best;
        for (; c < columns; c++) {
            int32_t bits;
            memcpy(&bits, row + c, sizeof bits);
            bits &= 0x7fffffff;
            best = bits > best ? bits : best;
        }
        memcpy(largest + r, &best, sizeof best);
    }
}

DP_TARGET static void dp_column_maxima(size_t rows, size_t columns, const float *x, size_t stride,
                                       float *largest) {
    size_t c = 0;
    for (; c + 16 <= columns; c += 16) {
        dp_ints most = {0};
        for (size_t r = 0; r < rows; r++) {
            const dp_ints bits = *(const dp_ints *)(x + r * stride + c) & 0x7fffffff;
            most = __builtin_elementwise_max(most, bits);
        }
        memcpy(largest + c, &most, sizeof most);
    }
    for (; c < columns; c++) {
        int32_t best = 0;
        for (size_t r = 0; r < rows; r++) {
            int32_t bits;
            memcpy(&bits, x + r * stride + c, sizeof bits);
            bits &= 0x7fffffff;
            best = bits > best ? bits : best;
        }
        memcpy(largest + c, &best, sizeof best);
    }
}

// Up to 16 numbers, zeros behind them.
DP_STATIC dp_floats dp_load(const float *from, size_t count) {
    dp_floats x = {0};
    if (count == 16)
        x = *(const dp_floats *)from;
    else
        memcpy(&x, from, count * sizeof(float));
    return x;
}

// q of 16 numbers. Numbers that are too large or NaN give some q: the caller does not use it.
DP_STATIC dp_ints dp_round(dp_floats x, dp_floats inverse0, dp_floats inverse1) {
#if defined(DP_SSE2_ONLY)
    // Before SSE 4.1 there is no rounding but that to an integer.
    const dp_floats scaled = x * inverse0 * inverse1;
    dp_ints q;
    for (int i = 0; i < 16; i += 4) {
        const __m128i four = _mm_cvtps_epi32(_mm_loadu_ps((const float *)&scaled + i));
        memcpy((int32_t *)&q + i, &four, sizeof four);
    }
    return q;
#else
    return __builtin_convertvector(__builtin_elementwise_roundeven(x * inverse0 * inverse1), dp_ints);
#endif
}

// The slices of 16 q, lowest first.
DP_STATIC void dp_split(dp_ints q, const int slices, dp_sixteen_bytes *slice) {
    DP_UNROLL for (int d = 0; d < slices; d++) {
        slice[d] = __builtin_convertvector(q, dp_sixteen_bytes);
        q = (q + 128) >> 8;
    }
}

DP_TARGET static void dp_sum_slots(size_t slots, size_t n, const int32_t *sums, double factor, double *totals) {
    for (size_t c = 0; c < n; c += 8) {
        const size_t count = n - c < 8 ? n - c : 8;
        dp_eight_doubles sum = {0};
        for (size_t i = 0; i < slots; i++) {
            dp_eight_ints x = {0};
            if (count == 8)
                x = *(const dp_eight_ints *)(sums + i * n + c);
            else
                memcpy(&x, sums + i * n + c, count * sizeof(int32_t));
            sum += __builtin_convertvector(x, dp_eight_doubles);
        }
        for (size_t i = 0; i < count; i++) totals[c + i] += factor * sum[i];
    }
}

// The largest magnitudes of sums of products of bytes and slices, over so many columns of W, or samples.
DP_STATIC size_t dp_largest_product(size_t columns) { return 255 * 128 * columns; }
DP_STATIC size_t dp_largest_centred(size_t samples) { return 128 * 128 * samples; }

// 256 high + low, rounded once. `largest` bounds both in magnitude.
DP_STATIC dp_floats dp_join_two(dp_ints high, dp_ints low, const size_t largest) {
    // Up to 2^24 each of them is a Float, and so is 256 times it.
    if (largest <= 1 << 24)
        return __builtin_convertvector(high, dp_floats) * 256.0f + __builtin_convertvector(low, dp_floats);
    const dp_doubles exact =
        __builtin_convertvector(high, dp_doubles) * 256.0 + __builtin_convertvector(low, dp_doubles);
    return __builtin_convertvector(exact, dp_floats);
}

// The sums of a product's slices as one number: the two upper ones are joined exactly and rounded, then the lowest is
// added. So the sums of bytes and of halves (int8_halves.h) come to the same bits.
DP_STATIC dp_floats dp_join(const dp_ints *sums, const int slices, const size_t largest) {
    const dp_floats upper = dp_join_two(sums[slices - 1], sums[slices - 2], largest);
    return slices == 2 ? upper : upper * 256.0f + __builtin_convertvector(sums[0], dp_floats);
}

#define DP_PAIR(a, b, first)                                                                                   \
    __builtin_shufflevector(a, b, first, first + 16, first + 1, first + 17, first + 2, first + 18, first + 3,  \
                            first + 19, first + 4, first + 20, first + 5, first + 21, first + 6, first + 22,   \
                            first + 7, first + 23)
#define DP_PAIR_OF_PAIRS(a, b, first)                                                                          \
    __builtin_shufflevector(a, b, first, first + 1, first + 16, first + 17, first + 2, first + 3, first + 18,  \
                            first + 19, first + 4, first + 5, first + 20, first + 21, first + 6, first + 7,    \
                            first + 22, first + 23)

// Four rows of 16 bytes become 16 lanes of four bytes.
DP_STATIC void dp_interleave(const dp_sixteen_bytes *rows, void *lanes) {
    const dp_sixteen_bytes low01 = DP_PAIR(rows[0], rows[1], 0), high01 = DP_PAIR(rows[0], rows[1], 8);
    const dp_sixteen_bytes low23 = DP_PAIR(rows[2], rows[3], 0), high23 = DP_PAIR(rows[2], rows[3], 8);
    const dp_sixteen_bytes out[4] = {DP_PAIR_OF_PAIRS(low01, low23, 0), DP_PAIR_OF_PAIRS(low01, low23, 8),
                                     DP_PAIR_OF_PAIRS(high01, high23, 0), DP_PAIR_OF_PAIRS(high01, high23, 8)};
    memcpy(lanes, out, sizeof out);
}

#undef DP_PAIR
#undef DP_PAIR_OF_PAIRS
