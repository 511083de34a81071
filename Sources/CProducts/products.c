#include <string.h>

#include "CProducts.h"

// Values of k in a run of multiply-adds, in a chunk, and rows of a left factor that a chunk of is held in the cache.
#define DP_RUN 128
#define DP_CHUNK 512
#define DP_BLOCK 96

#define REAL float
#define DP_NAME(name) name##_f32
#include "products_table.h"
#undef REAL
#undef DP_NAME
#define REAL double
#define DP_NAME(name) name##_f64
#include "products_table.h"
#undef REAL
#undef DP_NAME

// Which sums fit into the registers: with 32 registers of 64 bytes 12 rows of 2; with 16 of 32 bytes 6 rows of 1, each
// in two registers, or in four of arm64's 32.

#if defined(__x86_64__)

#define DP_TARGET __attribute__((target(DP_AVX512_FEATURES), min_vector_width(512)))
#define DP_TILE 12
#define DP_VECTORS 2
#define REAL float
#define DP_LANES 16
#define DP_FN(name) name##_f32_avx512
#define dp_products_f32_avx512 dp_products_f32
#include "products_template.h"
#undef REAL
#undef DP_LANES
#undef DP_FN
#define REAL double
#define DP_LANES 8
#define DP_FN(name) name##_f64_avx512
#define dp_products_f64_avx512 dp_products_f64
#include "products_template.h"
#undef REAL
#undef DP_LANES
#undef DP_FN
#undef DP_TARGET
#undef DP_TILE
#undef DP_VECTORS

#define DP_TARGET __attribute__((target(DP_AVX2_FEATURES)))
#define DP_TILE 6
#define DP_VECTORS 1
#define REAL float
#define DP_LANES 16
#define DP_FN(name) name##_f32_avx2
#define dp_products_f32_avx2 dp_products_f32
#include "products_template.h"
#undef REAL
#undef DP_LANES
#undef DP_FN
#define REAL double
#define DP_LANES 8
#define DP_FN(name) name##_f64_avx2
#define dp_products_f64_avx2 dp_products_f64
#include "products_template.h"
#undef REAL
#undef DP_LANES
#undef DP_FN
#undef DP_TARGET
#undef DP_TILE
#undef DP_VECTORS

#endif

#define DP_TARGET
#define DP_TILE 6
#define DP_VECTORS 1
#define REAL float
#define DP_LANES 16
#define DP_FN(name) name##_f32_baseline
#define dp_products_f32_baseline dp_products_f32
#include "products_template.h"
#undef REAL
#undef DP_LANES
#undef DP_FN
#define REAL double
#define DP_LANES 8
#define DP_FN(name) name##_f64_baseline
#define dp_products_f64_baseline dp_products_f64
#include "products_template.h"
#undef REAL
#undef DP_LANES
#undef DP_FN

static const dp_products_f32 *const tables_f32[] = {
    &dp_table_f32_baseline,
#if defined(__x86_64__)
    &dp_table_f32_avx2, &dp_table_f32_avx512,
#endif
};
static const dp_products_f64 *const tables_f64[] = {
    &dp_table_f64_baseline,
#if defined(__x86_64__)
    &dp_table_f64_avx2, &dp_table_f64_avx512,
#endif
};

#define REAL float
#define DP_NAME(name) name##_f32
#define DP_TABLES tables_f32
#include "products_dispatch.h"
#undef REAL
#undef DP_NAME
#undef DP_TABLES
#define REAL double
#define DP_NAME(name) name##_f64
#define DP_TABLES tables_f64
#include "products_dispatch.h"
