// Element-wise and row-wise kernels, in single (_f32) and double (_f64) precision.
//
// Matrices are row-major without gaps. On x86-64 Linux each kernel exists for AVX-512, AVX2 and the baseline, and
// the loader picks one for the CPU. A result never depends on where an element stands in a vector: every lane and
// the loop's remainder evaluate the same expression.
#ifndef DP_TRAIN_CKERNELS_H
#define DP_TRAIN_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#define REAL float
#define DP_NAME(name) name##_f32
#include "kernels_interface.h"
#undef REAL
#undef DP_NAME

#define REAL double
#define DP_NAME(name) name##_f64
#include "kernels_interface.h"
#undef REAL
#undef DP_NAME

#endif
