#if defined(__x86_64__)
#include "targets.h"

#define DP_TARGET __attribute__((target(DP_AVX2_FEATURES)))
// With 16 registers of 32 bytes: see gemm.h.
#define DP_MR 6
#define DP_MR_VECTORS 1
#define DP_TABLE dp_kernels_avx2
#include "kernels_both_precisions.h"

#endif
