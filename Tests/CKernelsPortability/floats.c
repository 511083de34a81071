// Cases of the kernels in single precision: those of kernel_list.h, and the digest.
#include <math.h>
#include <string.h>

#include "cases.h"

// --- Matrix products --------------------------------------------------------------------------------------------

// Around the lengths of panels, of runs of k (128), and of the blocks DP_KC and DP_MC.
static const struct {
    size_t m, n, k;
} products[] = {{1, 1, 1},     {2, 5, 3},     {5, 16, 8},    {6, 31, 127},  {7, 33, 128},
                {11, 64, 129}, {12, 65, 130}, {13, 17, 513}, {97, 40, 1029}, {195, 100, 96}};

#define FOR_PRODUCTS for (size_t c = 0; c < sizeof products / sizeof *products; c++)
#define PRODUCT const size_t m = products[c].m, n = products[c].n, k = products[c].k
#define REPORT_PRODUCT report("%zux%zux%zu,%s", m, n, k, kind_names[kind])

static size_t packed_count(size_t k, size_t n) { return (n + DP_NR - 1) / DP_NR * DP_NR * k; }

static float *packed_b(size_t k, size_t n, kind kind) {
    float *packed = zeros(packed_count(k, n) * sizeof(float));
    dp_pack_b(dp_float32, k, n, numbers(k * n, kind), n, packed);
    return packed;
}

static void of_gemm_nn(void) {
    FOR_KINDS FOR_PRODUCTS {
        PRODUCT;
        float *y = numbers(m * (n + gap), ordinary);
        dp_gemm_nn(dp_float32, m, n, k, numbers(m * (k + gap), kind), k + gap, packed_b(k, n, kind), y, n + gap,
                   zeros(DP_GEMM_SCRATCH * sizeof(float)));
        add_numbers(y, m * (n + gap));
        REPORT_PRODUCT;
    }
}

static void of_gemm_tn(void) {
    FOR_KINDS FOR_PRODUCTS {
        PRODUCT;
        float *y = numbers(m * (n + gap), ordinary);
        dp_gemm_tn(dp_float32, m, n, k, numbers(k * (m + gap), kind), m + gap, packed_b(k, n, kind), y, n + gap,
                   zeros(DP_GEMM_SCRATCH * sizeof(float)));
        add_numbers(y, m * (n + gap));
        REPORT_PRODUCT;
    }
}

// Rows of as many channels as divide them, three at most.
static dp_pixels random_pixels(size_t rows, size_t columns) {
    const size_t channels = columns % 3 == 0 ? 3 : columns % 2 == 0 ? 2 : 1;
    return (dp_pixels){bytes(rows * (columns + gap)), columns + gap, columns / channels};
}

static void of_gemm_pixels(void) {
    FOR_KINDS FOR_PRODUCTS {
        PRODUCT;
        float *y = numbers(m * n, ordinary);
        const dp_pixels a = random_pixels(m, k);
        dp_gemm_pixels(dp_float32, m, n, k, a, numbers(3, kind), numbers(3, kind), packed_b(k, n, kind), y, n,
                       zeros(DP_GEMM_SCRATCH * sizeof(float)));
        add_numbers(y, m * n);
        REPORT_PRODUCT;
    }
}

static void of_convert_pixels(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *y = zeros(count * sizeof(float));
        dp_convert_pixels(dp_float32, rows, columns, random_pixels(rows, columns), numbers(3, kind), numbers(3, kind), y);
        add_numbers(y, count);
        REPORT_TABLE;
    }
}

static void of_pack_b(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        add_numbers(packed_b(rows, columns, kind), packed_count(rows, columns));
        (void)count;
        REPORT_TABLE;
    }
}

static void of_pack_b_transposed(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *packed = zeros(packed_count(rows, columns) * sizeof(float));
        dp_pack_b_transposed(dp_float32, rows, columns, numbers(count, kind), rows, packed, rows * DP_NR);
        add_numbers(packed, packed_count(rows, columns));
        REPORT_TABLE;
    }
}

static void of_pack_b_pixels(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        const size_t first = columns / 2;
        float *packed = zeros(packed_count(rows, columns) * sizeof(float));
        dp_pack_b_pixels(dp_float32, rows, first, columns - first, random_pixels(rows, columns), numbers(3, kind),
                         numbers(3, kind), packed);
        add_numbers(packed, packed_count(rows, columns - first));
        (void)count;
        REPORT_TABLE;
    }
}

// --- Element by element -----------------------------------------------------------------------------------------

// y from x, then millions of arguments of all magnitudes and both signs, NaN and infinities among them.
#define OF_FUNCTION(name, call)                                                                   \
    static void of_##name(void) {                                                                 \
        FOR_KINDS FOR_COUNTS {                                                                    \
            const size_t count = counts[c];                                                       \
            const float *x = numbers(count, kind);                                                \
            float *y = zeros(count * sizeof(float));                                              \
            call;                                                                                 \
            add_numbers(y, count);                                                                \
            report("%zu,%s", count, kind_names[kind]);                                            \
        }                                                                                         \
        enum { count = 4096, step = 4093 };                                                       \
        float *x = zeros(count * sizeof(float)), *y = zeros(count * sizeof(float));               \
        for (uint64_t bits = 0; bits < (uint64_t)1 << 32;) {                                      \
            for (size_t i = 0; i < count; i++, bits += step) x[i] = float_of((uint32_t)bits);     \
            call;                                                                                 \
            add_numbers(y, count);                                                                \
        }                                                                                         \
        report("every-%dth", (int)step);                                                          \
    }

OF_FUNCTION(exp, dp_exp(dp_float32, count, x, y))
OF_FUNCTION(elu, dp_elu(dp_float32, count, 0.7, x, y))
OF_FUNCTION(relu, dp_relu(dp_float32, count, x, y))
OF_FUNCTION(tanh, dp_tanh(dp_float32, count, x, y))
OF_FUNCTION(gelu, dp_gelu(dp_float32, count, x, y))
OF_FUNCTION(gelu_backward, (memset(y, 0x3f, count * sizeof(float)), dp_gelu_backward(dp_float32, count, x, y)))

// y is changed by x.
#define OF_PAIRS(name, call)                                                                      \
    static void of_##name(void) {                                                                 \
        FOR_KINDS FOR_COUNTS {                                                                    \
            const size_t count = counts[c];                                                       \
            const float *x = numbers(count, kind);                                                \
            float *y = numbers(count, kind);                                                      \
            (void)x;                                                                              \
            call;                                                                                 \
            add_numbers(y, count);                                                                \
            report("%zu,%s", count, kind_names[kind]);                                            \
        }                                                                                         \
    }

OF_PAIRS(elu_backward, dp_elu_backward(dp_float32, count, 0.7, x, y))
OF_PAIRS(relu_backward, dp_relu_backward(dp_float32, count, x, y))
OF_PAIRS(tanh_backward, dp_tanh_backward(dp_float32, count, x, y))
OF_PAIRS(add, dp_add(dp_float32, count, x, y))
OF_PAIRS(scale, dp_scale(dp_float32, count, 0.3, y))
OF_PAIRS(blend, dp_blend(dp_float32, count, 0.1, x, y))

static void of_dropout(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *x = numbers(count, kind);
        dp_dropout(dp_float32, rows, columns, 0.3, 0x0123456789abcdefu, 5, 77, 1000003, x);
        add_numbers(x, count);
        REPORT_TABLE;
    }
}

// --- Rows and columns -------------------------------------------------------------------------------------------

static void of_add_bias(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *x = numbers(count, kind);
        dp_add_bias(dp_float32, rows, columns, numbers(columns, kind), x);
        add_numbers(x, count);
        REPORT_TABLE;
    }
}

static void of_column_sums(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *sums = zeros(columns * sizeof(float));
        dp_column_sums(dp_float32, rows, columns, numbers(count + rows * gap, kind), columns + gap, sums);
        add_numbers(sums, columns);
        (void)count;
        REPORT_TABLE;
    }
}

static void of_column_moments(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *mean = zeros(columns * sizeof(float)), *m2 = zeros(columns * sizeof(float));
        dp_column_moments(dp_float32, rows, columns, numbers(count, kind), mean, m2);
        add_numbers(mean, columns);
        add_numbers(m2, columns);
        REPORT_TABLE;
    }
}

static void of_merge_moments(void) {
    FOR_KINDS FOR_COUNTS {
        const size_t columns = counts[c];
        float *into = numbers(2 * columns, kind);
        dp_merge_moments(dp_float32, columns, 0.3, 4.2, numbers(2 * columns, kind), into);
        add_numbers(into, 2 * columns);
        report("%zu,%s", columns, kind_names[kind]);
    }
}

static void of_variances(void) {
    FOR_KINDS FOR_COUNTS {
        const size_t columns = counts[c];
        float *variance = zeros(columns * sizeof(float)), *scale = zeros(columns * sizeof(float));
        dp_variances(dp_float32, columns, 127, 126, 1e-5, without_sign(numbers(columns, kind), columns), variance, scale);
        add_numbers(variance, columns);
        add_numbers(scale, columns);
        report("%zu,%s", columns, kind_names[kind]);
    }
}

static void of_scales(void) {
    FOR_KINDS FOR_COUNTS {
        const size_t columns = counts[c];
        float *scale = zeros(columns * sizeof(float));
        dp_scales(dp_float32, columns, 1e-5, without_sign(numbers(columns, kind), columns), scale);
        add_numbers(scale, columns);
        report("%zu,%s", columns, kind_names[kind]);
    }
}

static void of_batch_norm(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *x = numbers(count, kind), *y = zeros(count * sizeof(float));
        dp_batch_norm(dp_float32, rows, columns, numbers(columns, kind), numbers(columns, kind), numbers(columns, kind),
                      numbers(columns, kind), x, y);
        add_numbers(x, count);
        add_numbers(y, count);
        REPORT_TABLE;
    }
}

static void of_batch_norm_sums(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *sums = zeros(columns * sizeof(float)), *products = zeros(columns * sizeof(float));
        dp_batch_norm_sums(dp_float32, rows, columns, numbers(count, kind), numbers(count, kind), sums, products);
        add_numbers(sums, columns);
        add_numbers(products, columns);
        REPORT_TABLE;
    }
}

static void of_batch_norm_backward(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *d = numbers(count, kind);
        dp_batch_norm_backward(dp_float32, rows, columns, (double)rows, numbers(columns, kind), numbers(columns, kind),
                               numbers(columns, kind), numbers(columns, kind), numbers(count, kind), d);
        add_numbers(d, count);
        REPORT_TABLE;
    }
}

static void of_layer_norm(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *x = bounded(numbers(count, kind), count), *y = zeros(count * sizeof(float));
        float *scale = zeros(rows * sizeof(float));
        dp_layer_norm(dp_float32, rows, columns, 1e-5, numbers(columns, kind), numbers(columns, kind), x, y, scale);
        add_numbers(x, count);
        add_numbers(y, count);
        add_numbers(scale, rows);
        REPORT_TABLE;
    }
}

static void of_layer_norm_backward(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *d = bounded(numbers(count, kind), count);
        dp_layer_norm_backward(dp_float32, rows, columns, bounded(numbers(columns, kind), columns), numbers(rows, kind),
                               bounded(numbers(count, kind), count), d);
        add_numbers(d, count);
        REPORT_TABLE;
    }
}

static void of_softmax(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *y = zeros(count * sizeof(float));
        dp_softmax(dp_float32, rows, columns, bounded(numbers(count, kind), count), y);
        add_numbers(y, count);
        REPORT_TABLE;
    }
}

static void of_softmax_backward(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *y = numbers(count, ordinary), *d = bounded(numbers(count, kind), count);
        dp_softmax(dp_float32, rows, columns, copy(y, count), y);
        dp_softmax_backward(dp_float32, rows, columns, y, d);
        add_numbers(d, count);
        REPORT_TABLE;
    }
}

static void of_softmax_cross_entropy(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *z = bounded(numbers(count, kind), count);
        int32_t *labels = zeros(rows * sizeof(int32_t));
        for (size_t r = 0; r < rows; r++) labels[r] = (int32_t)(random_word() % columns);
        size_t correct = 0;
        add_double(dp_softmax_cross_entropy(dp_float32, rows, columns, z, labels, 1.0 / 7, z, &correct));
        add_numbers(z, count);
        add_double((double)correct);
        REPORT_TABLE;
    }
}

static void of_softmax_cross_entropy_soft(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *z = bounded(numbers(count, kind), count), *targets = zeros(count * sizeof(float));
        dp_softmax(dp_float32, rows, columns, numbers(count, ordinary), targets);
        size_t correct = 0;
        add_double(dp_softmax_cross_entropy_soft(dp_float32, rows, columns, z, targets, 1.0 / 7, z, &correct));
        add_numbers(z, count);
        add_double((double)correct);
        REPORT_TABLE;
    }
}

// --- Sums in fixed point ----------------------------------------------------------------------------------------

static void of_column_magnitudes(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        float *magnitudes = without_sign(numbers(columns, ordinary), columns);
        dp_column_magnitudes(dp_float32, rows, columns, numbers(count + rows * gap, kind), columns + gap, magnitudes);
        add_numbers(magnitudes, columns);
        (void)count;
        REPORT_TABLE;
    }
}

static void of_largest_magnitude(void) {
    FOR_KINDS FOR_COUNTS {
        const size_t count = counts[c];
        add_double(dp_largest_magnitude(dp_float32, count, numbers(count, kind)));
        report("%zu,%s", count, kind_names[kind]);
    }
}

// Two terms, among special ones NaN and what is beyond the limit. A factor of 0 makes NaN of infinities.
static int32_t *fixed_sums(size_t rows, size_t columns, kind kind) {
    const size_t stride = columns + gap, all = rows * stride;
    int32_t *sums = zeros(all * sizeof(int32_t));
    float *factors = zeros(rows * sizeof(float));
    for (size_t r = 0; r < rows; r++) factors[r] = r % 5 == 4 ? 0 : (float)(1 << (r % 4 * 9));
    for (int term = 0; term < 2; term++)
        dp_add_fixed(dp_float32, rows, columns, numbers(all, kind), stride, factors, 0x1.ff8p29, term == 0, sums, stride);
    return sums;
}

static void of_add_fixed(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        add_bytes(fixed_sums(rows, columns, kind), (count + rows * gap) * sizeof(int32_t));
        REPORT_TABLE;
    }
}

static void of_from_fixed(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        const size_t stride = columns + gap, all = count + rows * gap;
        float *y = numbers(all, ordinary);
        dp_from_fixed(dp_float32, rows, columns, fixed_sums(rows, columns, kind), stride, numbers(rows, ordinary), y,
                      stride);
        add_numbers(y, all);
        REPORT_TABLE;
    }
}

// --- Optimizers -------------------------------------------------------------------------------------------------

static void of_sgd(void) {
    static const struct {
        double momentum;
        int nesterov;
        double decay;
        double l1;
    } variants[] = {{0, 0, 0, 0}, {0, 0, 1e-3, 0}, {0.9, 0, 1e-3, 0}, {0.9, 1, 1e-3, 0},
                  {0, 0, 0, 1e-2}, {0.9, 1, 1e-3, 1e-2}};
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        FOR_KINDS FOR_TABLES {
            TABLE;
            const size_t stride = columns + gap, all = rows * stride;
            float *velocity = numbers(all, kind), *parameters = numbers(all, kind);
            dp_sgd(dp_float32, rows, columns, 0.05, variants[i].momentum, variants[i].nesterov, variants[i].decay,
                   variants[i].l1, numbers(count, kind), columns, variants[i].momentum == 0 ? NULL : velocity, parameters, stride);
            add_numbers(velocity, all);
            add_numbers(parameters, all);
            report("%zux%zu,%s,variant-%zu", rows, columns, kind_names[kind], i);
        }
    }
}

static void of_adamw(void) {
    for (int has_l1 = 0; has_l1 <= 1; has_l1++) FOR_KINDS FOR_TABLES {
        TABLE;
        const size_t stride = columns + gap, all = rows * stride;
        float *m = numbers(all, kind), *v = without_sign(numbers(all, kind), all), *parameters = numbers(all, kind);
        dp_adamw(dp_float32, rows, columns, 1e-3, 0.9, 0.999, 1e-8, 1e-2, has_l1 * 0.5, 0.271, 2.997e-3,
                 numbers(count, kind), columns, m, v, parameters, stride);
        add_numbers(m, all);
        add_numbers(v, all);
        add_numbers(parameters, all);
        report("%zux%zu,%s,l1-%d", rows, columns, kind_names[kind], has_l1);
    }
}

static void of_lion(void) {
    FOR_KINDS FOR_TABLES {
        TABLE;
        const size_t stride = columns + gap, all = rows * stride;
        float *m = numbers(all, kind), *parameters = numbers(all, kind);
        dp_lion(dp_float32, rows, columns, 1e-4, 0.9, 0.99, 1e-2, numbers(count, kind), columns, m, parameters, stride);
        add_numbers(m, all);
        add_numbers(parameters, all);
        REPORT_TABLE;
    }
}

// --- The digest of copies ---------------------------------------------------------------------------------------

static void of_digest_f32(void) {
    FOR_KINDS FOR_COUNTS {
        const size_t count = counts[c];
        const dp_digest found = dp_digest_f32(2 * count, count, numbers(count, kind));
        add_bytes(&found.sum, sizeof found.sum);
        add_bytes(&found.has_non_finite, sizeof found.has_non_finite);
        report("%zu,%s", count, kind_names[kind]);
    }
}

#define CASES(result, name, parameters, arguments) {#name, of_##name},
const kernel_cases float_cases[] = {DP_KERNELS(CASES, float, float){"digest_f32", of_digest_f32}};
const size_t float_cases_count = sizeof float_cases / sizeof *float_cases;
