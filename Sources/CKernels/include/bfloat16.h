// Matrix products of bfloat16 numbers, summed in Float. A bfloat16 has the eight exponent bits of a Float and eight
// significant ones of 24; a product of two is exact in Float. So a product of matrices here is that of gemm.h, with the same
// order of sums, of factors that were rounded before: the same bits with fused multiply-adds of Floats, and with
// units for bfloat16 (vdpbf16ps), which do two multiply-adds in each lane, each rounded to the nearest.
//
// Such units take denormal numbers as 0 and make none, Float's multiply-adds do. Nothing comes near to them: numbers below
// DP_BFLOAT16_SMALLEST become 0, so that every product, and every sum of products, is 0 or at least 2^-126.
//
// Rows of numbers are filled up with zeros to a multiple of DP_BFLOAT16_ROW_UNIT. The right factor B [k, n] is packed into
// panels of DP_NR columns, [panel][k / 2][DP_NR]: two values of k in each entry, the first one in its upper half, as units
// begin with that. The last panel, and an odd k, are filled up with zeros.
#ifndef DP_TRAIN_BFLOAT16_H
#define DP_TRAIN_BFLOAT16_H

#include <stddef.h>
#include <stdint.h>

#include "instruction_set.h"
#include "int8.h"

#define DP_BFLOAT16_ROW_UNIT 32
#define DP_BFLOAT16_SMALLEST 0x1p-56f

typedef uint16_t dp_bfloat16;
// Two numbers; see above.
typedef uint32_t dp_bfloat16_pair;

// The pairs of k values.
static inline size_t dp_bfloat16_pairs(size_t k) { return (k + 1) / 2; }

// The kernels, as in int8.h: dp_bfloat16_name(set, parameters). Strides are elements from row to row.
#define DP_BFLOAT16_KERNELS(KERNEL)                                                                                        \
    /* The numbers of X [rows, columns] rounded to the nearest, ties to even, each row filled up. */                       \
    KERNEL(round, (size_t rows, size_t columns, const float *x, size_t x_stride, dp_bfloat16 *y, size_t y_stride),         \
           (rows, columns, x, x_stride, y, y_stride))                                                                      \
    /* C [m, n] = A B with A [m, k], plus bias [n] in each row unless that is NULL; scratch is DP_GEMM_SCRATCH Floats. */  \
    KERNEL(gemm_nn,                                                                                                        \
           (size_t m, size_t n, size_t k, const dp_bfloat16 *a, size_t a_stride, const dp_bfloat16_pair *b,                \
            const float *bias, float *c, size_t c_stride, float *scratch),                                                 \
           (m, n, k, a, a_stride, b, bias, c, c_stride, scratch))                                                          \
    /* C [m, n] = A^T B with A [k, m]. */                                                                                  \
    KERNEL(gemm_tn,                                                                                                        \
           (size_t m, size_t n, size_t k, const dp_bfloat16 *a, size_t a_stride, const dp_bfloat16_pair *b, float *c,      \
            size_t c_stride, float *scratch),                                                                              \
           (m, n, k, a, a_stride, b, c, c_stride, scratch))                                                                \
    /* Packs B [k, n], n columns from a multiple of DP_BFLOAT16_ROW_UNIT on. */                                            \
    KERNEL(pack_b, (size_t k, size_t n, const dp_bfloat16 *b, size_t stride, dp_bfloat16_pair *packed),                    \
           (k, n, b, stride, packed))                                                                                      \
    /* Rounds the columns first ..< first + columns, from a multiple of DP_NR, of W [n, k] and packs them both as rows of  \
       the right factor W^T [k, n] and as columns of the right factor W [n, k]. */                                         \
    KERNEL(pack_weights,                                                                                                   \
           (size_t n, size_t k, size_t first, size_t columns, const float *w, size_t stride, dp_bfloat16_pair *transposed, \
            dp_bfloat16_pair *packed),                                                                                     \
           (n, k, first, columns, w, stride, transposed, packed))                                                          \
    /* sums[c] = sum over r of x[r][c], rows added from first to last. */                                                  \
    KERNEL(column_sums, (size_t rows, size_t columns, const dp_bfloat16 *x, size_t stride, float *sums),                   \
           (rows, columns, x, stride, sums))

#define DP_BFLOAT16_DECLARE(name, parameters, arguments) \
    void dp_bfloat16_##name(dp_instruction_set set, DP_INT8_PARAMETERS parameters);
DP_BFLOAT16_KERNELS(DP_BFLOAT16_DECLARE)

#endif
