// Matrix products of two factors of one byte a number, exact in integers. The left factor's rows, and the right factor's
// columns over each block of the sum, have scales of their own, which follow from the numbers alone:
//
//   c[r][j] = scale[r] * sum over blocks of column_scale[block][j] * sum of (a[r][k] - zero[r]) b[k][j]
//             + row_term[r] * column_term[j]
//
// a is a byte from 0, and zero[r] the byte that stands for 0; b is a signed byte. Scale and zero of a row are its mark.
// Sums of integers are exact, and what follows them has one order: so all CPUs compute the same bits.
//
// The right factor is packed, [panel of 16 columns][k / 4][column][4], k filled up with zeros to a multiple of 4, and behind
// each panel the sums of its columns over each block, [block][16]. A number that is infinite or NaN makes its row or
// column NaN.
#ifndef DP_TRAIN_BYTES_H
#define DP_TRAIN_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "instruction_set.h"
#include "int8.h"

// Rows of the left factor are filled up to a multiple of this.
#define DP_BYTES_ROW_UNIT 64

static inline size_t dp_bytes_blocks(size_t k, size_t block) { return (k + block - 1) / block; }
// The bytes of a panel. A block is a multiple of DP_INT8_BYTES, or all of k.
static inline size_t dp_bytes_panel(size_t k, size_t block) {
    return (k + DP_INT8_BYTES - 1) / DP_INT8_BYTES * DP_INT8_BYTES * DP_INT8_LANES + dp_bytes_blocks(k, block) * 64;
}
// Columns, or rows, filled up to whole panels.
static inline size_t dp_bytes_lanes(size_t n) { return (n + DP_INT8_LANES - 1) / DP_INT8_LANES * DP_INT8_LANES; }

// What the bytes of a row stand for; zero is a whole number.
typedef struct {
    float scale, zero;
} dp_byte_mark;

// The kernels, as in int8.h: dp_bytes_name(set, parameters). Marks stand `mark_stride` marks apart, which may be 0 if all
// rows have the same.
#define DP_BYTES_KERNELS(KERNEL)                                                                                           \
    /* The rows of X [rows, columns] as bytes, each with the scale (largest - smallest) / 254, where 0 is one of the       \
       numbers. Behind the last column zeros up to DP_BYTES_ROW_UNIT. */                                                   \
    KERNEL(quantize_rows,                                                                                                  \
           (size_t rows, size_t columns, const float *x, size_t stride, uint8_t *bytes, size_t byte_stride,                \
            dp_byte_mark *marks, size_t mark_stride),                                                                      \
           (rows, columns, x, stride, bytes, byte_stride, marks, mark_stride))                                             \
    /* The columns first ..< first + columns, from a multiple of 16, of diag(scales of factors) X [rows, ...] as rows of   \
       bytes around 128, each with the scale max |x| / 127, and terms = scale times the sum of (byte - 128) (128 - zero of \
       the row's factor). Column c goes to row c of bytes, its mark and term to place c. */                                \
    KERNEL(quantize_columns,                                                                                               \
           (size_t rows, size_t first, size_t columns, const float *x, size_t stride, const dp_byte_mark *factors,         \
            size_t factor_stride, uint8_t *bytes, size_t byte_stride, dp_byte_mark *marks, float *terms),                  \
           (rows, first, columns, x, stride, factors, factor_stride, bytes, byte_stride, marks, terms))                    \
    /* Packs the block of columns from `first` on, at most `block` of them, of W [n, k] as the right factor W^T, with the  \
       scale max |w| / 127 of a row over the block in scales [block][n in whole panels]. */                                \
    KERNEL(pack_rows,                                                                                                      \
           (size_t n, size_t k, size_t block, size_t first, size_t columns, const float *w, size_t stride, int8_t *packed, \
            float *scales),                                                                                                \
           (n, k, block, first, columns, w, stride, packed, scales))                                                       \
    /* Packs the columns first ..< first + columns, from a multiple of 16, of W [k, n] as the right factor W, with the     \
       scale max |w| / 127 of a column over each block of rows in scales [block][n in whole panels]. */                    \
    KERNEL(pack_columns,                                                                                                   \
           (size_t k, size_t n, size_t block, size_t first, size_t columns, const float *w, size_t stride, int8_t *packed, \
            float *scales),                                                                                                \
           (k, n, block, first, columns, w, stride, packed, scales))                                                       \
    /* Packs columns of bytes X [rows, columns], less 128, as a right factor of one block. */                              \
    KERNEL(pack_bytes, (size_t rows, size_t columns, const uint8_t *x, size_t stride, int8_t *packed),                     \
           (rows, columns, x, stride, packed))                                                                             \
    /* C [m, n], see above; column_scales are [block][n in whole panels]. NULL for row_terms is 1. */                      \
    KERNEL(multiply,                                                                                                       \
           (size_t m, size_t n, size_t k, size_t block, const uint8_t *a, size_t a_stride, const dp_byte_mark *marks,      \
            size_t mark_stride, const float *row_terms, const int8_t *packed, const float *column_scales,                  \
            const float *column_terms, float *c, size_t c_stride),                                                         \
           (m, n, k, block, a, a_stride, marks, mark_stride, row_terms, packed, column_scales, column_terms, c, c_stride))

#define DP_BYTES_DECLARE(name, parameters, arguments) \
    void dp_bytes_##name(dp_instruction_set set, DP_INT8_PARAMETERS parameters);
DP_BYTES_KERNELS(DP_BYTES_DECLARE)

#endif
