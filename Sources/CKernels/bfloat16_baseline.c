// Products of bfloat16 numbers on what every CPU of the architecture has.

#define DP_TARGET
#define DP_BASELINE
#define DP_MR 6
#define DP_MR_VECTORS 1
#include "bfloat16_kernels.h"
#include "bfloat16_rows.h"
#include "bfloat16_gemm.h"

const dp_bfloat16_kernels dp_bfloat16_baseline = {DP_BFLOAT16_KERNELS(DP_BFLOAT16_ENTRY)};
