// Products of two factors of one byte (bytes.h), for all instruction sets. A file for one includes this after
// int8_rounding.h, having defined
//
//   DP_BYTE_ROWS, DP_BYTE_PANELS     rows of the left factor, and panels of the right one, at once
//   dp_byte_left, dp_byte_right      what dp_byte_dot takes, made by
//   dp_left_of(bytes)                which repeats four bytes in all lanes, and
//   dp_right_of(bytes)               from 16 lanes of four signed bytes
//   dp_byte_dot(sum, left, right)    which adds to each lane its four products
//   DP_LEFT_ZERO                     the byte that stands for 0 in dp_byte_left: 128 where its bytes are signed

// Below this numbers are 0: the inverse of their scale might not be finite.
#define DP_SMALLEST_SCALED 0x1p-100f

DP_STATIC dp_ints dp_is_finite(dp_floats x) { return ((dp_ints)x & 0x7fffffff) < 0x7f800000; }

// The scales of numbers up to `largest`, and by what they are multiplied; NaN and 0 where that is infinite or NaN.
DP_STATIC dp_floats dp_byte_scales(dp_floats largest, dp_floats *inverse) {
    const dp_ints isFinite = dp_is_finite(largest), isSmall = largest < DP_SMALLEST_SCALED;
    const dp_floats divisor = (dp_floats)((isSmall & (dp_ints)(1.0f - (dp_floats){0})) | (~isSmall & (dp_ints)largest));
    const dp_floats scale = largest / 127.0f;
    *inverse = (dp_floats)((dp_ints)(127.0f / divisor) & isFinite & ~isSmall);
    return (dp_floats)((~isSmall & isFinite & (dp_ints)scale) | (~isFinite & 0x7fc00000));
}

// Numbers as multiples of a scale; 0 where there is none.
DP_STATIC dp_ints dp_round_bytes(dp_floats x, dp_floats inverse) {
    const dp_ints is_scaled = inverse != 0;
    return dp_round((dp_floats)((dp_ints)x & is_scaled), inverse, 1.0f - (dp_floats){0});
}

// The numbers' order as that of integers, NaN outermost; it is its own inverse.
DP_STATIC dp_ints dp_ordered(dp_ints bits) { return bits ^ ((bits >> 31) & 0x7fffffff); }

DP_STATIC void dp_quantize_row(size_t columns, const float *x, uint8_t *bytes, dp_byte_mark *mark) {
    dp_ints most = {0}, least = {0};
    size_t c = 0;
    for (; c + 16 <= columns; c += 16) {
        const dp_ints ordered = dp_ordered(*(const dp_ints *)(x + c));
        most = __builtin_elementwise_max(most, ordered);
        least = __builtin_elementwise_min(least, ordered);
    }
    if (c < columns) {
        const dp_ints ordered = dp_ordered((dp_ints)dp_load(x + c, columns - c));
        most = __builtin_elementwise_max(most, ordered);
        least = __builtin_elementwise_min(least, ordered);
    }
    int32_t ends[2] = {0, 0};
    for (int i = 0; i < 16; i++) {
        ends[0] = most[i] > ends[0] ? most[i] : ends[0];
        ends[1] = least[i] < ends[1] ? least[i] : ends[1];
    }
    ends[1] ^= (ends[1] >> 31) & 0x7fffffff;
    float largest, smallest;
    memcpy(&largest, &ends[0], sizeof largest);
    memcpy(&smallest, &ends[1], sizeof smallest);
    const float range = largest - smallest;
    const size_t padded = (columns + DP_BYTES_ROW_UNIT - 1) / DP_BYTES_ROW_UNIT * DP_BYTES_ROW_UNIT;
    if (!(range < __builtin_inff()) || range < DP_SMALLEST_SCALED) {
        *mark = (dp_byte_mark){range < DP_SMALLEST_SCALED ? 0 : __builtin_nanf(""), 0};
        memset(bytes, 0, padded);
        return;
    }
    const dp_floats inverse = 254.0f / range - (dp_floats){0};
    const dp_ints zeros = -dp_round(smallest - (dp_floats){0}, inverse, 1.0f - (dp_floats){0});
    *mark = (dp_byte_mark){range / 254.0f, (float)zeros[0]};
    for (c = 0; c < columns; c += 16) {
        const size_t count = columns - c < 16 ? columns - c : 16;
        const dp_ints q = dp_round(dp_load(x + c, count), inverse, 1.0f - (dp_floats){0}) + zeros;
        const dp_sixteen_bytes all = __builtin_convertvector(q, dp_sixteen_bytes);
        memcpy(bytes + c, &all, count);
    }
    memset(bytes + columns, 0, padded - columns);
}

DP_TARGET static void dp_byte_quantize_rows(size_t rows, size_t columns, const float *x, size_t stride, uint8_t *bytes,
                                            size_t byte_stride, dp_byte_mark *marks, size_t mark_stride) {
    for (size_t r = 0; r < rows; r++)
        dp_quantize_row(columns, x + r * stride, bytes + r * byte_stride, marks + r * mark_stride);
}

// Columns that are read together, as cache lines are.
#define DP_STRIP_PANELS 4

// Up to 64 columns from x and bytes on.
DP_STATIC void dp_quantize_strip(size_t rows, size_t columns, const float *x, size_t stride, const dp_byte_mark *factors,
                                 size_t factor_stride, uint8_t *bytes, size_t byte_stride, dp_byte_mark *marks,
                                 float *terms) {
    const size_t panels = (columns + DP_INT8_LANES - 1) / DP_INT8_LANES;
    dp_ints most[DP_STRIP_PANELS] = {{0}, {0}, {0}, {0}};
    for (size_t r = 0; r < rows; r++)
        for (size_t p = 0; p < panels; p++) {
            const size_t column = p * DP_INT8_LANES, count = columns - column < 16 ? columns - column : 16;
            const dp_floats scaled = dp_load(x + r * stride + column, count) * factors[r * factor_stride].scale;
            most[p] = __builtin_elementwise_max(most[p], (dp_ints)scaled & 0x7fffffff);
        }
    dp_floats inverse[DP_STRIP_PANELS];
    dp_ints total[DP_STRIP_PANELS] = {{0}, {0}, {0}, {0}};
    for (size_t p = 0; p < panels; p++) {
        const dp_floats scale = dp_byte_scales((dp_floats)most[p], &inverse[p]);
        for (size_t i = 0; i < DP_INT8_LANES && p * DP_INT8_LANES + i < columns; i++)
            marks[p * DP_INT8_LANES + i] = (dp_byte_mark){scale[i], 128};
    }
    const size_t padded = (rows + DP_BYTES_ROW_UNIT - 1) / DP_BYTES_ROW_UNIT * DP_BYTES_ROW_UNIT;
    for (size_t start = 0; start < padded; start += 16)
        for (size_t p = 0; p < panels; p++) {
            const size_t column = p * DP_INT8_LANES, count = columns - column < 16 ? columns - column : 16;
            // Four rows to a lane, and four such lanes to each column.
            int32_t lanes[4][DP_INT8_LANES];
            for (size_t q = 0; q < 4; q++) {
                dp_sixteen_bytes four[4] = {{0}, {0}, {0}, {0}};
                for (size_t i = 0; i < 4 && start + 4 * q + i < rows; i++) {
                    const size_t r = start + 4 * q + i;
                    const dp_floats scaled = dp_load(x + r * stride + column, count) * factors[r * factor_stride].scale;
                    const dp_ints rounded = dp_round_bytes(scaled, inverse[p]);
                    total[p] += rounded * (int32_t)(128 - factors[r * factor_stride].zero);
                    four[i] = __builtin_convertvector(rounded, dp_sixteen_bytes);
                }
                dp_interleave(four, lanes[q]);
            }
            for (size_t i = 0; i < count; i++) {
                const uint32_t out[4] = {(uint32_t)lanes[0][i] ^ 0x80808080u, (uint32_t)lanes[1][i] ^ 0x80808080u,
                                         (uint32_t)lanes[2][i] ^ 0x80808080u, (uint32_t)lanes[3][i] ^ 0x80808080u};
                memcpy(bytes + (column + i) * byte_stride + start, out, sizeof out);
            }
        }
    for (size_t c = 0; c < columns; c++)
        terms[c] = marks[c].scale * (float)total[c / DP_INT8_LANES][c % DP_INT8_LANES];
}

DP_TARGET static void dp_byte_quantize_columns(size_t rows, size_t first, size_t columns, const float *x, size_t stride,
                                               const dp_byte_mark *factors, size_t factor_stride, uint8_t *bytes,
                                               size_t byte_stride, dp_byte_mark *marks, float *terms) {
    const size_t strip = DP_STRIP_PANELS * DP_INT8_LANES, end = first + columns;
    for (size_t c = first; c < end; c += strip)
        dp_quantize_strip(rows, end - c < strip ? end - c : strip, x + c, stride, factors,
                          factor_stride, bytes + c * byte_stride, byte_stride, marks + c, terms + c);
}

DP_STATIC dp_ints dp_joined_quarters(const dp_sixteen_bytes *quarters) {
    dp_ints whole;
    memcpy(&whole, quarters, sizeof whole);
    return whole;
}

// The sums of a panel's columns over some groups of k.
DP_STATIC void dp_sum_groups(size_t groups, const int8_t *packed, int8_t *sums) {
    static const uint8_t one[4] = {DP_LEFT_ZERO + 1, DP_LEFT_ZERO + 1, DP_LEFT_ZERO + 1, DP_LEFT_ZERO + 1};
    const dp_byte_left ones = dp_left_of(one);
    dp_ints total = {0};
    for (size_t i = 0; i < groups; i++) total = dp_byte_dot(total, ones, dp_right_of(packed + i * 64));
    memcpy(sums, &total, sizeof total);
}

DP_TARGET static void dp_byte_pack_rows(size_t n, size_t k, size_t block, size_t first, size_t columns, const float *w,
                                        size_t stride, int8_t *packed, float *scales) {
    static const float nothing[16];
    const size_t panel = dp_bytes_panel(k, block), wide = dp_bytes_lanes(n), index = first / block;
    const size_t groups = (columns + DP_INT8_BYTES - 1) / DP_INT8_BYTES;
    for (size_t row = 0; row < n; row += DP_INT8_LANES, packed += panel) {
        const size_t rows = n - row < DP_INT8_LANES ? n - row : DP_INT8_LANES;
        dp_floats largest = {0}, inverse;
        for (size_t r = 0; r < rows; r++) {
            dp_ints most = {0};
            for (size_t c = 0; c < columns; c += 16) {
                const size_t count = columns - c < 16 ? columns - c : 16;
                const dp_ints bits = (dp_ints)dp_load(w + (row + r) * stride + first + c, count) & 0x7fffffff;
                most = __builtin_elementwise_max(most, bits);
            }
            const int32_t best = __builtin_reduce_max(most);
            memcpy((float *)&largest + r, &best, sizeof best);
        }
        const dp_floats scale = dp_byte_scales(largest, &inverse);
        memcpy(scales + index * wide + row, &scale, sizeof scale);
        int8_t *to = packed + first * DP_INT8_LANES;
        for (size_t c = 0; c < columns; c += 16) {
            const size_t count = columns - c < 16 ? columns - c : 16;
            // Rows i, i + 4, i + 8 and i + 12 stand in a[i], 16 values of k of each.
            dp_ints a[4], b[4], out[4];
            DP_UNROLL for (size_t i = 0; i < 4; i++) {
                dp_sixteen_bytes quarters[4];
                DP_UNROLL for (size_t j = 0; j < 4; j++) {
                    const size_t r = i + 4 * j;
                    const float *from = r < rows ? w + (row + r) * stride + first + c : nothing;
                    quarters[j] = __builtin_convertvector(
                        dp_round_bytes(dp_load(from, count), inverse[r] - (dp_floats){0}), dp_sixteen_bytes);
                }
                a[i] = dp_joined_quarters(quarters);
            }
            b[0] = __builtin_shufflevector(a[0], a[1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
            b[1] = __builtin_shufflevector(a[0], a[1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
            b[2] = __builtin_shufflevector(a[2], a[3], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
            b[3] = __builtin_shufflevector(a[2], a[3], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
            out[0] = __builtin_shufflevector(b[0], b[2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
            out[1] = __builtin_shufflevector(b[0], b[2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
            out[2] = __builtin_shufflevector(b[1], b[3], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
            out[3] = __builtin_shufflevector(b[1], b[3], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
            for (size_t i = 0; i < 4 && i * DP_INT8_BYTES < count; i++)
                memcpy(to + (c / DP_INT8_BYTES + i) * 64, &out[i], 64);
        }
        dp_sum_groups(groups, to, packed + panel - (dp_bytes_blocks(k, block) - index) * 64);
    }
}

DP_TARGET static void dp_byte_pack_columns(size_t k, size_t n, size_t block, size_t first, size_t columns,
                                           const float *w, size_t stride, int8_t *packed, float *scales) {
    const size_t panel = dp_bytes_panel(k, block), wide = dp_bytes_lanes(n), blocks = dp_bytes_blocks(k, block);
    for (size_t column = first; column < first + columns; column += DP_INT8_LANES) {
        const size_t count = first + columns - column < 16 ? first + columns - column : 16;
        int8_t *to = packed + column / DP_INT8_LANES * panel, *sums = to + panel - blocks * 64;
        for (size_t index = 0; index < blocks; index++) {
            const size_t begin = index * block, end = k - begin < block ? k : begin + block;
            dp_ints most = {0};
            for (size_t r = begin; r < end; r++)
                most = __builtin_elementwise_max(most, (dp_ints)dp_load(w + r * stride + column, count) & 0x7fffffff);
            dp_floats inverse;
            const dp_floats scale = dp_byte_scales((dp_floats)most, &inverse);
            memcpy(scales + index * wide + column, &scale, sizeof scale);
            int8_t *const groups = to;
            for (size_t r = begin; r < end; r += DP_INT8_BYTES, to += 64) {
                dp_sixteen_bytes four[4] = {{0}, {0}, {0}, {0}};
                for (size_t i = 0; i < 4 && r + i < end; i++)
                    four[i] = __builtin_convertvector(
                        dp_round_bytes(dp_load(w + (r + i) * stride + column, count), inverse), dp_sixteen_bytes);
                dp_interleave(four, to);
            }
            dp_sum_groups((size_t)(to - groups) / 64, groups, sums + index * 64);
        }
    }
}

DP_TARGET static void dp_byte_pack_bytes(size_t rows, size_t columns, const uint8_t *x, size_t stride,
                                         int8_t *packed) {
    const size_t panel = dp_bytes_panel(rows, rows), strip = DP_STRIP_PANELS * DP_INT8_LANES;
    const dp_sixteen_bytes flip = INT8_MIN - (dp_sixteen_bytes){0};
    for (size_t column = 0; column < columns; column += strip) {
        const size_t end = columns - column < strip ? columns : column + strip;
        for (size_t r = 0; r < rows; r += DP_INT8_BYTES)
            for (size_t c = column; c < end; c += DP_INT8_LANES) {
                const size_t count = end - c < DP_INT8_LANES ? end - c : DP_INT8_LANES;
                dp_sixteen_bytes four[4] = {{0}, {0}, {0}, {0}};
                for (size_t i = 0; i < 4 && r + i < rows; i++) {
                    const uint8_t *from = x + (r + i) * stride + c;
                    if (count == DP_INT8_LANES)
                        four[i] = *(const dp_sixteen_bytes *)from;
                    else
                        memcpy(&four[i], from, count);
                    four[i] ^= flip;
                }
                dp_interleave(four, packed + c / DP_INT8_LANES * panel + r * DP_INT8_LANES);
            }
        for (size_t c = column; c < end; c += DP_INT8_LANES) {
            int8_t *of_panel = packed + c / DP_INT8_LANES * panel;
            dp_sum_groups((panel - 64) / 64, of_panel, of_panel + panel - 64);
        }
    }
}

// What a product has for some of its rows, and for panels of columns that stand side by side.
typedef struct {
    const uint8_t *a;
    size_t a_stride;
    const dp_byte_mark *marks;
    size_t mark_stride;
    const float *row_terms;
    float *c;
    size_t c_stride;
} dp_byte_rows;
// A stretch of blocks: the first one begins with nothing, the last one ends with a result, between them C has the totals.
// Only the last panel may have fewer columns than 16.
typedef struct {
    size_t groups, block_groups, last_columns, wide, panel;
    const int8_t *packed, *sums;
    const float *column_scales, *column_terms;
    int is_first, is_last;
    // Of each of the panels that come next, for every tile of rows.
    size_t lines_ahead;
} dp_byte_panels;

// Columns of the left factor that stand in the cache while all panels are multiplied with them, and bytes of as many rows.
#define DP_STRETCH 1024
#define DP_STRETCH_BYTES (256 * DP_STRETCH)

DP_STATIC void dp_multiply_tile(const size_t rows, const size_t panels, dp_byte_rows left, const dp_byte_panels *right) {
    dp_floats total[DP_BYTE_ROWS][DP_BYTE_PANELS];
    DP_UNROLL for (size_t r = 0; r < rows; r++)
        DP_UNROLL for (size_t p = 0; p < panels; p++) {
            const size_t columns = p + 1 < panels ? DP_INT8_LANES : right->last_columns;
            const float *from = left.c + r * left.c_stride + p * DP_INT8_LANES;
            total[r][p] = right->is_first ? (dp_floats){0} : dp_load(from, columns);
        }
    const int8_t *b = right->packed, *sums = right->sums;
    const float *column_scales = right->column_scales;
    // Three rows have one pointer: more would not fit into registers.
    const uint8_t *a[(DP_BYTE_ROWS + 2) / 3];
    DP_UNROLL for (size_t r = 0; r < rows; r += 3) a[r / 3] = left.a + r * left.a_stride;
    for (size_t start = 0; start < right->groups; start += right->block_groups) {
        const size_t rest = right->groups - start, count = rest < right->block_groups ? rest : right->block_groups;
        dp_ints sum[DP_BYTE_ROWS][DP_BYTE_PANELS];
        DP_UNROLL for (size_t r = 0; r < rows; r++)
            DP_UNROLL for (size_t p = 0; p < panels; p++)
                sum[r][p] = (DP_LEFT_ZERO - (int32_t)left.marks[r * left.mark_stride].zero) *
                            *(const dp_ints *)(sums + p * right->panel);
        for (size_t i = 0; i < count; i++) {
            dp_byte_right four[DP_BYTE_PANELS];
            DP_UNROLL for (size_t p = 0; p < panels; p++) four[p] = dp_right_of(b + p * right->panel);
            DP_UNROLL for (size_t r = 0; r < rows; r++) {
                const dp_byte_left of_row = dp_left_of(a[r / 3] + r % 3 * left.a_stride);
                DP_UNROLL for (size_t p = 0; p < panels; p++) sum[r][p] = dp_byte_dot(sum[r][p], of_row, four[p]);
            }
            DP_UNROLL for (size_t r = 0; r < rows; r += 3) a[r / 3] += DP_INT8_BYTES;
            b += 64;
        }
        DP_UNROLL for (size_t p = 0; p < panels; p++) {
            const dp_floats scale = *(const dp_floats *)(column_scales + p * DP_INT8_LANES);
            DP_UNROLL for (size_t r = 0; r < rows; r++)
                total[r][p] += __builtin_convertvector(sum[r][p], dp_floats) * scale;
        }
        column_scales += right->wide;
        sums += 64;
    }
    DP_UNROLL for (size_t r = 0; r < rows; r++) {
        const float scale = left.marks[r * left.mark_stride].scale, term = left.row_terms ? left.row_terms[r] : 1;
        DP_UNROLL for (size_t p = 0; p < panels; p++) {
            const size_t columns = p + 1 < panels ? DP_INT8_LANES : right->last_columns;
            const dp_floats terms = dp_load(right->column_terms + p * DP_INT8_LANES, columns);
            const dp_floats result = right->is_last ? total[r][p] * scale + terms * term : total[r][p];
            float *to = left.c + r * left.c_stride + p * DP_INT8_LANES;
            if (columns == DP_INT8_LANES)
                *(dp_floats *)to = result;
            else
                memcpy(to, &result, columns * sizeof(float));
        }
    }
}

DP_STATIC dp_byte_rows dp_next_rows(dp_byte_rows left, size_t rows) {
    left.a += rows * left.a_stride;
    left.marks += rows * left.mark_stride;
    if (left.row_terms) left.row_terms += rows;
    left.c += rows * left.c_stride;
    return left;
}

DP_STATIC void dp_multiply_panels(size_t rows, const size_t panels, dp_byte_rows left, const dp_byte_panels *right) {
    const size_t bytes = right->panel * panels;
    for (size_t ahead = 0; rows >= DP_BYTE_ROWS; rows -= DP_BYTE_ROWS, left = dp_next_rows(left, DP_BYTE_ROWS)) {
        // Totals are read when a tile begins.
        dp_prefetch_result(left.c + DP_BYTE_ROWS * left.c_stride, DP_BYTE_ROWS, left.c_stride * sizeof(float), 64 * panels);
        for (size_t p = 0; p < panels; p++) dp_prefetch_lines(right->packed + bytes + p * right->panel + ahead, right->lines_ahead);
        ahead += right->lines_ahead * DP_CACHE_LINE;
        dp_multiply_tile(DP_BYTE_ROWS, panels, left, right);
    }
#if DP_BYTE_ROWS > 4
    for (; rows >= 4; rows -= 4, left = dp_next_rows(left, 4)) dp_multiply_tile(4, panels, left, right);
#endif
    for (; rows > 0; rows--, left = dp_next_rows(left, 1)) dp_multiply_tile(1, panels, left, right);
}

DP_TARGET static __attribute__((noinline)) void dp_byte_multiply(
    size_t m, size_t n, size_t k, size_t block, const uint8_t *a, size_t a_stride, const dp_byte_mark *marks,
    size_t mark_stride, const float *row_terms, const int8_t *packed, const float *column_scales,
    const float *column_terms, float *c, size_t c_stride) {
    const size_t all = (k + DP_INT8_BYTES - 1) / DP_INT8_BYTES, block_groups = (block + DP_INT8_BYTES - 1) / DP_INT8_BYTES;
    const size_t blocks = dp_bytes_blocks(k, block), panel = dp_bytes_panel(k, block), wide = dp_bytes_lanes(n);
    const size_t stretch = block < DP_STRETCH ? DP_STRETCH / block : 1, width = stretch * block;
    const size_t cached = DP_STRETCH_BYTES / width / DP_BYTE_ROWS * DP_BYTE_ROWS, chunk = cached ? cached : DP_BYTE_ROWS;
    const size_t strip = DP_BYTE_PANELS * DP_INT8_LANES;
    dp_byte_rows left = {a, a_stride, marks, mark_stride, row_terms, c, c_stride};
    for (size_t rest = m, rows; rest > 0; rest -= rows, left = dp_next_rows(left, rows)) {
        rows = rest < chunk ? rest : chunk;
        for (size_t first = 0; first < blocks; first += stretch) {
            const size_t start = first * block_groups, end = (first + stretch) * block_groups;
            const size_t lines = (end < all ? end : all) - start;
            for (size_t column = 0; column < n; column += strip) {
                const size_t columns = n - column < strip ? n - column : strip;
                const size_t panels = (columns + DP_INT8_LANES - 1) / DP_INT8_LANES;
                const int8_t *of_panel = packed + column / DP_INT8_LANES * panel;
                const dp_byte_panels right = {.groups = lines,
                                              .block_groups = block_groups,
                                              .last_columns = columns - (panels - 1) * DP_INT8_LANES,
                                              .wide = wide,
                                              .panel = panel,
                                              .packed = of_panel + start * 64,
                                              .sums = of_panel + (all + first) * 64,
                                              .column_scales = column_scales + first * wide + column,
                                              .column_terms = column_terms + column,
                                              .is_first = first == 0,
                                              .is_last = first + stretch >= blocks,
                                              .lines_ahead = column + strip < n ? lines / (rows / DP_BYTE_ROWS + 1) + 1 : 0};
                dp_byte_rows of_strip = left;
                of_strip.a += start * DP_INT8_BYTES;
                of_strip.c += column;
                if (panels == DP_BYTE_PANELS)
                    dp_multiply_panels(rows, DP_BYTE_PANELS, of_strip, &right);
                else
                    dp_multiply_panels(rows, 1, of_strip, &right);
            }
        }
    }
}
