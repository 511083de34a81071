// Cases of the kernels for bfloat16 numbers, bfloat16.h.
#include "cases.h"

// X [m, k] and W [n, k]: around the lengths of panels, of runs of k (128), and of the blocks DP_KC and DP_MC.
static const struct {
    size_t m, n, k;
} products[] = {{1, 1, 1}, {2, 5, 3}, {5, 16, 8}, {7, 33, 128}, {13, 17, 513}, {97, 40, 1029}, {195, 100, 96}};

#define FOR_PRODUCTS for (size_t c = 0; c < sizeof products / sizeof *products; c++)
#define PRODUCT const size_t m = products[c].m, n = products[c].n, k = products[c].k
#define REPORT_PRODUCT report("%zux%zux%zu,%s", m, n, k, kind_names[kind])

static size_t filled_up(size_t count) {
    return (count + DP_BFLOAT16_ROW_UNIT - 1) / DP_BFLOAT16_ROW_UNIT * DP_BFLOAT16_ROW_UNIT;
}

static size_t packed_bytes(size_t k, size_t n) {
    return (n + DP_NR - 1) / DP_NR * DP_NR * dp_bfloat16_pairs(k) * sizeof(dp_bfloat16_pair);
}

static dp_bfloat16 *random_rows(size_t rows, size_t columns, kind kind) {
    dp_bfloat16 *all = zeros(rows * filled_up(columns) * sizeof(dp_bfloat16));
    dp_bfloat16_round(used_set, rows, columns, numbers(rows * (columns + gap), kind), columns + gap, all,
                      filled_up(columns));
    return all;
}

static void of_round(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        add_bytes(random_rows(rows, columns, kind), rows * filled_up(columns) * sizeof(dp_bfloat16));
        (void)count;
        REPORT_TABLE;
    }
}

// Forward and backward, of weights that two ranks have packed.
static void of_gemm_nn(void) {
    FOR_KINDS FOR_PRODUCTS {
        PRODUCT;
        dp_bfloat16_pair *transposed = zeros(packed_bytes(k, n)), *packed = zeros(packed_bytes(n, k));
        const float *w = numbers(n * (k + gap), kind);
        const size_t half = k / 2 / DP_NR * DP_NR;
        dp_bfloat16_pack_weights(used_set, n, k, 0, half, w, k + gap, transposed, packed);
        dp_bfloat16_pack_weights(used_set, n, k, half, k - half, w, k + gap, transposed, packed);
        add_bytes(transposed, packed_bytes(k, n));
        add_bytes(packed, packed_bytes(n, k));
        float *y = numbers(m * (n + gap), ordinary), *dx = numbers(m * (k + gap), ordinary);
        float *scratch = zeros(DP_GEMM_SCRATCH * sizeof(float));
        dp_bfloat16_gemm_nn(used_set, m, n, k, random_rows(m, k, kind), filled_up(k), transposed, numbers(n, kind), y,
                            n + gap, scratch);
        dp_bfloat16_gemm_nn(used_set, m, k, n, random_rows(m, n, kind), filled_up(n), packed, NULL, dx, k + gap, scratch);
        add_numbers(y, m * (n + gap));
        add_numbers(dx, m * (k + gap));
        REPORT_PRODUCT;
    }
}

static void of_gemm_tn(void) {
    FOR_KINDS FOR_PRODUCTS {
        PRODUCT;
        dp_bfloat16_pair *packed = zeros(packed_bytes(m, k));
        dp_bfloat16_pack_b(used_set, m, k, random_rows(m, k, kind), filled_up(k), packed);
        add_bytes(packed, packed_bytes(m, k));
        float *g = numbers(n * (k + gap), ordinary);
        dp_bfloat16_gemm_tn(used_set, n, k, m, random_rows(m, n, kind), filled_up(n), packed, g, k + gap,
                            zeros(DP_GEMM_SCRATCH * sizeof(float)));
        add_numbers(g, n * (k + gap));
        REPORT_PRODUCT;
    }
}

static void of_column_sums(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *sums = zeros(columns * sizeof(float));
        dp_bfloat16_column_sums(used_set, rows, columns, random_rows(rows, columns, kind), filled_up(columns), sums);
        add_numbers(sums, columns);
        (void)count;
        REPORT_TABLE;
    }
}

#define of_pack_weights of_gemm_nn
#define of_pack_b of_gemm_tn

#define CASES(name, parameters, arguments) {"bfloat16_" #name, of_##name},
const kernel_cases bfloat16_cases[] = {DP_BFLOAT16_KERNELS(CASES)};
const size_t bfloat16_cases_count = sizeof bfloat16_cases / sizeof *bfloat16_cases;
