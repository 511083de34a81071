#if defined(__x86_64__)
#include "targets.h"

#define DP_TARGET __attribute__((target(DP_AVX512_FEATURES), min_vector_width(512)))
#define DP_MR 12
#define DP_MR_VECTORS 2
#include "bfloat16_kernels.h"
#include "bfloat16_rows.h"
#include "bfloat16_gemm.h"

const dp_bfloat16_kernels dp_bfloat16_avx512 = {DP_BFLOAT16_KERNELS(DP_BFLOAT16_ENTRY)};

#endif
