// Exponentials, logarithms, tanh and the normal distribution in single precision, by polynomials: the same bits everywhere.
#ifndef DP_TRAIN_POLYNOMIALS_H
#define DP_TRAIN_POLYNOMIALS_H

#include "fused.h"

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
    const float sum = dp_fmaf(x, 0x1.715476p0f, magic);
    const float n = sum - magic;
    // ln 2 in two parts; the first has few enough bits for n times it to be exact.
    const float r = dp_fmaf(-n, 0x1.7f7d1cp-20f, dp_fmaf(-n, 0x1.62e4p-1f, x));
    float q = 1.9875691500e-4f;
    q = dp_fmaf(q, r, 1.3981999507e-3f);
    q = dp_fmaf(q, r, 8.3334519073e-3f);
    q = dp_fmaf(q, r, 4.1665795894e-2f);
    q = dp_fmaf(q, r, 1.6666665459e-1f);
    q = dp_fmaf(q, r, 5.0000001201e-1f);
    *magic_sum = sum;
    return dp_fmaf(r * r, q, r);
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
    return copysignf(dp_fmaf(power, m, power - 1.0f), x);
}

DP_INLINE float dp_tanhf(float x) {
    const float m = dp_expm1_negativef(-2.0f * fabsf(x));
    return copysignf(-m / (m + 2.0f), x);
}

// log x of a number that is at least 1, in double precision but for the last rounding; what is not finite stays so.
//
// x = 2^n z with z from 1/sqrt(2) to sqrt(2), log z = 2 artanh(f) with f = (z - 1) / (z + 1), |f| < 0.172.
DP_INLINE float dp_logf(float x) {
    if (!(x < INFINITY)) return x;
    const int32_t bits = (int32_t)dp_float_to_bits(x), root = 0x3f3504f3;
    const int32_t n = (bits - root) >> 23;
    const double z = dp_bits_to_float((uint32_t)(bits - n * (1 << 23)));
    const double f = (z - 1) / (z + 1), s = f * f;
    double q = 1.0 / 15;
    q = q * s + 1.0 / 13;
    q = q * s + 1.0 / 11;
    q = q * s + 1.0 / 9;
    q = q * s + 1.0 / 7;
    q = q * s + 1.0 / 5;
    q = q * s + 1.0 / 3;
    return (float)(n * 0x1.62e42fefa39efp-1 + (2 * f + 2 * f * s * q));
}

// The normal distribution's function, the integral of e^(-t^2 / 2) / sqrt(2 pi) up to x: 1/2 erfc(-x / sqrt(2)).
//
// Source of the polynomials, for erf near 0 and log erfc elsewhere: N. Juffa, "Efficiently computable vectorized
// implementation of error function erff", Stack Overflow 35148198 (2016).
DP_INLINE float dp_normal_cdff(float x) {
    const float a = x * 0x1.6a09e6p-1f, t = fabsf(a), s = a * a;
    // Far from 0: log erfc(t) + t.
    float far = dp_fmaf(-1.72853470e-5f, t, 3.83197126e-4f);
    const float near_top = dp_fmaf(-3.88396438e-3f, t, 2.42546219e-2f);
    far = dp_fmaf(far, s, near_top);
    far = dp_fmaf(far, t, -1.06777877e-1f);
    far = dp_fmaf(far, t, -6.34846687e-1f);
    far = dp_fmaf(far, t, -1.28717512e-1f);
    const float half_erfc = 0.5f * dp_expf(dp_fmaf(far, t, -t));
    const float outside = x > 0 ? 1 - half_erfc : half_erfc;
    // Near 0: erf(a) / a - 1.
    float near = -5.96761703e-4f;
    near = dp_fmaf(near, s, 4.99119423e-3f);
    near = dp_fmaf(near, s, -2.67681349e-2f);
    near = dp_fmaf(near, s, 1.12819925e-1f);
    near = dp_fmaf(near, s, -3.76125336e-1f);
    near = dp_fmaf(near, s, 1.28379166e-1f);
    const float inside = dp_fmaf(0.5f, dp_fmaf(near, a, a), 0.5f);
    return t > 0.927734375f ? outside : inside;
}

#endif
