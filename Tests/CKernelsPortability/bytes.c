// Cases of the kernels for bytes, int8.h and bytes.h.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

// Rows of all magnitudes, some of zeros alone, one of denormals; numbers that are not finite have no scale.
static float *rows_of_all_magnitudes(size_t rows, size_t columns, size_t row_step, size_t column_step) {
    float *all = zeros(rows * columns * sizeof(float));
    for (size_t r = 0; r < rows; r++) {
        const float magnitude = r % 5 == 4 ? 0 : r % 7 == 6 ? 0x1p-140f : float_of((4 + random_word() % 246) << 23);
        for (size_t c = 0; c < columns; c++) all[r * row_step + c * column_step] = random_number(ordinary) * magnitude;
    }
    return all;
}

static dp_int8_scale *scales_for(const float *largest, size_t count, int slices) {
    dp_int8_scale *scales = zeros(count * sizeof(dp_int8_scale));
    for (size_t i = 0; i < count; i++) {
        if (!dp_int8_scale_for(largest[i], slices, &scales[i])) {
            fprintf(stderr, "digests: no scale for %g\n", (double)largest[i]);
            exit(2);
        }
    }
    return scales;
}

static void of_row_maxima(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *largest = zeros(rows * sizeof(float));
        dp_int8_row_maxima(used_set, rows, columns, numbers(count + rows * gap, kind), columns + gap, largest);
        add_numbers(largest, rows);
        (void)count;
        REPORT_TABLE;
    }
}

static void of_column_maxima(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *largest = zeros(columns * sizeof(float));
        dp_int8_column_maxima(used_set, rows, columns, numbers(count + rows * gap, kind), columns + gap, largest);
        add_numbers(largest, columns);
        (void)count;
        REPORT_TABLE;
    }
}

static void of_sum_slots(void) {
    FOR_TABLES {
        TABLE;
        int32_t *sums = zeros(count * sizeof(int32_t));
        double *totals = zeros(columns * sizeof(double));
        for (size_t i = 0; i < count; i++) sums[i] = (int32_t)random_word();
        for (size_t i = 0; i < columns; i++) totals[i] = (double)(int32_t)random_word();
        dp_int8_sum_slots(used_set, rows, columns, sums, 128, totals);
        add_bytes(totals, columns * sizeof(double));
        report("%zux%zu", rows, columns);
    }
}

// k in channels; packed in two parts, as two ranks would.
static const struct {
    size_t m, n, k, channels;
} byte_products[] = {{1, 1, 4, 1},    {2, 5, 8, 2},     {3, 16, 12, 3},    {5, 17, 64, 1},
                     {7, 31, 96, 3},  {13, 33, 192, 3}, {33, 40, 1024, 1}, {70, 64, 3072, 3}};

#define FOR_BYTE_PRODUCTS                      \
    for (int slices = 2; slices <= 3; slices++) \
        for (size_t c = 0; c < sizeof byte_products / sizeof *byte_products; c++)
#define BYTE_PRODUCT                                                                    \
    const size_t m = byte_products[c].m, n = byte_products[c].n, k = byte_products[c].k; \
    const size_t channels = byte_products[c].channels

typedef struct {
    int8_t *packed;
    dp_int8_scale *scales;
    int32_t *sums[2];
} packed_weights;

static packed_weights random_weights(size_t n, size_t k, int slices) {
    const float *w = rows_of_all_magnitudes(n, k, k, 1);
    float *largest = zeros(n * sizeof(float));
    dp_int8_row_maxima(used_set, n, k, w, k, largest);
    packed_weights weights = {zeros(dp_int8_weight_bytes(used_set, n, k, slices)), scales_for(largest, n, slices),
                              {zeros(n * sizeof(int32_t)), zeros(n * sizeof(int32_t))}};
    const size_t half = k / 2 / DP_INT8_BYTES * DP_INT8_BYTES;
    dp_int8_pack_weights(used_set, n, k, 0, half, w, k, weights.scales, slices, weights.packed, weights.sums[0]);
    dp_int8_pack_weights(used_set, n, k, half, k - half, w, k, weights.scales, slices, weights.packed, weights.sums[1]);
    return weights;
}

static void of_pack_weights(void) {
    FOR_BYTE_PRODUCTS {
        BYTE_PRODUCT;
        const packed_weights weights = random_weights(n, k, slices);
        add_bytes(weights.sums[0], n * sizeof(int32_t));
        add_bytes(weights.sums[1], n * sizeof(int32_t));
        (void)m;
        (void)channels;
        report("%zux%zu,%d-slices", n, k, slices);
    }
}

static void of_gemm_nt(void) {
    FOR_BYTE_PRODUCTS {
        BYTE_PRODUCT;
        const packed_weights weights = random_weights(n, k, slices);
        float *y = numbers(m * (n + gap), ordinary);
        dp_int8_gemm_nt(used_set, m, n, k, channels, bytes(m * (k + gap)), k + gap, weights.packed, weights.scales, slices,
                        numbers(channels, ordinary), numbers(n, ordinary), y, n + gap);
        add_numbers(y, m * (n + gap));
        report("%zux%zux%zu,%zu-channels,%d-slices", m, n, k, channels, slices);
    }
}

// The samples are those of m, up to a batch that fills many tiles; what is packed shows in the product alone.
static void of_gemm_tn(void) {
    FOR_BYTE_PRODUCTS {
        BYTE_PRODUCT;
        const size_t samples = 4 * m + 1, columns = k < 200 ? k : 200;
        const float *dy = rows_of_all_magnitudes(n, samples, 1, n);
        float *largest = zeros(n * sizeof(float)), *g = numbers(n * (columns + gap), ordinary);
        dp_int8_column_maxima(used_set, samples, n, dy, n, largest);
        const dp_int8_scale *scales = scales_for(largest, n, slices);
        int8_t *gradient = zeros(dp_int8_gradient_bytes(samples, n, slices));
        dp_int8_sums *sums = zeros(n * sizeof(dp_int8_sums));
        uint8_t *packed = zeros(dp_int8_pixel_bytes(samples, columns));
        dp_int8_pack_gradient(used_set, samples, n, dy, n, scales, slices, gradient, sums);
        dp_int8_pack_bytes(used_set, samples, columns, bytes(samples * k), k, packed);
        dp_int8_gemm_tn(used_set, n, columns, samples, gradient, sums, scales, slices, packed, numbers(columns, ordinary),
                        numbers(columns, ordinary), g, columns + gap);
        add_numbers(g, n * (columns + gap));
        (void)channels;
        report("%zux%zux%zu,%d-slices", n, columns, samples, slices);
    }
}

// What these pack shows in the product alone.
#define of_pack_gradient of_gemm_tn
#define of_pack_bytes of_gemm_tn

// Products of two factors of one byte: X [m, k] and W [n, k], in blocks.
static const struct {
    size_t m, n, k, block;
} products_of_bytes[] = {{1, 1, 1, 4},       {2, 5, 7, 4},        {13, 17, 64, 64},
                         {33, 40, 300, 128}, {70, 31, 2052, 128}, {300, 290, 20, 128}};

#define FOR_PRODUCTS_OF_BYTES for (size_t c = 0; c < sizeof products_of_bytes / sizeof *products_of_bytes; c++)
#define PRODUCT_OF_BYTES                                                                                \
    const size_t m = products_of_bytes[c].m, n = products_of_bytes[c].n, k = products_of_bytes[c].k;     \
    const size_t block = products_of_bytes[c].block
#define REPORT_PRODUCT report("%zux%zux%zu,%zu-blocks", m, n, k, block)

static size_t filled_up(size_t count) {
    return (count + DP_BYTES_ROW_UNIT - 1) / DP_BYTES_ROW_UNIT * DP_BYTES_ROW_UNIT;
}

typedef struct {
    uint8_t *bytes;
    size_t stride;
    dp_byte_mark *marks;
} byte_rows;

// Some rows are of zeros alone, and one has a number that is infinite.
static byte_rows random_rows(size_t rows, size_t columns) {
    float *x = rows_of_all_magnitudes(rows, columns, columns, 1);
    if (rows > 8) x[7 * columns + columns / 2] = __builtin_inff();
    byte_rows all = {zeros(rows * filled_up(columns)), filled_up(columns), zeros(rows * sizeof(dp_byte_mark))};
    dp_bytes_quantize_rows(used_set, rows, columns, x, columns, all.bytes, all.stride, all.marks, 1);
    return all;
}

static void add_rows(const byte_rows *all, size_t rows) {
    add_bytes(all->bytes, rows * all->stride);
    add_numbers((const float *)all->marks, 2 * rows);
}

static void of_bytes_quantize_rows(void) {
    FOR_PRODUCTS_OF_BYTES {
        PRODUCT_OF_BYTES;
        const byte_rows rows = random_rows(m, k);
        add_rows(&rows, m);
        REPORT_PRODUCT;
        (void)n;
    }
}

// dY [m, n] whose other factor is X [m, k].
static byte_rows random_columns(size_t m, size_t n, const byte_rows *x, float **terms) {
    byte_rows all = {zeros(n * filled_up(m)), filled_up(m), zeros(n * sizeof(dp_byte_mark))};
    *terms = zeros(n * sizeof(float));
    const float *dy = rows_of_all_magnitudes(n, m, 1, n);
    const size_t half = n / 2 / DP_INT8_LANES * DP_INT8_LANES;
    dp_bytes_quantize_columns(used_set, m, 0, half, dy, n, x->marks, 1, all.bytes, all.stride, all.marks, *terms);
    dp_bytes_quantize_columns(used_set, m, half, n - half, dy, n, x->marks, 1, all.bytes, all.stride, all.marks, *terms);
    return all;
}

static void of_bytes_quantize_columns(void) {
    FOR_PRODUCTS_OF_BYTES {
        PRODUCT_OF_BYTES;
        const byte_rows x = random_rows(m < 8 ? m : 7, k);
        float *terms;
        const byte_rows columns = random_columns(m < 8 ? m : 7, n, &x, &terms);
        add_rows(&columns, n);
        add_numbers(terms, n);
        REPORT_PRODUCT;
    }
}

// Forward, backward, and the weight gradient: what is packed has one order on all CPUs.
static void of_bytes_multiply(void) {
    FOR_PRODUCTS_OF_BYTES {
        PRODUCT_OF_BYTES;
        const float *w = rows_of_all_magnitudes(n, k, k, 1);
        const size_t panels = dp_bytes_lanes(n) / DP_INT8_LANES, back_panels = dp_bytes_lanes(k) / DP_INT8_LANES;
        int8_t *packed = zeros(panels * dp_bytes_panel(k, block));
        float *scales = zeros(dp_bytes_blocks(k, block) * dp_bytes_lanes(n) * sizeof(float));
        for (size_t first = 0; first < k; first += block)
            dp_bytes_pack_rows(used_set, n, k, block, first, k - first < block ? k - first : block, w, k, packed, scales);
        add_bytes(packed, panels * dp_bytes_panel(k, block));
        const byte_rows x = random_rows(m, k);
        float *y = numbers(m * (n + gap), ordinary);
        dp_bytes_multiply(used_set, m, n, k, block, x.bytes, x.stride, x.marks, 1, NULL, packed, scales,
                          numbers(n, ordinary), y, n + gap);
        add_numbers(y, m * (n + gap));

        packed = zeros(back_panels * dp_bytes_panel(n, block));
        scales = zeros(dp_bytes_blocks(n, block) * dp_bytes_lanes(k) * sizeof(float));
        const size_t half = k / 2 / DP_INT8_LANES * DP_INT8_LANES;
        dp_bytes_pack_columns(used_set, n, k, block, 0, half, w, k, packed, scales);
        dp_bytes_pack_columns(used_set, n, k, block, half, k - half, w, k, packed, scales);
        add_bytes(packed, back_panels * dp_bytes_panel(n, block));
        const byte_rows dy = random_rows(m, n);
        float *dx = numbers(m * (k + gap), ordinary);
        dp_bytes_multiply(used_set, m, k, n, block, dy.bytes, dy.stride, dy.marks, 1, NULL, packed, scales,
                          zeros(k * sizeof(float)), dx, k + gap);
        add_numbers(dx, m * (k + gap));

        float *terms;
        const byte_rows columns = random_columns(m, n, &x, &terms);
        packed = zeros(back_panels * dp_bytes_panel(m, m));
        dp_bytes_pack_bytes(used_set, m, k, x.bytes, x.stride, packed);
        add_bytes(packed, back_panels * dp_bytes_panel(m, m));
        float *g = numbers(n * (k + gap), ordinary);
        dp_bytes_multiply(used_set, n, k, m, m, columns.bytes, columns.stride, columns.marks, 1, terms, packed,
                          numbers(dp_bytes_lanes(k), ordinary), numbers(k, ordinary), g, k + gap);
        add_numbers(g, n * (k + gap));
        REPORT_PRODUCT;
    }
}

#define of_bytes_pack_rows of_bytes_multiply
#define of_bytes_pack_columns of_bytes_multiply
#define of_bytes_pack_bytes of_bytes_multiply

#define CASES(name, parameters, arguments) {"int8_" #name, of_##name},
#define CASES_OF_BYTES(name, parameters, arguments) {"bytes_" #name, of_bytes_##name},
const kernel_cases byte_cases[] = {DP_INT8_KERNELS(CASES) DP_BYTES_KERNELS(CASES_OF_BYTES)};
const size_t byte_cases_count = sizeof byte_cases / sizeof *byte_cases;
