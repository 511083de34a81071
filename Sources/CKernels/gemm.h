// Matrix products for one precision and one instruction set. kernels_both_precisions.h includes this for each, having
// defined DP_LANES, how many elements fit into 64 bytes; a file for the instruction set has chosen which sums fit into its
// registers:
//
//   DP_MR            the rows of C whose sums are in registers at once, 6 or 12
//   DP_MR_VECTORS    the vectors of 64 bytes in each such row, 1 or 2
//
// which is 12 rows of 2 with 32 registers of 64 bytes; 6 rows of 1 with 16 of 32 bytes, each in two registers, or with
// arm64's 32, each in four.
//
// Every entry of a product is a sum over k in one order, whatever the shape, its place in the matrix and the instruction
// set: fused multiply-adds along each run of DP_RUN values of k; the runs of a block of DP_KC one after another; then
// the blocks. Short runs are more accurate than one long chain and cost next to nothing.

#ifndef DP_RUN
#define DP_RUN 128
#define DP_UNROLL _Pragma("clang loop unroll(full)")
#define DP_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define DP_GEMM_INLINE static inline __attribute__((always_inline)) DP_GEMM_TARGET
#define DP_VECTOR DP_FN(vector)
#define DP_EIGHT DP_FN(eight)
#define DP_TILE_CASE(n) \
    case n: DP_FN(tile_row)(n, count, a, row_step, k_step, panel, c, c_stride, columns, is_first, ahead); break;
#endif

typedef REAL DP_VECTOR __attribute__((vector_size(64), aligned(sizeof(REAL))));
DP_FMA_VECTOR(DP_FN(fma_vector), DP_VECTOR)
typedef REAL DP_EIGHT __attribute__((vector_size(8 * sizeof(REAL)), aligned(sizeof(REAL))));

// C [rows, columns] from `count` values of k, `vectors` at a time; rows and vectors are constants. Entry (r, k) of the
// left factor is a[r * row_step + k * k_step].
DP_GEMM_INLINE void DP_FN(tile)(const size_t rows, const size_t vectors, size_t count, const REAL *a,
                                const size_t row_step, const size_t k_step, const REAL *panel, REAL *c, size_t c_stride,
                                size_t columns, int is_first, dp_lines_ahead ahead) {
    REAL earlier[DP_MR][DP_MR_VECTORS * DP_LANES];
    DP_VECTOR sum[DP_MR][DP_MR_VECTORS];
    dp_prefetch_result(c, rows, c_stride * sizeof(REAL), 64 * vectors);
    for (size_t start = 0;; start += DP_RUN) {
        const size_t run = count - start < DP_RUN ? count - start : DP_RUN;
        dp_prefetch(&ahead);
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (size_t v = 0; v < vectors; v++) sum[r][v] = (DP_VECTOR){0};
        }
        for (size_t k = 0; k < run; k++) {
            DP_VECTOR right[DP_MR_VECTORS];
            DP_UNROLL for (size_t v = 0; v < vectors; v++) right[v] = *(const DP_VECTOR *)(panel + v * DP_LANES);
            DP_UNROLL for (size_t r = 0; r < rows; r++) {
                const DP_VECTOR x = a[r * row_step] - (DP_VECTOR){0};
                DP_UNROLL for (size_t v = 0; v < vectors; v++) sum[r][v] = DP_FN(fma_vector)(x, right[v], sum[r][v]);
            }
            a += k_step;
            panel += DP_NR;
        }
        if (start > 0) {
            DP_UNROLL for (size_t r = 0; r < rows; r++) {
                DP_UNROLL for (size_t v = 0; v < vectors; v++)
                    sum[r][v] = *(DP_VECTOR *)&earlier[r][v * DP_LANES] + sum[r][v];
            }
        }
        if (start + run == count) break;
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (size_t v = 0; v < vectors; v++) *(DP_VECTOR *)&earlier[r][v * DP_LANES] = sum[r][v];
        }
    }
    if (columns == vectors * DP_LANES) {
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (size_t v = 0; v < vectors; v++) {
                DP_VECTOR *out = (DP_VECTOR *)(c + r * c_stride + v * DP_LANES);
                *out = is_first ? sum[r][v] : *out + sum[r][v];
            }
        }
        return;
    }
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        DP_UNROLL for (size_t v = 0; v < vectors; v++) *(DP_VECTOR *)&earlier[r][v * DP_LANES] = sum[r][v];
    }
    for (size_t r = 0; r < rows; r++) {
        REAL *out = c + r * c_stride;
        for (size_t i = 0; i < columns; i++) out[i] = is_first ? earlier[r][i] : out[i] + earlier[r][i];
    }
}

// The same for any number of columns up to a panel's.
DP_GEMM_INLINE void DP_FN(tile_row)(const size_t rows, size_t count, const REAL *a, const size_t row_step,
                                    const size_t k_step, const REAL *panel, REAL *c, size_t c_stride, size_t columns,
                                    int is_first, dp_lines_ahead ahead) {
    if (DP_MR_VECTORS * DP_LANES == DP_NR && columns > DP_NR / 2) {
        DP_FN(tile)(rows, DP_MR_VECTORS, count, a, row_step, k_step, panel, c, c_stride, columns, is_first, ahead);
        return;
    }
    for (size_t column = 0; column < columns; column += DP_LANES)
        DP_FN(tile)(rows, 1, count, a, row_step, k_step, panel + column, c + column, c_stride,
                    columns - column < DP_LANES ? columns - column : DP_LANES, is_first, ahead);
}

DP_GEMM_INLINE void DP_FN(tiles)(size_t rows, size_t count, const REAL *a, const size_t row_step, const size_t k_step,
                                 const REAL *panel, REAL *c, size_t c_stride, size_t columns, int is_first,
                                 dp_lines_ahead ahead) {
    const size_t piece = (count + DP_RUN - 1) / DP_RUN * ahead.lines * DP_CACHE_LINE;
    for (; rows >= DP_MR; rows -= DP_MR) {
        DP_FN(tile_row)(DP_MR, count, a, row_step, k_step, panel, c, c_stride, columns, is_first, ahead);
        a += DP_MR * row_step;
        c += DP_MR * c_stride;
        ahead.from += piece;
    }
    switch (rows) {
        DP_TILE_CASE(1) DP_TILE_CASE(2) DP_TILE_CASE(3) DP_TILE_CASE(4) DP_TILE_CASE(5)
#if DP_MR == 12
        DP_TILE_CASE(6) DP_TILE_CASE(7) DP_TILE_CASE(8) DP_TILE_CASE(9) DP_TILE_CASE(10) DP_TILE_CASE(11)
#endif
    default: break;
    }
}

// All panels of n columns, of whose k values of k `count` are taken.
DP_GEMM_INLINE void DP_FN(panels)(size_t rows, size_t count, size_t n, size_t k, const REAL *block, const size_t row_step,
                                  const size_t k_step, const REAL *b, REAL *c, size_t c_stride, int is_first) {
    const size_t pieces = (rows + DP_MR - 1) / DP_MR * ((count + DP_RUN - 1) / DP_RUN);
    for (size_t column = 0; column < n; column += DP_NR) {
        const size_t bytes = column + DP_NR < n ? count * DP_NR * sizeof(REAL) : 0;
        DP_FN(tiles)(rows, count, block, row_step, k_step, b + column * k, c + column, c_stride,
                     n - column < DP_NR ? n - column : DP_NR, is_first,
                     dp_lines_of(b + (column + DP_NR) * k, bytes, pieces));
    }
}

// Rows of A, DP_KC values of k long, that have been brought into one block of memory: rows a power of two apart
// would push one another out of the cache, and so the addresses within a tile are constants.
DP_GEMM_TARGET static __attribute__((noinline)) void DP_FN(block)(size_t rows, size_t count, size_t n, size_t k,
                                                                  const REAL *block, const REAL *b, REAL *c,
                                                                  size_t c_stride, int is_first) {
    DP_FN(panels)(rows, count, n, k, block, DP_KC, 1, b, c, c_stride, is_first);
}

DP_GEMM_TARGET static void DP_FN(gemm_nn)(size_t m, size_t n, size_t k, const REAL *a, size_t a_stride,
                                          const REAL *b, REAL *c, size_t c_stride, REAL *scratch) {
    for (size_t start = 0; start < k; start += DP_KC) {
        const size_t count = k - start < DP_KC ? k - start : DP_KC;
        for (size_t row = 0; row < m; row += DP_MC) {
            const size_t rows = m - row < DP_MC ? m - row : DP_MC;
            for (size_t r = 0; r < rows; r++)
                memcpy(scratch + r * DP_KC, a + (row + r) * a_stride + start, count * sizeof(REAL));
            DP_FN(block)(rows, count, n, k, scratch, b + start * DP_NR, c + row * c_stride, c_stride, start == 0);
        }
    }
}

// Pixels `first` to `end` of one row as numbers.
DP_GEMM_INLINE void DP_FN(convert)(dp_pixels pixels, size_t first, size_t end, const uint8_t *row, const REAL *scale,
                                   const REAL *shift, REAL *out) {
    while (first < end) {
        const size_t channel = first / pixels.channel_size, last = (channel + 1) * pixels.channel_size;
        const size_t count = (last < end ? last : end) - first;
        const REAL factor = scale[channel], offset = shift[channel];
        const uint8_t *from = row + first;
        _Pragma("clang loop vectorize(assume_safety)")
        for (size_t i = 0; i < count; i++) out[i] = FMA((REAL)from[i], factor, offset);
        out += count;
        first += count;
    }
}

DP_GEMM_TARGET static void DP_FN(gemm_pixels)(size_t m, size_t n, size_t k, dp_pixels a, const REAL *scale,
                                              const REAL *shift, const REAL *b, REAL *c, size_t c_stride,
                                              REAL *scratch) {
    for (size_t start = 0; start < k; start += DP_KC) {
        const size_t count = k - start < DP_KC ? k - start : DP_KC;
        for (size_t row = 0; row < m; row += DP_MC) {
            const size_t rows = m - row < DP_MC ? m - row : DP_MC;
            for (size_t r = 0; r < rows; r++)
                DP_FN(convert)(a, start, start + count, a.bytes + (row + r) * a.stride, scale, shift,
                               scratch + r * DP_KC);
            DP_FN(block)(rows, count, n, k, scratch, b + start * DP_NR, c + row * c_stride, c_stride, start == 0);
        }
    }
}

DP_GEMM_TARGET static void DP_FN(convert_pixels)(size_t rows, size_t columns, dp_pixels x, const REAL *scale,
                                                 const REAL *shift, REAL *y) {
    for (size_t r = 0; r < rows; r++)
        DP_FN(convert)(x, 0, columns, x.bytes + r * x.stride, scale, shift, y + r * columns);
}

// The same for the transpose of rows of A: entry (k, r) is block[k * DP_MC + r].
DP_GEMM_TARGET static __attribute__((noinline)) void DP_FN(transposed_block)(size_t rows, size_t count, size_t n, size_t k,
                                                                             const REAL *block, const REAL *b, REAL *c,
                                                                             size_t c_stride, int is_first) {
    DP_FN(panels)(rows, count, n, k, block, 1, DP_MC, b, c, c_stride, is_first);
}

DP_GEMM_TARGET static void DP_FN(gemm_tn)(size_t m, size_t n, size_t k, const REAL *a, size_t a_stride,
                                          const REAL *b, REAL *c, size_t c_stride, REAL *scratch) {
    for (size_t start = 0; start < k; start += DP_KC) {
        const size_t count = k - start < DP_KC ? k - start : DP_KC;
        for (size_t row = 0; row < m; row += DP_MC) {
            const size_t rows = m - row < DP_MC ? m - row : DP_MC;
            for (size_t i = 0; i < count; i++)
                memcpy(scratch + i * DP_MC, a + (start + i) * a_stride + row, rows * sizeof(REAL));
            DP_FN(transposed_block)(rows, count, n, k, scratch, b + start * DP_NR, c + row * c_stride, c_stride,
                                    start == 0);
        }
    }
}

DP_GEMM_TARGET static void DP_FN(pack_b)(size_t k, size_t n, const REAL *b, size_t stride, REAL *packed) {
    for (size_t column = 0; column < n; column += DP_NR) {
        const size_t columns = n - column < DP_NR ? n - column : DP_NR;
        for (size_t row = 0; row < k; row++, packed += DP_NR) {
            const REAL *from = b + row * stride + column;
            if (columns == DP_NR) {
                memcpy(packed, from, DP_NR * sizeof(REAL));
            } else {
                memcpy(packed, from, columns * sizeof(REAL));
                memset(packed + columns, 0, (DP_NR - columns) * sizeof(REAL));
            }
        }
    }
}

DP_GEMM_TARGET static void DP_FN(pack_b_pixels)(size_t k, size_t first, size_t n, dp_pixels b, const REAL *scale,
                                                const REAL *shift, REAL *packed) {
    for (size_t column = 0; column < n; column += DP_NR) {
        const size_t columns = n - column < DP_NR ? n - column : DP_NR;
        for (size_t row = 0; row < k; row++, packed += DP_NR) {
            DP_FN(convert)(b, first + column, first + column + columns, b.bytes + row * b.stride, scale, shift, packed);
            if (columns < DP_NR) memset(packed + columns, 0, (DP_NR - columns) * sizeof(REAL));
        }
    }
}

// to[j * to_stride + i] = from[i * from_stride + j] for i, j < 8.
DP_GEMM_INLINE void DP_FN(transpose_eight)(const REAL *from, size_t from_stride, REAL *to, size_t to_stride) {
    DP_EIGHT a[8], b[8];
    DP_UNROLL for (size_t i = 0; i < 8; i++) a[i] = *(const DP_EIGHT *)(from + i * from_stride);
    DP_UNROLL for (size_t i = 0; i < 4; i++) {
        b[2 * i] = DP_SHUFFLE(a[2 * i], a[2 * i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        b[2 * i + 1] = DP_SHUFFLE(a[2 * i], a[2 * i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    DP_UNROLL for (size_t i = 0; i < 8; i += 4) {
        DP_UNROLL for (size_t j = 0; j < 2; j++) {
            a[i + j] = DP_SHUFFLE(b[i + j], b[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            a[i + j + 2] = DP_SHUFFLE(b[i + j], b[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    }
    DP_UNROLL for (size_t i = 0; i < 4; i++) {
        *(DP_EIGHT *)(to + i * to_stride) = DP_SHUFFLE(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        *(DP_EIGHT *)(to + (i + 4) * to_stride) = DP_SHUFFLE(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

DP_GEMM_TARGET static void DP_FN(pack_b_transposed)(size_t k, size_t n, const REAL *b, size_t stride, REAL *packed,
                                                    size_t panel_stride) {
    for (size_t column = 0; column < n; column += DP_NR, packed += panel_stride) {
        const size_t columns = n - column < DP_NR ? n - column : DP_NR;
        for (size_t i = 0; i < DP_NR; i += 8) {
            const REAL *from = b + (column + i) * stride;
            size_t row = 0;
            if (i + 8 <= columns)
                for (; row + 8 <= k; row += 8)
                    DP_FN(transpose_eight)(from + row, stride, packed + row * DP_NR + i, DP_NR);
            for (; row < k; row++)
                for (size_t j = 0; j < 8; j++)
                    packed[row * DP_NR + i + j] = i + j < columns ? from[j * stride + row] : 0;
        }
    }
}
