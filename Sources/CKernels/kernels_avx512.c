#if defined(__x86_64__)
#include "targets.h"

#define DP_TARGET __attribute__((target(DP_AVX512_FEATURES)))
// Products keep vectors of 64 bytes whole.
#define DP_GEMM_TARGET __attribute__((target(DP_AVX512_FEATURES), min_vector_width(512)))
// With 32 registers of 64 bytes: see gemm.h.
#define DP_MR 12
#define DP_MR_VECTORS 2
#define DP_TABLE dp_kernels_avx512
#include "kernels_both_precisions.h"

#endif
