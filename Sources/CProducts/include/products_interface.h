// Included by CProducts.h once per element type REAL. No include guard on purpose.

// Elements of memory that a product works in.
size_t DP_NAME(dp_product_scratch)(void);

// C [m, n] = A B with A [m, k], `left_stride` elements from row to row, and B packed.
void DP_NAME(dp_multiply_rows)(size_t m, size_t n, size_t k, const REAL *left, size_t left_stride, const REAL *right,
                               REAL *c, size_t c_stride, REAL *scratch);
// The same with A made of pixels.
void DP_NAME(dp_multiply_pixels)(size_t m, size_t n, size_t k, dp_pixels left, const REAL *scale, const REAL *shift,
                                 const REAL *right, REAL *c, size_t c_stride, REAL *scratch);
// C [m, n] = A^T B with A [k, m], `left_stride` elements from row to row, and B packed.
void DP_NAME(dp_multiply_columns)(size_t m, size_t n, size_t k, const REAL *left, size_t left_stride, const REAL *right,
                                  REAL *c, size_t c_stride, REAL *scratch);

// Packs B [k, n], `stride` elements from row to row.
void DP_NAME(dp_pack_rows)(size_t k, size_t n, const REAL *b, size_t stride, REAL *packed);
// Packs B [k, n] from its transpose [n, k], `stride` elements from row to row; `panel_stride` elements from panel to panel,
// so that some values of k can be packed by themselves.
void DP_NAME(dp_pack_columns)(size_t k, size_t n, const REAL *b, size_t stride, REAL *packed, size_t panel_stride);
// Packs columns `first` ..< first + n of k rows of pixels.
void DP_NAME(dp_pack_pixels)(size_t k, size_t first, size_t n, dp_pixels b, const REAL *scale, const REAL *shift,
                             REAL *packed);
