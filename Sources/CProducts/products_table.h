// Included by products.c once per element type REAL: the kernels of one instruction set. No include guard on purpose.

typedef struct {
    void (*multiply_rows)(size_t m, size_t n, size_t k, const REAL *left, size_t left_stride, const REAL *right, REAL *c,
                          size_t c_stride, REAL *scratch);
    void (*multiply_pixels)(size_t m, size_t n, size_t k, dp_pixels left, const REAL *scale, const REAL *shift,
                            const REAL *right, REAL *c, size_t c_stride, REAL *scratch);
    void (*multiply_columns)(size_t m, size_t n, size_t k, const REAL *left, size_t left_stride, const REAL *right,
                             REAL *c, size_t c_stride, REAL *scratch);
    void (*pack_rows)(size_t k, size_t n, const REAL *b, size_t stride, REAL *packed);
    void (*pack_columns)(size_t k, size_t n, const REAL *b, size_t stride, REAL *packed, size_t panel_stride);
    void (*pack_pixels)(size_t k, size_t first, size_t n, dp_pixels b, const REAL *scale, const REAL *shift,
                        REAL *packed);
} DP_NAME(dp_products);
