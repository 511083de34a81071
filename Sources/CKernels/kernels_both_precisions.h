// All kernels of one instruction set, in both precisions, and their table. A file for the instruction set includes this
// once, after defining
//
//   DP_TARGET        the attribute that lets a function use the instruction set
//   DP_GEMM_TARGET   the same for products, if it is another one
//   DP_MR, DP_MR_VECTORS   how products use its registers: see gemm.h
//   DP_TABLE         the table's name

#include <string.h>

#include "fused.h"
#include "kernels.h"
#include "philox.h"
#include "polynomials.h"
#include "prefetch.h"

#ifndef DP_GEMM_TARGET
#define DP_GEMM_TARGET DP_TARGET
#endif

#define REAL float
#define FIXED int32_t
#define DP_FN(name) dp_##name##_f32
#define DP_LANES 16
#define EXP(x) dp_expf(x)
#define EXPM1_NEGATIVE(x) dp_expm1_negativef(x)
#define TANH(x) dp_tanhf(x)
#define NORMAL_CDF(x) dp_normal_cdff(x)
#define LOG(x) dp_logf(x)
#define FMA(a, b, c) dp_fmaf(a, b, c)
#define DP_FMA_VECTOR DP_FMA_VECTOR_F32
#define DP_VECTORIZE_FUNCTIONS DP_VECTORIZE
#include "elementwise.h"
#include "rows.h"
#include "fixed_point.h"
#include "optimizers.h"
#include "gemm.h"

#undef REAL
#undef FIXED
#undef DP_FN
#undef DP_LANES
#undef EXP
#undef EXPM1_NEGATIVE
#undef TANH
#undef NORMAL_CDF
#undef LOG
#undef FMA
#undef DP_FMA_VECTOR
#undef DP_VECTORIZE_FUNCTIONS

// Double precision is there to check single precision and gradients, so it takes the C library's functions.
#define REAL double
#define FIXED int64_t
#define DP_FN(name) dp_##name##_f64
#define DP_LANES 8
#define EXP(x) exp(x)
#define EXPM1_NEGATIVE(x) expm1(x)
#define TANH(x) tanh(x)
#define NORMAL_CDF(x) (0.5 * erfc((x) * -0x1.6a09e667f3bcdp-1))
#define LOG(x) log(x)
#define FMA(a, b, c) dp_fma(a, b, c)
#define DP_FMA_VECTOR DP_FMA_VECTOR_F64
#define DP_VECTORIZE_FUNCTIONS
#include "elementwise.h"
#include "rows.h"
#include "fixed_point.h"
#include "optimizers.h"
#include "gemm.h"

#define DP_ENTRY_F32(result, name, parameters, arguments) .name = dp_##name##_f32,
#define DP_ENTRY_F64(result, name, parameters, arguments) .name = dp_##name##_f64,
const dp_kernels DP_TABLE = {
    .f32 = {DP_KERNELS(DP_ENTRY_F32, float, float)},
    .f64 = {DP_KERNELS(DP_ENTRY_F64, double, double)},
};
