#if defined(__x86_64__)
#include "targets.h"

#define DP_TARGET __attribute__((target(DP_AVX2_FEATURES)))
#define DP_MR 6
#define DP_MR_VECTORS 1
#include "bfloat16_kernels.h"
#include "bfloat16_rows.h"
#include "bfloat16_gemm.h"

const dp_bfloat16_kernels dp_bfloat16_avx2 = {DP_BFLOAT16_KERNELS(DP_BFLOAT16_ENTRY)};

#endif
