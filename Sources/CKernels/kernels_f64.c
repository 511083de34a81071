#include "CKernels.h"
#include "exponentials.h"

// Double precision is there to check single precision and gradients, so it takes the C library's functions.
#define REAL double
#define DP_NAME(name) name##_f64
#define EXP(x) exp(x)
#define EXPM1_NEGATIVE(x) expm1(x)
#define TANH(x) tanh(x)
#define LOG(x) log(x)
#define DP_VECTORIZE_EXPONENTIALS
#include "kernels_dispatch.h"
