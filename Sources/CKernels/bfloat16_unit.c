// Products of bfloat16 numbers by AVX-512's vdpbf16ps.
#if defined(__x86_64__)
#include <immintrin.h>

#include "targets.h"

#define DP_TARGET __attribute__((target(DP_BFLOAT16_FEATURES), min_vector_width(512)))
#define DP_MR 12
#define DP_MR_VECTORS 2
#include "bfloat16_kernels.h"

DP_STATIC dp_floats dp_pair_sum(dp_floats sum, dp_pairs x, dp_pairs right) {
    return (dp_floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)right);
}
#define DP_PAIR_SUM(sum, x, right) dp_pair_sum(sum, x, right)

DP_STATIC dp_thirty_two dp_round_two(dp_floats x, dp_floats y) {
    return (dp_thirty_two)_mm512_cvtne2ps_pbh((__m512)y, (__m512)x);
}
#define DP_ROUND(x, y) dp_round_two(x, y)

#include "bfloat16_rows.h"
#include "bfloat16_gemm.h"

const dp_bfloat16_kernels dp_bfloat16_unit = {DP_BFLOAT16_KERNELS(DP_BFLOAT16_ENTRY)};

#endif
