#include "CKernels.h"
#include "exponentials.h"

#define REAL float
#define DP_NAME(name) name##_f32
#define EXP(x) dp_expf(x)
#define EXPM1_NEGATIVE(x) dp_expm1_negativef(x)
#define TANH(x) dp_tanhf(x)
#define LOG(x) logf(x)
#define DP_VECTORIZE_EXPONENTIALS DP_VECTORIZE
#include "kernels_dispatch.h"
