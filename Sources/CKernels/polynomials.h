// Exponentials, tanh and the normal distribution in single precision, by polynomials: the same bits wherever multiply-adds
// are fused.
#ifndef DP_TRAIN_POLYNOMIALS_H
#define DP_TRAIN_POLYNOMIALS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define DP_INLINE static inline __attribute__((always_inline))
#define DP_VECTORIZE _Pragma("clang loop vectorize(assume_safety)")

// Branch-free, so that loops over them become vector code. Everything rests on x = n ln 2 + r, |r| <= ln 2 / 2,
// and e^r - 1 = r + r^2 q(r) with a minimax polynomial q.

DP_INLINE float dp_bits_to_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

DP_INLINE uint32_t dp_float_to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// Returns e^r - 1 and stores n as the low bits of a float whose last place is 1.
DP_INLINE float dp_reduced_expm1f(float x, float *magic_sum) {
    const float magic = 0x1.8p23f;
    const float sum = x * 0x1.715476p0f + magic;
    const float n = sum - magic;
    // ln 2 in two parts; the first has few enough bits for n times it to be exact.
    const float r = (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;
    float q = 1.9875691500e-4f;
    q = q * r + 1.3981999507e-3f;
    q = q * r + 8.3334519073e-3f;
    q = q * r + 4.1665795894e-2f;
    q = q * r + 1.6666665459e-1f;
    q = q * r + 5.0000001201e-1f;
    *magic_sum = sum;
    return r + (r * r) * q;
}

// e^x. Overflows to infinity and underflows through the denormals to 0; NaN stays NaN.
DP_INLINE float dp_expf(float x) {
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    float sum;
    const float m = dp_reduced_expm1f(x, &sum);
    const int32_t n = (int32_t)dp_float_to_bits(sum) - 0x4b400000;
    // 2^n in two factors, as n runs from -150 to 128.
    const int32_t half = n >> 1;
    const float first = dp_bits_to_float((uint32_t)(half + 127) << 23);
    const float second = dp_bits_to_float((uint32_t)(n - half + 127) << 23);
    return ((m + 1.0f) * first) * second;
}

// e^x - 1 for x <= 0 (and NaN), without cancellation near 0; -0 stays -0.
DP_INLINE float dp_expm1_negativef(float x) {
    x = x < -80.0f ? -80.0f : x;
    float sum;
    const float m = dp_reduced_expm1f(x, &sum);
    const int32_t n = (int32_t)dp_float_to_bits(sum) - 0x4b400000;
    const float power = dp_bits_to_float((uint32_t)(n + 127) << 23);
    return copysignf(power * m + (power - 1.0f), x);
}

DP_INLINE float dp_tanhf(float x) {
    const float m = dp_expm1_negativef(-2.0f * fabsf(x));
    return copysignf(-m / (m + 2.0f), x);
}

// The normal distribution's function, the integral of e^(-t^2 / 2) / sqrt(2 pi) up to x: 1/2 erfc(-x / sqrt(2)).
//
// Source of the polynomials, for erf near 0 and log erfc elsewhere: N. Juffa, "Efficiently computable vectorized
// implementation of error function erff", Stack Overflow 35148198 (2016).
DP_INLINE float dp_normal_cdff(float x) {
    const float a = x * 0x1.6a09e6p-1f, t = fabsf(a), s = a * a;
    // Far from 0: log erfc(t) + t.
    float far = -1.72853470e-5f * t + 3.83197126e-4f;
    const float near_top = -3.88396438e-3f * t + 2.42546219e-2f;
    far = far * s + near_top;
    far = far * t - 1.06777877e-1f;
    far = far * t - 6.34846687e-1f;
    far = far * t - 1.28717512e-1f;
    const float half_erfc = 0.5f * dp_expf(far * t - t);
    const float outside = x > 0 ? 1 - half_erfc : half_erfc;
    // Near 0: erf(a) / a - 1.
    float near = -5.96761703e-4f;
    near = near * s + 4.99119423e-3f;
    near = near * s - 2.67681349e-2f;
    near = near * s + 1.12819925e-1f;
    near = near * s - 3.76125336e-1f;
    near = near * s + 1.28379166e-1f;
    const float inside = 0.5f + 0.5f * (near * a + a);
    return t > 0.927734375f ? outside : inside;
}

#endif
