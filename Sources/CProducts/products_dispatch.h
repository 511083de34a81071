// Included by products.c once per element type REAL: hands over to the kernels of the instruction set in use. No include
// guard on purpose.

#define DP_USED DP_TABLES[dp_used_instruction_set()]

size_t DP_NAME(dp_product_scratch)(void) { return DP_BLOCK * DP_CHUNK; }

void DP_NAME(dp_multiply_rows)(size_t m, size_t n, size_t k, const REAL *left, size_t left_stride, const REAL *right,
                               REAL *c, size_t c_stride, REAL *scratch) {
    DP_USED->multiply_rows(m, n, k, left, left_stride, right, c, c_stride, scratch);
}

void DP_NAME(dp_multiply_pixels)(size_t m, size_t n, size_t k, dp_pixels left, const REAL *scale, const REAL *shift,
                                 const REAL *right, REAL *c, size_t c_stride, REAL *scratch) {
    DP_USED->multiply_pixels(m, n, k, left, scale, shift, right, c, c_stride, scratch);
}

void DP_NAME(dp_multiply_columns)(size_t m, size_t n, size_t k, const REAL *left, size_t left_stride, const REAL *right,
                                  REAL *c, size_t c_stride, REAL *scratch) {
    DP_USED->multiply_columns(m, n, k, left, left_stride, right, c, c_stride, scratch);
}

void DP_NAME(dp_pack_rows)(size_t k, size_t n, const REAL *b, size_t stride, REAL *packed) {
    DP_USED->pack_rows(k, n, b, stride, packed);
}

void DP_NAME(dp_pack_columns)(size_t k, size_t n, const REAL *b, size_t stride, REAL *packed, size_t panel_stride) {
    DP_USED->pack_columns(k, n, b, stride, packed, panel_stride);
}

void DP_NAME(dp_pack_pixels)(size_t k, size_t first, size_t n, dp_pixels b, const REAL *scale, const REAL *shift,
                             REAL *packed) {
    DP_USED->pack_pixels(k, first, n, b, scale, shift, packed);
}

#undef DP_USED
