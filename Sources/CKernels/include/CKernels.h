// Element-wise and row-wise kernels, in single (_f32) and double (_f64) precision.
//
// Matrices are row-major without gaps. Each kernel exists for every instruction set, and the one in use is taken. A result
// never depends on where an element stands in a vector: every lane and the loop's remainder evaluate the same expression.
#ifndef DP_TRAIN_CKERNELS_H
#define DP_TRAIN_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "instruction_set.h"

#define DP_KERNEL(type, name, parameters, arguments) type DP_NAME(name) parameters;

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

#undef DP_KERNEL

#endif
