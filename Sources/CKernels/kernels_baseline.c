// The kernels that every CPU of the architecture has.

#define DP_TARGET
#define DP_BASELINE
// With 16 registers of 16 bytes, or arm64's 32: see gemm.h.
#define DP_MR 6
#define DP_MR_VECTORS 1
#define DP_TABLE dp_kernels_baseline
#include "kernels_both_precisions.h"
