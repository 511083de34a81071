// Matrix products for one element type and one instruction set. No include guard on purpose: products.c includes this
// once for each pair, after defining
//
//   REAL, DP_LANES   the element type, and how many fit into 64 bytes
//   DP_FN(name)      the name with a suffix for both
//   DP_TARGET        the attribute that lets a function use the instruction set
//   DP_TILE          the rows of C whose sums are in registers at once, 6 or 12
//   DP_VECTORS       the vectors of 64 bytes in each such row, 1 or 2
//
// Every entry of a product is a sum over k in one order, whatever the shape, its place in the matrix and the instruction
// set: fused multiply-adds along each run of DP_RUN values of k; the runs of a chunk of DP_CHUNK one after another; then
// the chunks. (Without fused multiply-adds, on x86 CPUs before AVX2, the order is the same but not the rounding.) Short
// runs are more accurate than one long chain and cost next to nothing.

#define DP_VECTOR DP_FN(dp_vector)
#define DP_EIGHT DP_FN(dp_eight)
#define DP_STATIC static inline __attribute__((always_inline)) DP_TARGET
#define DP_UNROLL _Pragma("clang loop unroll(full)")

typedef REAL DP_VECTOR __attribute__((vector_size(64), aligned(sizeof(REAL))));
typedef REAL DP_EIGHT __attribute__((vector_size(8 * sizeof(REAL)), aligned(sizeof(REAL))));

// C [rows, columns] from `count` values of k, `vectors` at a time; rows and vectors are constants. Entry (r, k) of the
// left factor is left[r * row_step + k * k_step].
DP_STATIC void DP_FN(dp_tile)(const size_t rows, const size_t vectors, size_t count, const REAL *left,
                              const size_t row_step, const size_t k_step, const REAL *panel, REAL *c, size_t c_stride,
                              size_t columns, int is_first) {
    REAL earlier[DP_TILE][DP_VECTORS * DP_LANES];
    DP_VECTOR sum[DP_TILE][DP_VECTORS];
    for (size_t start = 0;; start += DP_RUN) {
        const size_t run = count - start < DP_RUN ? count - start : DP_RUN;
        DP_UNROLL for (size_t r = 0; r < rows; r++) {
            DP_UNROLL for (size_t v = 0; v < vectors; v++) sum[r][v] = (DP_VECTOR){0};
        }
        for (size_t k = 0; k < run; k++) {
            DP_VECTOR right[DP_VECTORS];
            DP_UNROLL for (size_t v = 0; v < vectors; v++) right[v] = *(const DP_VECTOR *)(panel + v * DP_LANES);
            DP_UNROLL for (size_t r = 0; r < rows; r++) {
                const REAL x = left[r * row_step];
                DP_UNROLL for (size_t v = 0; v < vectors; v++) sum[r][v] += x * right[v];
            }
            left += k_step;
            panel += DP_PANEL;
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
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        DP_UNROLL for (size_t v = 0; v < vectors; v++) {
            const size_t column = v * DP_LANES;
            REAL *out = c + r * c_stride + column;
            if (column + DP_LANES <= columns) {
                *(DP_VECTOR *)out = is_first ? sum[r][v] : *(DP_VECTOR *)out + sum[r][v];
            } else {
                REAL *last = &earlier[r][column];
                *(DP_VECTOR *)last = sum[r][v];
                for (size_t i = 0; column + i < columns; i++) out[i] = is_first ? last[i] : out[i] + last[i];
            }
        }
    }
}

// The same for any number of columns up to a panel's.
DP_STATIC void DP_FN(dp_tile_row)(const size_t rows, size_t count, const REAL *left, const size_t row_step,
                                  const size_t k_step, const REAL *panel, REAL *c, size_t c_stride, size_t columns,
                                  int is_first) {
    if (DP_VECTORS * DP_LANES == DP_PANEL && columns > DP_PANEL / 2) {
        DP_FN(dp_tile)(rows, DP_VECTORS, count, left, row_step, k_step, panel, c, c_stride, columns, is_first);
        return;
    }
    for (size_t column = 0; column < columns; column += DP_LANES)
        DP_FN(dp_tile)(rows, 1, count, left, row_step, k_step, panel + column, c + column, c_stride,
                       columns - column < DP_LANES ? columns - column : DP_LANES, is_first);
}

#define DP_TILE_CASE(n) \
    case n: DP_FN(dp_tile_row)(n, count, left, row_step, k_step, panel, c, c_stride, columns, is_first); break;

DP_STATIC void DP_FN(dp_tiles)(size_t rows, size_t count, const REAL *left, const size_t row_step, const size_t k_step,
                               const REAL *panel, REAL *c, size_t c_stride, size_t columns, int is_first) {
    for (; rows >= DP_TILE; rows -= DP_TILE) {
        DP_FN(dp_tile_row)(DP_TILE, count, left, row_step, k_step, panel, c, c_stride, columns, is_first);
        left += DP_TILE * row_step;
        c += DP_TILE * c_stride;
    }
    switch (rows) {
        DP_TILE_CASE(1) DP_TILE_CASE(2) DP_TILE_CASE(3) DP_TILE_CASE(4) DP_TILE_CASE(5)
#if DP_TILE == 12
        DP_TILE_CASE(6) DP_TILE_CASE(7) DP_TILE_CASE(8) DP_TILE_CASE(9) DP_TILE_CASE(10) DP_TILE_CASE(11)
#endif
    default: break;
    }
}

// Rows of a left factor, a chunk of k long, that have been brought into one block of memory: rows a power of two apart
// would push one another out of the cache, and so the addresses within a tile are constants.
DP_TARGET static __attribute__((noinline)) void DP_FN(dp_block)(size_t rows, size_t count, size_t n, size_t k,
                                                                const REAL *block, const REAL *right, REAL *c,
                                                                size_t c_stride, int is_first) {
    for (size_t column = 0; column < n; column += DP_PANEL)
        DP_FN(dp_tiles)(rows, count, block, DP_CHUNK, 1, right + column * k, c + column, c_stride,
                        n - column < DP_PANEL ? n - column : DP_PANEL, is_first);
}

DP_TARGET static void DP_FN(dp_multiply_rows)(size_t m, size_t n, size_t k, const REAL *left, size_t left_stride,
                                              const REAL *right, REAL *c, size_t c_stride, REAL *scratch) {
    for (size_t start = 0; start < k; start += DP_CHUNK) {
        const size_t count = k - start < DP_CHUNK ? k - start : DP_CHUNK;
        for (size_t row = 0; row < m; row += DP_BLOCK) {
            const size_t rows = m - row < DP_BLOCK ? m - row : DP_BLOCK;
            for (size_t r = 0; r < rows; r++)
                memcpy(scratch + r * DP_CHUNK, left + (row + r) * left_stride + start, count * sizeof(REAL));
            DP_FN(dp_block)(rows, count, n, k, scratch, right + start * DP_PANEL, c + row * c_stride, c_stride, start == 0);
        }
    }
}

// Pixels `first` to `end` of one row as numbers.
DP_STATIC void DP_FN(dp_convert)(dp_pixels pixels, size_t first, size_t end, const uint8_t *row, const REAL *scale,
                                 const REAL *shift, REAL *out) {
    while (first < end) {
        const size_t plane = first / pixels.plane, last = (plane + 1) * pixels.plane;
        const size_t count = (last < end ? last : end) - first;
        const REAL factor = scale[plane], offset = shift[plane];
        const uint8_t *from = row + first;
        _Pragma("clang loop vectorize(assume_safety)")
        for (size_t i = 0; i < count; i++) out[i] = (REAL)from[i] * factor + offset;
        out += count;
        first += count;
    }
}

DP_TARGET static void DP_FN(dp_multiply_pixels)(size_t m, size_t n, size_t k, dp_pixels left, const REAL *scale,
                                                const REAL *shift, const REAL *right, REAL *c, size_t c_stride,
                                                REAL *scratch) {
    for (size_t start = 0; start < k; start += DP_CHUNK) {
        const size_t count = k - start < DP_CHUNK ? k - start : DP_CHUNK;
        for (size_t row = 0; row < m; row += DP_BLOCK) {
            const size_t rows = m - row < DP_BLOCK ? m - row : DP_BLOCK;
            for (size_t r = 0; r < rows; r++)
                DP_FN(dp_convert)(left, start, start + count, left.bytes + (row + r) * left.stride, scale, shift,
                                  scratch + r * DP_CHUNK);
            DP_FN(dp_block)(rows, count, n, k, scratch, right + start * DP_PANEL, c + row * c_stride, c_stride, start == 0);
        }
    }
}

// The same for the transpose of rows of a left factor: entry (k, r) is block[k * DP_BLOCK + r].
DP_TARGET static __attribute__((noinline)) void DP_FN(dp_transposed_block)(size_t rows, size_t count, size_t n, size_t k,
                                                                           const REAL *block, const REAL *right, REAL *c,
                                                                           size_t c_stride, int is_first) {
    for (size_t column = 0; column < n; column += DP_PANEL)
        DP_FN(dp_tiles)(rows, count, block, 1, DP_BLOCK, right + column * k, c + column, c_stride,
                        n - column < DP_PANEL ? n - column : DP_PANEL, is_first);
}

DP_TARGET static void DP_FN(dp_multiply_columns)(size_t m, size_t n, size_t k, const REAL *left, size_t left_stride,
                                                 const REAL *right, REAL *c, size_t c_stride, REAL *scratch) {
    for (size_t start = 0; start < k; start += DP_CHUNK) {
        const size_t count = k - start < DP_CHUNK ? k - start : DP_CHUNK;
        for (size_t row = 0; row < m; row += DP_BLOCK) {
            const size_t rows = m - row < DP_BLOCK ? m - row : DP_BLOCK;
            for (size_t i = 0; i < count; i++)
                memcpy(scratch + i * DP_BLOCK, left + (start + i) * left_stride + row, rows * sizeof(REAL));
            DP_FN(dp_transposed_block)(rows, count, n, k, scratch, right + start * DP_PANEL, c + row * c_stride, c_stride,
                                       start == 0);
        }
    }
}

DP_TARGET static void DP_FN(dp_pack_rows)(size_t k, size_t n, const REAL *b, size_t stride, REAL *packed) {
    for (size_t column = 0; column < n; column += DP_PANEL) {
        const size_t columns = n - column < DP_PANEL ? n - column : DP_PANEL;
        for (size_t row = 0; row < k; row++, packed += DP_PANEL) {
            const REAL *from = b + row * stride + column;
            if (columns == DP_PANEL) {
                memcpy(packed, from, DP_PANEL * sizeof(REAL));
            } else {
                memcpy(packed, from, columns * sizeof(REAL));
                memset(packed + columns, 0, (DP_PANEL - columns) * sizeof(REAL));
            }
        }
    }
}

DP_TARGET static void DP_FN(dp_pack_pixels)(size_t k, size_t first, size_t n, dp_pixels b, const REAL *scale,
                                            const REAL *shift, REAL *packed) {
    for (size_t column = 0; column < n; column += DP_PANEL) {
        const size_t columns = n - column < DP_PANEL ? n - column : DP_PANEL;
        for (size_t row = 0; row < k; row++, packed += DP_PANEL) {
            DP_FN(dp_convert)(b, first + column, first + column + columns, b.bytes + row * b.stride, scale, shift, packed);
            if (columns < DP_PANEL) memset(packed + columns, 0, (DP_PANEL - columns) * sizeof(REAL));
        }
    }
}

#define DP_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

// to[j * to_stride + i] = from[i * from_stride + j] for i, j < 8.
DP_STATIC void DP_FN(dp_transpose_eight)(const REAL *from, size_t from_stride, REAL *to, size_t to_stride) {
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

DP_TARGET static void DP_FN(dp_pack_columns)(size_t k, size_t n, const REAL *b, size_t stride, REAL *packed,
                                             size_t panel_stride) {
    for (size_t column = 0; column < n; column += DP_PANEL, packed += panel_stride) {
        const size_t columns = n - column < DP_PANEL ? n - column : DP_PANEL;
        for (size_t i = 0; i < DP_PANEL; i += 8) {
            const REAL *from = b + (column + i) * stride;
            size_t row = 0;
            if (i + 8 <= columns)
                for (; row + 8 <= k; row += 8)
                    DP_FN(dp_transpose_eight)(from + row, stride, packed + row * DP_PANEL + i, DP_PANEL);
            for (; row < k; row++)
                for (size_t j = 0; j < 8; j++)
                    packed[row * DP_PANEL + i + j] = i + j < columns ? from[j * stride + row] : 0;
        }
    }
}

static const DP_FN(dp_products) DP_FN(dp_table) = {
    DP_FN(dp_multiply_rows), DP_FN(dp_multiply_pixels), DP_FN(dp_multiply_columns),
    DP_FN(dp_pack_rows),     DP_FN(dp_pack_columns),    DP_FN(dp_pack_pixels),
};

#undef DP_SHUFFLE
#undef DP_TILE_CASE
#undef DP_UNROLL
#undef DP_STATIC
#undef DP_EIGHT
#undef DP_VECTOR
