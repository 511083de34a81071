#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include "digits.h"

#include "instruction_set.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#if defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

// The few roundings there are must be the same on every CPU.
#pragma STDC FP_CONTRACT OFF
// Functions that take vectors are inlined wherever they are called.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float dp_floats __attribute__((vector_size(64), aligned(4)));
typedef int32_t dp_ints __attribute__((vector_size(64), aligned(4)));
typedef int32_t dp_eight_ints __attribute__((vector_size(32), aligned(4)));
typedef double dp_eight_doubles __attribute__((vector_size(64), aligned(8)));
typedef int8_t dp_sixteen_bytes __attribute__((vector_size(16), aligned(1)));

#define DP_TILE_ROWS 16
#define DP_TILE_BYTES 64

#define DP_INLINE static inline __attribute__((always_inline))

// The sum of q.
DP_INLINE float dp_total_of(const dp_digit_sums *sums) {
    return (float)(sums->of_digit[0] + 256 * (int64_t)sums->of_digit[1] + 65536 * (int64_t)sums->of_digit[2]);
}

// Plain loops, for comparison; what they compute is the same to the last bit.
#define DP_TARGET
DP_INLINE dp_ints dp_splat_bytes_portable(const uint8_t *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return four - (dp_ints){0};
}
DP_INLINE dp_ints dp_dot_portable(dp_ints sum, dp_ints bytes, dp_ints digits) {
    uint8_t a[64];
    int8_t b[64];
    memcpy(a, &bytes, 64);
    memcpy(b, &digits, 64);
    for (int i = 0; i < 16; i++)
        sum[i] += a[4 * i] * b[4 * i] + a[4 * i + 1] * b[4 * i + 1] + a[4 * i + 2] * b[4 * i + 2] +
                  a[4 * i + 3] * b[4 * i + 3];
    return sum;
}
#define DP_FN(name) name##_portable
#define DP_ROWS 2
#define DP_COLUMN_ROWS 1
#define dp_splat_bytes dp_splat_bytes_portable
#define dp_dot dp_dot_portable
#include "digits_packing.h"
#include "digits_template.h"
#undef DP_TARGET
#undef DP_FN
#undef DP_ROWS
#undef DP_COLUMN_ROWS
#undef dp_splat_bytes
#undef dp_dot

#if defined(__x86_64__)

// 24 sums in registers.
#define DP_TARGET __attribute__((target(DP_AVX512_FEATURES ",avx512vnni"), min_vector_width(512)))
DP_INLINE DP_TARGET dp_ints dp_splat_bytes_vnni(const uint8_t *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return (dp_ints)_mm512_set1_epi32(four);
}
DP_INLINE DP_TARGET dp_ints dp_dot_vnni(dp_ints sum, dp_ints bytes, dp_ints digits) {
    return (dp_ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)bytes, (__m512i)digits);
}
#define DP_FN(name) name##_vnni
#define DP_ROWS 8
#define DP_COLUMN_ROWS 4
#define dp_splat_bytes dp_splat_bytes_vnni
#define dp_dot dp_dot_vnni
#include "digits_packing.h"
#include "digits_template.h"
#undef DP_TARGET
#undef DP_FN
#undef DP_ROWS
#undef DP_COLUMN_ROWS
#undef dp_splat_bytes
#undef dp_dot

#if defined(__linux__)
#define DP_HAS_TILES 1

#define DP_TARGET \
    __attribute__((target(DP_AVX512_FEATURES ",avx512vnni,amx-tile,amx-int8"), min_vector_width(512)))
static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} dp_tiles = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
#define dp_tile_begin() _tile_loadconfig(&dp_tiles)
#define dp_tile_end() _tile_release()
#define dp_tile_zero(t) _tile_zero(t)
#define dp_tile_load(t, from, stride) _tile_loadd(t, from, stride)
#define dp_tile_store(t, to, stride) _tile_stored(t, to, stride)
#define dp_tile_dot_us(sum, a, b) _tile_dpbusd(sum, a, b)
#define dp_tile_dot_su(sum, a, b) _tile_dpbsud(sum, a, b)
#define DP_FN(name) name##_amx
#include "digits_amx.h"
#undef DP_TARGET
#undef DP_FN

// Whether the CPU has tiles of bytes, and the kernel lets this process use them.
static int dp_may_use_tiles(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (!(d >> 24 & 1) || !(d >> 25 & 1)) return 0;
    const long request_permission = 0x1023, tile_data = 18;
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

// Whether small products on tiles are those of plain loops, bit by bit: a kernel that nobody has watched on this CPU is not
// trusted without.
static int dp_tiles_are_right(void) {
    enum { m = 17, n = 20, k = 192, planes = 3, samples = 70, columns = 40 };
    uint8_t x[samples * k], pixels[128 * 48];
    float w[n * k], dy[samples * n], factors[columns], middles[columns], constant[n], y[2][m * n], g[2][n * columns];
    dp_digit_scale scales[n];
    int8_t packed[32 * k * 3], lanes[128 * 32 * 3], tiles[128 * 32 * 3];
    int32_t sums[n];
    dp_digit_sums sums_of_dy[n];
    uint32_t seed = 1;
#define DP_RANDOM() (seed = seed * 1664525u + 1013904223u, (int32_t)seed)
    for (size_t i = 0; i < sizeof x; i++) x[i] = (uint8_t)(DP_RANDOM() >> 24);
    for (size_t i = 0; i < n * k; i++) w[i] = (float)DP_RANDOM() * 0x1p-31f;
    for (size_t i = 0; i < samples * n; i++) dy[i] = (float)DP_RANDOM() * 0x1p-31f;
    for (size_t i = 0; i < columns; i++) factors[i] = middles[i] = (float)DP_RANDOM() * 0x1p-31f;
    for (size_t i = 0; i < n; i++) constant[i] = (float)DP_RANDOM() * 0x1p-31f;
    for (int digits = 2; digits <= 3; digits++) {
        for (size_t i = 0; i < n; i++) dp_digit_scale_for(1, digits, &scales[i]);
        dp_pack_digits_portable(n, k, 0, k, w, k, scales, digits, packed, sums);
        dp_multiply_digits_portable(m, n, k, planes, x, k, packed, scales, digits, factors, constant, y[0], n);
        dp_multiply_digits_amx(m, n, k, planes, x, k, packed, scales, digits, factors, constant, y[1], n);
        dp_pack_samples_portable(samples, n, dy, n, scales, digits, lanes, sums_of_dy);
        dp_order_samples_amx(samples, n, digits, lanes, tiles);
        dp_pack_bytes_portable(samples, columns, x, k, pixels);
        dp_multiply_samples_portable(n, columns, samples, lanes, sums_of_dy, scales, digits, pixels, factors, middles, g[0],
                                     columns);
        dp_multiply_samples_amx(n, columns, samples, tiles, sums_of_dy, scales, digits, pixels, factors, middles, g[1],
                                columns);
        if (memcmp(y[0], y[1], sizeof y[0]) != 0 || memcmp(g[0], g[1], sizeof g[0]) != 0) return 0;
    }
#undef DP_RANDOM
    return 1;
}

#endif
#endif

static dp_digit_unit dp_find_digit_unit(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (dp_best_instruction_set() == dp_avx512 && __builtin_cpu_supports("avx512vnni")) {
#if defined(DP_HAS_TILES)
        if (dp_may_use_tiles() && dp_tiles_are_right()) return dp_digits_amx;
#endif
        return dp_digits_vnni;
    }
#endif
    return dp_digits_portable;
}

dp_digit_unit dp_best_digit_unit(void) {
    // Several threads may look at once: they all find the same.
    static int best = -1;
    int unit = __atomic_load_n(&best, __ATOMIC_RELAXED);
    if (unit < 0) {
        unit = dp_find_digit_unit();
        __atomic_store_n(&best, unit, __ATOMIC_RELAXED);
    }
    return (dp_digit_unit)unit;
}

static int used = -1;

dp_digit_unit dp_used_digit_unit(void) {
    // Several threads may find it unset at once: they all store the same.
    int unit = __atomic_load_n(&used, __ATOMIC_RELAXED);
    if (unit < 0) {
        unit = dp_best_digit_unit();
        __atomic_store_n(&used, unit, __ATOMIC_RELAXED);
    }
    return (dp_digit_unit)unit;
}

void dp_use_digit_unit(dp_digit_unit unit) {
    const dp_digit_unit best = dp_best_digit_unit();
    __atomic_store_n(&used, unit < best ? unit : best, __ATOMIC_RELAXED);
}

#if defined(__x86_64__)
#define DP_CALL(name, ...)                                  \
    if (dp_used_digit_unit() == dp_digits_portable)         \
        name##_portable(__VA_ARGS__);                       \
    else                                                    \
        name##_vnni(__VA_ARGS__)
#else
#define DP_CALL(name, ...) name##_portable(__VA_ARGS__)
#endif

int dp_digit_scale_for(float largest, int digits, dp_digit_scale *scale) {
    *scale = (dp_digit_scale){{1, 1}, {1, 1}};
    if (!isfinite(largest)) return 0;
    if (largest == 0) return 1;
    // The largest q whose digits are all signed bytes is 127 (1 + 256 + 65536); a little below 2^23, or 2^15.
    int exponent;
    const float fraction = frexpf(largest, &exponent);
    exponent -= digits == 3 ? 23 : 15;
    if (fraction > 0.996f) exponent++;
    // Each half is a normal number, however small or large the whole is.
    const int half = exponent / 2, rest = exponent - half;
    *scale = (dp_digit_scale){{ldexpf(1, half), ldexpf(1, rest)}, {ldexpf(1, -half), ldexpf(1, -rest)}};
    return 1;
}

void dp_row_maxima(size_t rows, size_t columns, const float *x, size_t stride, float *largest) {
    DP_CALL(dp_row_maxima, rows, columns, x, stride, largest);
}

void dp_column_maxima(size_t rows, size_t columns, const float *x, size_t stride, float *largest) {
    DP_CALL(dp_column_maxima, rows, columns, x, stride, largest);
}

size_t dp_packed_digits(size_t n, size_t k, int digits) {
    return (n + DP_DIGIT_LANES - 1) / DP_DIGIT_LANES * DP_DIGIT_LANES * k * digits;
}

void dp_pack_digits(size_t n, size_t k, size_t first, size_t columns, const float *w, size_t stride,
                    const dp_digit_scale *scales, int digits, int8_t *packed, int32_t *sums) {
    DP_CALL(dp_pack_digits, n, k, first, columns, w, stride, scales, digits, packed, sums);
}

void dp_sum_slots(size_t slots, size_t n, const int32_t *sums, double factor, double *totals) {
    DP_CALL(dp_sum_slots, slots, n, sums, factor, totals);
}

void dp_multiply_digits(size_t m, size_t n, size_t k, size_t planes, const uint8_t *x, size_t x_stride,
                        const int8_t *packed, const dp_digit_scale *scales, int digits, const float *factors,
                        const float *constant, float *y, size_t y_stride) {
#if defined(DP_HAS_TILES)
    // Where a plane is not made of whole tiles the other unit takes it.
    if (dp_used_digit_unit() == dp_digits_amx && k % (planes * DP_TILE_BYTES) == 0) {
        dp_multiply_digits_amx(m, n, k, planes, x, x_stride, packed, scales, digits, factors, constant, y, y_stride);
        return;
    }
#endif
    DP_CALL(dp_multiply_digits, m, n, k, planes, x, x_stride, packed, scales, digits, factors, constant, y, y_stride);
}

void dp_pack_samples(size_t samples, size_t n, const float *dy, size_t stride, const dp_digit_scale *scales, int digits,
                     int8_t *packed, dp_digit_sums *sums) {
    // The second half is for the order of tiles.
    DP_CALL(dp_pack_samples, samples, n, dy, stride, scales, digits, packed, sums);
#if defined(DP_HAS_TILES)
    if (dp_used_digit_unit() == dp_digits_amx)
        dp_order_samples_amx(samples, n, digits, packed, packed + dp_packed_samples(samples, n, digits) / 2);
#endif
}

void dp_pack_bytes(size_t samples, size_t columns, const uint8_t *x, size_t stride, uint8_t *packed) {
    DP_CALL(dp_pack_bytes, samples, columns, x, stride, packed);
}

void dp_multiply_samples(size_t n, size_t columns, size_t samples, const int8_t *dy, const dp_digit_sums *sums,
                         const dp_digit_scale *scales, int digits, const uint8_t *x, const float *factors,
                         const float *middles, float *g, size_t g_stride) {
#if defined(DP_HAS_TILES)
    if (dp_used_digit_unit() == dp_digits_amx) {
        dp_multiply_samples_amx(n, columns, samples, dy + dp_packed_samples(samples, n, digits) / 2, sums, scales, digits,
                                x, factors, middles, g, g_stride);
        return;
    }
#endif
    DP_CALL(dp_multiply_samples, n, columns, samples, dy, sums, scales, digits, x, factors, middles, g, g_stride);
}
