// Matrix products with a factor of bytes, exact in integers: each number of the other factor becomes a whole multiple of
// its row's scale, q = s0 + 256 s1 (+ 65536 s2), in slices s of one signed byte; products and sums of bytes are what
// current CPUs do fastest. The only error is the rounding to q. No order of sums and no instruction set changes a bit.
//
// Source of the slices: the Ozaki scheme, for integers as in Ootomo, Ozaki, Yokota, "DGEMM on integer matrix
// multiplication unit", International Journal of High Performance Computing Applications 38 (2024). Here one factor has
// one slice to begin with, so that all products are taken.
#ifndef DP_TRAIN_INT8_H
#define DP_TRAIN_INT8_H

#include <stddef.h>
#include <stdint.h>

#include "instruction_set.h"

// Numbers of W or dY in a vector, and bytes of k in a lane: n and the samples come in such groups.
#define DP_INT8_LANES 16
#define DP_INT8_BYTES 4
// Samples are filled up to a multiple of this with zeros.
#define DP_INT8_SAMPLES 64
// The byte that others are taken from in a weight gradient: around it, in the middle, few digits of the sums cancel.
#define DP_INT8_ZERO_POINT 128

// A power of two as two factors that are both normal numbers, and its inverse.
typedef struct {
    float scale[2];
    float inverse[2];
} dp_int8_scale;

// The sums of slices over the samples.
typedef struct {
    int32_t of_slice[3];
} dp_int8_sums;

// The scale of numbers up to `largest` in that many slices. False if `largest` is not finite.
int dp_int8_scale_for(float largest, int slices, dp_int8_scale *scale);

// Bytes that W [n, k] takes, as dY and X below. Each instruction set packs numbers its own way, so the one that has packed
// them multiplies them.
size_t dp_int8_weight_bytes(dp_instruction_set set, size_t n, size_t k, int slices);
// Samples filled up.
static inline size_t dp_int8_padded_samples(size_t samples) {
    return (samples + DP_INT8_SAMPLES - 1) / DP_INT8_SAMPLES * DP_INT8_SAMPLES;
}
// Bytes that dY [samples, n] takes: it stands there in two orders, the second one for tiles.
size_t dp_int8_gradient_bytes(size_t samples, size_t n, int slices);
// Bytes that columns of X [samples, columns] take at most.
size_t dp_int8_pixel_bytes(size_t samples, size_t columns);

// The kernels, each declared once: KERNEL(name, (parameters), (arguments)); dp_int8_name(set, parameters) is that of an
// instruction set that the CPU has.
#define DP_INT8_KERNELS(KERNEL)                                                                                            \
    /* largest[r] = max |x| of row r, NaN if there is one. */                                                              \
    KERNEL(row_maxima, (size_t rows, size_t columns, const float *x, size_t stride, float *largest),                       \
           (rows, columns, x, stride, largest))                                                                            \
    /* largest[c] = max |x| of column c, NaN if there is one. */                                                           \
    KERNEL(column_maxima, (size_t rows, size_t columns, const float *x, size_t stride, float *largest),                    \
           (rows, columns, x, stride, largest))                                                                            \
    /* Packs columns first ..< first + columns (multiples of DP_INT8_BYTES) of W [n, k], `stride` numbers from row to      \
       row, and stores the sums of q over these columns in sums [n]. */                                                    \
    KERNEL(pack_weights,                                                                                                   \
           (size_t n, size_t k, size_t first, size_t columns, const float *w, size_t stride, const dp_int8_scale *scales,  \
            int slices, int8_t *packed, int32_t *sums),                                                                    \
           (n, k, first, columns, w, stride, scales, slices, packed, sums))                                                \
    /* totals[n] += factor times the sum of sums [slots, n], exactly. */                                                   \
    KERNEL(sum_slots, (size_t slots, size_t n, const int32_t *sums, double factor, double *totals),                        \
           (slots, n, sums, factor, totals))                                                                               \
    /* Y [m, n] = X W^T, of bytes X [m, k] and packed W: y = offset[n] + sum over channels c of k / channels columns of    \
       factors[c] times scale[n] times the sum of x q. */                                                                  \
    KERNEL(gemm_nt,                                                                                                        \
           (size_t m, size_t n, size_t k, size_t channels, const uint8_t *x, size_t x_stride, const int8_t *packed,        \
            const dp_int8_scale *scales, int slices, const float *factors, const float *offset, float *y,                  \
            size_t y_stride),                                                                                              \
           (m, n, k, channels, x, x_stride, packed, scales, slices, factors, offset, y, y_stride))                         \
    /* Packs dY [samples, n], and stores the sums of the slices over the samples in sums [n]. */                           \
    KERNEL(pack_gradient,                                                                                                  \
           (size_t samples, size_t n, const float *dy, size_t stride, const dp_int8_scale *scales, int slices,             \
            int8_t *packed, dp_int8_sums *sums),                                                                           \
           (samples, n, dy, stride, scales, slices, packed, sums))                                                         \
    /* Packs columns of bytes X [samples, ...]. */                                                                         \
    KERNEL(pack_bytes, (size_t samples, size_t columns, const uint8_t *x, size_t stride, uint8_t *packed),                 \
           (samples, columns, x, stride, packed))                                                                          \
    /* G [n, columns] = dY^T X from both packed: g = scale[n] (factors[c] times the sum of q (x - zero point), plus        \
       zero_points[c] times the sum of q). zero_points[c] is the number that a byte at the zero point stands for. */       \
    KERNEL(gemm_tn,                                                                                                        \
           (size_t n, size_t columns, size_t samples, const int8_t *dy, const dp_int8_sums *sums,                          \
            const dp_int8_scale *scales, int slices, const uint8_t *x, const float *factors, const float *zero_points,     \
            float *g, size_t g_stride),                                                                                    \
           (n, columns, samples, dy, sums, scales, slices, x, factors, zero_points, g, g_stride))

#define DP_INT8_PARAMETERS(...) __VA_ARGS__
#define DP_INT8_DECLARE(name, parameters, arguments) \
    void dp_int8_##name(dp_instruction_set set, DP_INT8_PARAMETERS parameters);
DP_INT8_KERNELS(DP_INT8_DECLARE)

#endif
