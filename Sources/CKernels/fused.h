// Multiply-adds that are rounded once, a b + c: all of them are written as such, so that no compiler decides which ones are
// fused and no CPU rounds another way. An x86 CPU before AVX2 has no instruction for them: the baseline, which defines
// DP_BASELINE, computes the same bits there by other means, many times slower.
#ifndef DP_TRAIN_FUSED_H
#define DP_TRAIN_FUSED_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF
// Functions that take vectors are inlined wherever they are called.
#pragma clang diagnostic ignored "-Wpsabi"

#define DP_INLINE static inline __attribute__((always_inline))

#include "targets.h"

#if !defined(DP_BASELINE) || !defined(DP_SOFTWARE_FMA)

DP_INLINE float dp_fmaf(float a, float b, float c) { return __builtin_elementwise_fma(a, b, c); }
DP_INLINE double dp_fma(double a, double b, double c) { return __builtin_elementwise_fma(a, b, c); }
// The same for vectors, as functions of the target of the kernels.
#define DP_FMA_VECTOR_F32(name, vector) \
    DP_INLINE DP_TARGET vector name(vector a, vector b, vector c) { return __builtin_elementwise_fma(a, b, c); }
#define DP_FMA_VECTOR_F64 DP_FMA_VECTOR_F32

#else

// A product of two Floats is exact in a double. The sum with c is rounded to a double so that its last bit is odd wherever
// it is not exact; then rounding it to a Float once more is as good as rounding the exact sum.
//
// Source: Boldo, Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", IEEE
// Transactions on Computers 57 (2008).
#define DP_FUSED_SUM(product, c, doubles, words, result)                                                    \
    const doubles sum = product + c, part = sum - product;                                                  \
    const doubles error = (product - (sum - part)) + (c - part);                                            \
    words bits, error_bits;                                                                                 \
    memcpy(&bits, &sum, sizeof bits);                                                                       \
    memcpy(&error_bits, &error, sizeof bits);                                                               \
    /* Not so for NaN, the error of an infinite sum. */                                                     \
    const words inexact = (words)((error < 0) | (error > 0)) & 1;                                           \
    const words is_beyond = ((bits ^ error_bits) >> 63) & inexact;                                          \
    bits = (bits - is_beyond) | inexact;                                                                    \
    doubles result;                                                                                         \
    memcpy(&result, &bits, sizeof bits);

DP_INLINE float dp_fmaf(float a, float b, float c) {
    const double product = (double)a * b, wide = c;
    DP_FUSED_SUM(product, wide, double, uint64_t, odd)
    return (float)odd;
}

DP_INLINE double dp_fma(double a, double b, double c) { return fma(a, b, c); }

typedef float dp_four __attribute__((vector_size(16)));
typedef double dp_four_wide __attribute__((vector_size(32)));
typedef uint64_t dp_four_words __attribute__((vector_size(32)));

#define DP_FMA_VECTOR_F32(name, vector)                                                                      \
    DP_INLINE DP_TARGET vector name(vector a, vector b, vector c) {                                                    \
        vector result;                                                                                       \
        _Pragma("clang loop unroll(full)")                                                                   \
        for (size_t i = 0; i < sizeof(vector); i += sizeof(dp_four)) {                                       \
            dp_four x, y, z;                                                                                 \
            memcpy(&x, (const char *)&a + i, sizeof x);                                                      \
            memcpy(&y, (const char *)&b + i, sizeof y);                                                      \
            memcpy(&z, (const char *)&c + i, sizeof z);                                                      \
            const dp_four_wide product =                                                                     \
                __builtin_convertvector(x, dp_four_wide) * __builtin_convertvector(y, dp_four_wide);         \
            const dp_four_wide wide = __builtin_convertvector(z, dp_four_wide);                              \
            DP_FUSED_SUM(product, wide, dp_four_wide, dp_four_words, odd)                                    \
            x = __builtin_convertvector(odd, dp_four);                                                       \
            memcpy((char *)&result + i, &x, sizeof x);                                                       \
        }                                                                                                    \
        return result;                                                                                       \
    }
#define DP_FMA_VECTOR_F64(name, vector)                                                                      \
    DP_INLINE DP_TARGET vector name(vector a, vector b, vector c) {                                                    \
        for (size_t i = 0; i < sizeof(vector) / sizeof(double); i++) c[i] = fma(a[i], b[i], c[i]);           \
        return c;                                                                                            \
    }

#endif

#endif
